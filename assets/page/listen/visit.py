"""What one visit has analysed; it lives in gradio's state and nowhere else."""

import logging
from dataclasses import dataclass

from assets.page.telling import recogniser_in_use
from ser.audio import Waveform
from ser.errors import BundleError, SerError
from ser.plots import Envelope
from ser.prediction import Prediction
from ser.recognizer import Analysis, Recognizer
from ser.regions import Region, from_metrics, measured_on

log = logging.getLogger("app")
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
    """An analysis as the page shows it, kept for the visit with all that is told of its bundle.

    So nothing has to be loaded to show it again or to save it, whatever became of the bundle.
    """

    file: str
    analysis: Analysis | Remembered
    model: str  # name of the bundle that made it
    copy: str = ""  # under which name the browser keeps its copy of the sound: that of the upload
    writer: str = ""  # which recogniser was in use, and why
    regions: tuple[Region, ...] = ()  # where the emotions lie for this bundle
    regions_from: str = ""  # the recordings that they were measured on; empty where it is not told

    @classmethod
    def by(
        cls, recognizer: Recognizer, analysis: Analysis, model: str, file: str, copy: str
    ) -> "Shown":
        """What `recognizer`, known to the page as `model`, answered."""
        metrics = recognizer.bundle.metrics
        told = (recogniser_in_use(recognizer), _regions(recognizer), measured_on(metrics))
        return cls(file, analysis, model, copy, *told)

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


def _regions(recognizer: Recognizer) -> tuple[Region, ...]:
    """None where a bundle tells none, or tells them in a way nobody can read."""
    try:
        return from_metrics(recognizer.bundle.metrics)
    except BundleError as error:
        log.warning("no regions of %s: %s", recognizer.bundle.name, error)
        return ()
