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

    def between(self, start_s: float, end_s: float) -> "Transcript":
        """The words whose middle lies in a stretch, with their text joined anew."""
        words = tuple(
            word for word in self.words if start_s <= (word.start_s + word.end_s) / 2 < end_s
        )
        text = " ".join(word.text for word in words)
        return Transcript(text, words, self.source, self.language)


NO_TRANSCRIPT = Transcript(text="", words=(), source="none")
