"""What a visitor is told when something goes wrong, and what alone goes into the log."""

import logging

from ser.errors import SerError
from ser.prediction import Prediction
from ser.recognizer import Recognizer
from ser.speech import Sliding

log = logging.getLogger("app")
MAX_CHARACTERS = 50_000  # of a transcript; half an hour of quick speech has about 35 000
MOST_OVERLAP = 4  # windows that may hold the same moment: each is computed and remembered anew
FORGOTTEN = "The recording is no longer in memory. Record or upload it again."
WENT_WRONG = "Something went wrong on our side and nothing was analysed. Please try again."


def sentence(error: Exception) -> str:
    """What a user is told; the log alone gets the trace of what nobody foresaw."""
    if isinstance(error, SerError):
        return str(error)
    log.error("unforeseen", exc_info=error)
    return WENT_WRONG


def check_length(transcript: str | None) -> None:
    """Refuse what is no text, and more text than can be said in half an hour."""
    if not isinstance(transcript, str | None):
        raise SerError("A transcript is text, or null to have the words recognised.")
    if transcript and len(transcript) > MAX_CHARACTERS:
        raise SerError(
            f"The transcript has {len(transcript)} characters, more than the {MAX_CHARACTERS} "
            "that are allowed. Shorten it."
        )


def check_overlap(windows: Sliding) -> Sliding:
    """The same, where no moment lies in more of them than a page for many can compute."""
    if windows.hop_s * MOST_OVERLAP < windows.window_s:
        raise SerError(
            f"Windows of {windows.window_s:g} s follow each other after "
            f"{windows.window_s / MOST_OVERLAP:g} s at least. "
            "Choose more seconds until the next begins, or shorter windows."
        )
    return windows


def log_writer(prediction: Prediction) -> None:
    """Which recogniser wrote the text; neither the text nor the file is for the log."""
    log.info("words from: %s", prediction.transcript.source)


def recogniser_in_use(recognizer: Recognizer) -> str:
    """Which recogniser writes the text, and why."""
    transcriber = recognizer.transcriber
    if transcriber is None:
        return "No recogniser is in use. Write the words yourself."
    return getattr(transcriber, "status", f"{transcriber.name} writes the text.")
