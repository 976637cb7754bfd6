"""What one visit has analysed; it lives in gradio's state and nowhere else."""

from dataclasses import dataclass

from ser.recognizer import Analysis


@dataclass(frozen=True)
class Shown:
    """The analysis on the page, kept for the visit so that its transcript can be corrected."""

    file: str
    analysis: Analysis
    model: str  # name of the bundle that made it
