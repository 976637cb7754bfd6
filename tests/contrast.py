"""Contrast of two colours as WCAG 2.2 defines it."""

import re


def contrast(first: str, second: str) -> float:
    """1 (equal) to 21 (black on white), for `#rrggbb` or `rgb(r, g, b)`."""
    darker, lighter = sorted((_luminance(first), _luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    channels = (
        [int(colour[start : start + 2], 16) for start in (1, 3, 5)]
        if colour.startswith("#")
        else [float(part) for part in re.findall(r"[\d.]+", colour)[:3]]
    )
    red, green, blue = (_linear(channel / 255) for channel in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(value: float) -> float:
    return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
