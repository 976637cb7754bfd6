"""What one visit has analysed; it lives in gradio's state and nowhere else."""

from dataclasses import dataclass

from ser.audio import Waveform
from ser.errors import SerError
from ser.plots import Envelope
from ser.prediction import Prediction
from ser.recognizer import Analysis

NO_LONGER_HEARD = (
    "The recording of this take is no longer in memory, only what was found in it. "
    "Record or upload it again to analyse other words or a part of it."
)


@dataclass(frozen=True, eq=False)
class Remembered:
    """What is left of an older analysis: the answer, and the sound's outline for its pictures."""

    prediction: Prediction
    waveform: Envelope


@dataclass(frozen=True, eq=False)  # compared by identity: that is how gradio sees a change
class Shown:
    """An analysis as the page shows it, kept for the visit."""

    file: str
    analysis: Analysis | Remembered
    model: str  # name of the bundle that made it
    copy: str = ""  # under which name the browser keeps its copy of the sound: that of the upload

    @property
    def prediction(self) -> Prediction:
        """The answer; every analysis has one."""
        return self.analysis.prediction

    @property
    def sound(self) -> Waveform | Envelope:
        """What pictures draw of the sound."""
        return self.analysis.waveform

    def whole(self) -> Analysis:
        """The analysis with its recording. Raises SerError where only the answer is left."""
        if isinstance(self.analysis, Remembered):
            raise SerError(NO_LONGER_HEARD)
        return self.analysis
