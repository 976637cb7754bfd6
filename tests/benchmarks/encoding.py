"""How fast the paper's encoders compute frames: random weights of their sizes, a few clips."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from transformers import (
    PreTrainedTokenizerFast,
    RobertaConfig,
    RobertaModel,
    Wav2Vec2FeatureExtractor,
    WavLMConfig,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.audio import SAMPLE_RATE_HZ, Waveform
from ser.encoders import RobertaBranch, WavlmBranch, WhisperBranch, choose_device
from tests.tiny import save_roberta

CLIP_S: Final = 5.5
TEXT: Final = "kids are talking by the door " * 3


def _whisper() -> Any:
    """openai/whisper-large-v3's encoder, on the real frames only."""
    config = WhisperConfig(
        d_model=1280, encoder_layers=32, encoder_attention_heads=20, encoder_ffn_dim=5120,
        num_mel_bins=128,
    )  # fmt: skip
    extractor = WhisperFeatureExtractor(feature_size=128)
    return WhisperBranch(_frozen(WhisperEncoder(config)), extractor, "real_frames")


def _wavlm() -> Any:
    """microsoft/wavlm-large."""
    config = WavLMConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        feat_extract_norm="layer", do_stable_layer_norm=True,
    )  # fmt: skip
    return WavlmBranch(_frozen(WavLMModel(config)), Wav2Vec2FeatureExtractor(do_normalize=True))


def _roberta() -> Any:
    """FacebookAI/roberta-large with a small vocabulary, whose size costs no time."""
    config = RobertaConfig(
        hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096,
        vocab_size=300, max_position_embeddings=514, type_vocab_size=1,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(save_roberta(Path(folder)))
    return RobertaBranch(_frozen(RobertaModel(config, add_pooling_layer=False)), tokenizer)


def _frozen(model: torch.nn.Module) -> Any:
    return model.to(choose_device()).requires_grad_(False).eval()


def encoded_per_second(clips: int) -> str:
    """Times the three encoders over `clips` recordings, one after the other; a line to print."""
    random = np.random.default_rng(0)
    samples = round(CLIP_S * SAMPLE_RATE_HZ)
    audio = [Waveform(random.normal(0, 0.1, samples).astype(np.float32)) for _ in range(clips)]
    read: dict[Callable[[], Any], list] = {
        _whisper: audio,
        _wavlm: audio,
        _roberta: [TEXT] * clips,
    }
    seconds = 0.0
    for build, inputs in read.items():
        branch = build()  # one at a time, for machines with little memory
        branch.encode(inputs[:1])
        begin = time.perf_counter()
        branch.encode(inputs)
        seconds += time.perf_counter() - begin
    return (
        f"Encoding again: {clips / seconds:.2f} clips/s ({clips} clips of {CLIP_S} s in one batch, "
        f"the paper's three sizes with random weights, Whisper on real frames only, float32, "
        f"{choose_device().type} with {torch.get_num_threads()} threads)."
    )
