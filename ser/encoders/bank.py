"""The three encoders of a bundle, loaded together."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from ser.encoders.base import LAST_LAYER, EncoderSpec
from ser.encoders.roberta import RobertaBranch
from ser.encoders.wavlm import WavlmBranch
from ser.encoders.whisper import WhisperBranch
from ser.errors import EncoderError
from ser.hub import local_folder
from ser.labels import ENCODERS

INSIDE = "encoders/"  # how the names of encoders inside a bundle begin


@dataclass(frozen=True)
class EncoderBank:
    """Frozen Whisper encoder, WavLM and RoBERTa: the same objects train and serve."""

    whisper: WhisperBranch
    wavlm: WavlmBranch
    roberta: RobertaBranch

    @classmethod
    def load(
        cls,
        specs: Mapping[str, EncoderSpec],
        whisper_context: str,
        device: torch.device,
        dtype: torch.dtype,
        root: Path | None = None,
        layers: Mapping[str, tuple[int, ...]] | None = None,
    ) -> "EncoderBank":
        """Load each encoder by Hub name or folder; relative folders are looked up below `root`.

        `layers` are indexes into an encoder's hidden states; one that is not named gives its last.
        EncoderError for a layer that the checkpoint does not have.
        """
        chosen = dict.fromkeys(ENCODERS, LAST_LAYER) | dict(layers or {})
        whisper, wavlm, roberta = (folder_of(specs[name], root) for name in ENCODERS)
        return cls(
            WhisperBranch.load(whisper, whisper_context, device, dtype, chosen["whisper"]),
            WavlmBranch.load(wavlm, device, dtype, chosen["wavlm"]),
            RobertaBranch.load(roberta, device, dtype, chosen["roberta"]),
        )

    @property
    def widths(self) -> dict[str, int]:
        """Width of each encoder's frames, in the order of `ENCODERS`."""
        return {name: getattr(self, name).width for name in ENCODERS}


def folder_of(spec: EncoderSpec, root: Path | None) -> Path:
    """Where the checkpoint's files are: below `root`, in another folder, or from the Hub.

    EncoderError for a name that promises a folder of the bundle which is not there.
    """
    if root is not None and (root / spec.checkpoint).is_dir():
        return root / spec.checkpoint
    if root is not None and spec.checkpoint.startswith(INSIDE):
        raise EncoderError(f"The bundle lacks its folder {spec.checkpoint}. Copy it as a whole.")
    return local_folder(spec.checkpoint, spec.revision)
