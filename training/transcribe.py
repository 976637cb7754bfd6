"""Write down what is said where the corpus does not: in batches, going on after a kill."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Protocol

import lightning
import pandas as pd
import torch
from tqdm import tqdm

from ser.audio import Waveform, load_audio
from ser.encoders import choose_dtype
from ser.errors import SerError
from ser.transcript import Transcript
from ser.transcription import SphinxTranscriber, WhisperTranscriber
from training import manifest
from training.config import Config
from training.extract import gather, launch
from training.files import Journal, whole_file
from training.whisper_batches import WhisperBatches

logger = logging.getLogger(__name__)

PARTS: Final = "transcripts.parts"  # one journal per process, below `config.work`
POCKETSPHINX: Final = "pocketsphinx"


class Writer(Protocol):
    """What writes down several clips."""

    def write_down(self, waveforms: Sequence[Waveform]) -> list[Transcript]:
        """One transcript per waveform."""
        ...


class SphinxBatches:
    """The offline recogniser, one clip after the other."""

    def __init__(self) -> None:
        self.transcriber = SphinxTranscriber()

    def write_down(self, waveforms: Sequence[Waveform]) -> list[Transcript]:
        """One transcript per waveform."""
        return [self.transcriber.transcribe(waveform) for waveform in waveforms]


def run(config: Config) -> None:
    """Write `config.transcripts` for the recordings of the manifest that have none.

    Parquet: id, audio_sha256, text, language (as the recogniser heard it), source. Clips are cut at
    `features.max_seconds`, as the encoders hear them. Started again, it goes on from what is
    finished; several devices share the work.
    """
    frame = manifest.read_manifest(config.manifest)
    manifest.check(frame, config, required=False)
    silent = frame[frame["transcript"].isna()]
    fabric = launch(config)
    written = _written(config)
    # The longest first: the time left is then told too long rather than too short.
    left = silent[~silent["audio_sha256"].isin(written)].drop_duplicates("audio_sha256")
    left = left.sort_values(["duration_s", "id"], ascending=[False, True])
    gather(fabric, None)  # all have read before anyone writes
    if fabric.is_global_zero:
        logger.info(
            "%d recordings have no transcript in their corpus, %d of them are still to be written.",
            len(silent), len(left),
        )  # fmt: skip
    fault = None
    try:
        if len(left):
            own = left.iloc[fabric.global_rank :: fabric.world_size]
            _transcribe(own, _writer(config, fabric), config, fabric)
    except SerError as error:
        fault = str(error)
    if faults := [told for told in gather(fabric, fault) if told]:
        raise SerError(faults[0])
    if fabric.is_global_zero:
        _write_parquet(silent, config)


def _writer(config: Config, fabric: lightning.Fabric) -> Writer:
    if config.transcriber == POCKETSPHINX:
        return SphinxBatches()
    dtype = choose_dtype(fabric.device, config.features.precision)
    return WhisperBatches(
        WhisperTranscriber.from_pretrained(config.transcriber, device=fabric.device, dtype=dtype)
    )


def _transcribe(
    rows: pd.DataFrame, writer: Writer, config: Config, fabric: lightning.Fabric
) -> None:
    """Append each batch to this process' journal as soon as it is written down."""
    journal = Journal(config.work / PARTS / f"{fabric.global_rank}.jsonl")
    bar = tqdm(total=len(rows), desc="transcribe", unit="clip", disable=not fabric.is_global_zero)
    with bar:
        for part in _parts(rows, config.features.batch_size):
            waveforms = [
                load_audio(config.data / path).slice(0.0, config.features.max_seconds)
                for path in part["path"]
            ]
            try:
                transcripts = writer.write_down(waveforms)
            except torch.OutOfMemoryError as error:
                raise SerError(
                    f"The device has too little memory for {len(part)} clips at a time: lower "
                    "features.batch_size and run the same command again; it goes on from there."
                ) from error
            journal.add(
                [
                    _record(digest, transcript)
                    for digest, transcript in zip(part["audio_sha256"], transcripts, strict=True)
                ]
            )
            bar.update(len(part))


def _parts(rows: pd.DataFrame, size: int) -> Iterator[pd.DataFrame]:
    for start in range(0, len(rows), size):
        yield rows.iloc[start : start + size]


def _record(digest: str, transcript: Transcript) -> dict[str, Any]:
    return {
        "audio_sha256": digest,
        "text": transcript.text,
        "language": transcript.language,
        "source": transcript.source,
    }


def _written(config: Config) -> dict[str, dict[str, Any]]:
    """Hash of the audio -> what this configuration's recogniser wrote of it before."""
    journals: Iterable[Journal] = map(Journal, sorted((config.work / PARTS).glob("*.jsonl")))
    return {
        record["audio_sha256"]: record
        for journal in journals
        for record in journal.read()
        if record["source"] == config.transcriber
    }


def _write_parquet(silent: pd.DataFrame, config: Config) -> None:
    written = _written(config)
    records = [written[digest] for digest in silent["audio_sha256"]]
    columns = ["audio_sha256", "text", "language", "source"]
    table = pd.DataFrame(records, columns=columns).astype("str")
    table.insert(0, "id", silent["id"].to_list())
    with whole_file(config.transcripts) as partial:
        table.to_parquet(partial, index=False)
    logger.info("%d transcripts are in %s.", len(table), config.transcripts)
