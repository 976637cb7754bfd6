"""Transcript types, shared by the recognisers, the fusion's text branch and the page."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Word:
    """One word and when it was said, in seconds from the start of the recording."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Transcript:
    """What was said, and who says so."""

    text: str
    words: tuple[Word, ...]
    source: str  # checkpoint name such as "openai/whisper-base", "pocketsphinx", "user", "none"
    language: str | None = None  # ISO 639-1 code; None when unknown

    def shifted(self, offset_s: float) -> "Transcript":
        """The same transcript, `offset_s` seconds later."""
        words = tuple(
            Word(word.text, word.start_s + offset_s, word.end_s + offset_s) for word in self.words
        )
        return Transcript(self.text, words, self.source, self.language)


NO_TRANSCRIPT = Transcript(text="", words=(), source="none")
