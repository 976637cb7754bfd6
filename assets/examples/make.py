"""Makes the example recordings beside this file: espeak-ng speaks, PyAV packs FLAC at 16 kHz.

    python assets/examples/make.py        (needs the program espeak-ng)

The page shows the files in the order of EXAMPLES.
"""

import io
import subprocess
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av

HERE = Path(__file__).resolve().parent
SAMPLE_RATE_HZ = 16_000


@dataclass(frozen=True)
class Example:
    """One sentence and the way it is spoken: espeak-ng's own scales."""

    name: str
    voice: str
    text: str
    pitch: int  # 0..99
    words_per_minute: int
    amplitude: int  # 0..200
    pitch_range: str  # SSML prosody: x-low .. x-high


EXAMPLES = (
    Example(
        "lively", "en-us+f3", "What a lovely surprise! I am so happy that you came!",
        68, 178, 85, "x-high",
    ),
    Example(
        "harsh", "en-gb+m3", "No! I told you, never touch my things again!",
        52, 205, 190, "x-high",
    ),
    Example(
        "slow", "en-gb-scotland+f2", "I miss him every day. Nothing feels right any more.",
        22, 118, 55, "x-low",
    ),
    Example(
        "plain", "en-us+m7", "The train to Oxford leaves from platform four at nine thirty.",
        42, 160, 95, "low",
    ),
)  # fmt: skip


def speak(example: Example) -> bytes:
    """The sentence as a wav file."""
    prosody = f'<prosody range="{example.pitch_range}">{example.text}</prosody>'
    command = [
        "espeak-ng", "-m", "--stdout", "-v", example.voice, "-p", str(example.pitch),
        "-s", str(example.words_per_minute), "-a", str(example.amplitude), prosody,
    ]  # fmt: skip
    return subprocess.run(command, check=True, capture_output=True).stdout


def write_flac(wav: bytes, path: Path) -> None:
    """16 kHz, mono, 16 bit."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE_HZ)
    with av.open(io.BytesIO(wav), "r") as source, av.open(str(path), "w", format="flac") as target:
        stream = target.add_stream("flac", rate=SAMPLE_RATE_HZ, layout="mono")
        stream.time_base = Fraction(1, SAMPLE_RATE_HZ)
        for frame in [*source.decode(audio=0), None]:
            for piece in resampler.resample(frame):
                target.mux(stream.encode(piece))
        target.mux(stream.encode(None))


if __name__ == "__main__":
    for example in EXAMPLES:
        path = HERE / f"{example.name}.flac"
        write_flac(speak(example), path)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
