"""Faults a user can mend. `str(error)` is a sentence that says what is wrong and what to do.

Page, command line and Python API show the same sentence; nothing else may reach a user.
"""


class SerError(Exception):
    """Base of every fault that the user, not the programmer, can mend."""


class AudioError(SerError):
    """The audio cannot be read or cannot be analysed."""


class NoSpeechError(AudioError):
    """The audio is readable but holds no speech, so there is no emotion to report."""


class MicrophoneError(SerError):
    """No microphone, or the library that reads it is missing."""


class EncoderError(SerError):
    """An encoder checkpoint cannot be loaded, or is not what the bundle expects."""


class TranscriptionError(SerError):
    """A speech recogniser cannot be loaded or used."""


class BundleError(SerError):
    """A bundle folder or Hub repository is missing, damaged or does not match its config."""


class HubError(SerError):
    """A checkpoint is neither on this machine nor can it be fetched from the Hugging Face Hub."""


class Cancelled(SerError):  # noqa: N818 - it ends the work as asked; nothing went wrong
    """The user did not want to wait for the rest of an analysis."""
