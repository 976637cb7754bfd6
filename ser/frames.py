"""What the speech encoders hear in each window; of long recordings it is never kept as a whole."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import overload

from torch import Tensor

from ser.audio import Waveform
from ser.encoders import EncoderBank
from ser.progress import NOBODY, Watch
from ser.recording import Recording
from ser.spool import let_go

BATCH_WINDOWS = 8
BATCH_S = 60.0  # seconds in a batch: large encoders take a minute for them, and nobody waits longer
KEPT_S = 120.0  # seconds of windows: large encoders make half a megabyte of each second

Frames = dict[str, Tensor]  # speech encoder -> [T, D] float32


def are_kept(recording: Recording) -> bool:
    """Whether a recording is short enough to keep all its frames in memory."""
    return sum(window.end_s - window.start_s for window in recording.windows) <= KEPT_S


@dataclass(frozen=True)
class FramesOnDemand(Sequence[Frames]):
    """The frames of a long recording's windows, encoded each time that they are asked for."""

    encoders: EncoderBank
    recording: Recording
    watch: Watch = NOBODY

    def watched(self, watch: Watch) -> "FramesOnDemand":
        """The same frames, with somebody looking on while they are made."""
        return replace(self, watch=watch)

    def __len__(self) -> int:
        return len(self.recording.windows)

    @overload
    def __getitem__(self, item: int) -> Frames: ...
    @overload
    def __getitem__(self, item: slice) -> tuple[Frames, ...]: ...
    def __getitem__(self, item: int | slice) -> Frames | tuple[Frames, ...]:
        if isinstance(item, int):
            return self[slice(item, item + 1 or None)][0]
        count = len(self)
        start, stop, _ = item.indices(count)
        cuts = self.recording.cut(self.recording.windows[item])
        watch = self.watch.part(start / count, stop / count)
        frames, _ = encode(self.encoders, cuts, watch=watch, first=start, total=count)
        let_go(self.recording.waveform.samples)
        return frames


def encode(
    encoders: EncoderBank,
    cuts: Sequence[Waveform],
    keep_padded: bool = False,
    watch: Watch = NOBODY,
    first: int = 0,
    total: int | None = None,
) -> tuple[tuple[Frames, ...], tuple[Tensor | None, ...]]:
    """Frames of each window, and Whisper's frames padded to 30 s where its decoder reads them too.

    `first` and `total` place these windows among those of the recording, for what is told.
    """
    frames: list[Frames] = []
    padded: list[Tensor | None] = []
    total = len(cuts) if total is None else total
    for start, stop in _batches(cuts):
        batch = cuts[start:stop]
        watch.tell(start / len(cuts), f"Listening: window {first + start + 1} of {total}")
        if keep_padded:
            whole = encoders.whisper.encode_padded(batch)
            padded += list(whole.split(1))
            whisper = encoders.whisper.trim(whole, batch)
        else:
            padded += [None] * len(batch)
            whisper = encoders.whisper.encode(batch)
        watch.tell((start + 0.5 * len(batch)) / len(cuts), "Listening")
        wavlm = encoders.wavlm.encode(batch)
        frames += [
            {
                "whisper": whisper.hidden[row][whisper.mask[row]],
                "wavlm": wavlm.hidden[row][wavlm.mask[row]],
            }
            for row in range(len(batch))
        ]
    return tuple(frames), tuple(padded)


def _batches(cuts: Sequence[Waveform]) -> Iterator[tuple[int, int]]:
    """First and behind last window of each batch: few enough, and short enough to cancel."""
    start, seconds = 0, 0.0
    for index, cut in enumerate(cuts):
        if index > start and (index - start == BATCH_WINDOWS or seconds + cut.duration_s > BATCH_S):
            yield start, index
            start, seconds = index, 0.0
        seconds += cut.duration_s
    if start < len(cuts):
        yield start, len(cuts)
