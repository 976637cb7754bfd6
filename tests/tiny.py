"""Tiny random checkpoints of the encoders and a bundle around them, saved as real ones are."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
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

from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderSpec
from ser.fusion import FusionConfig, FusionModel

EMOTIONS = ("angry", "sad", "happy", "neutral")
WIDTHS = {"whisper": 16, "wavlm": 24, "roberta": 32}


def save_whisper_encoder(folder: Path) -> Path:
    """A Whisper encoder alone, 20 ms a frame as the real one."""
    torch.manual_seed(0)
    config = WhisperConfig(
        d_model=WIDTHS["whisper"], encoder_layers=2, encoder_attention_heads=2,
        encoder_ffn_dim=32, num_mel_bins=80, init_std=0.3,
    )  # fmt: skip
    WhisperEncoder(config).save_pretrained(folder)
    WhisperFeatureExtractor(feature_size=80).save_pretrained(folder)
    return folder


def save_wavlm(folder: Path, norm: str = "layer") -> Path:
    """A WavLM with layer or group normalisation in its convolutions."""
    torch.manual_seed(1)
    config = WavLMConfig(
        hidden_size=WIDTHS["wavlm"], num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, conv_dim=(16,) * 7, feat_extract_norm=norm,
        do_stable_layer_norm=norm == "layer", num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4, initializer_range=0.3,
    )  # fmt: skip
    WavLMModel(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True).save_pretrained(folder)
    return folder


def save_roberta(folder: Path, positions: int = 66) -> Path:
    """A RoBERTa with a byte-level tokenizer trained on a few words."""
    torch.manual_seed(2)
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["kids are talking by the door", "i hate this"], trainer)
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>",
    ).save_pretrained(folder)  # fmt: skip
    config = RobertaConfig(
        vocab_size=300, hidden_size=WIDTHS["roberta"], num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=48, max_position_embeddings=positions, type_vocab_size=1,
        pad_token_id=1, bos_token_id=0, eos_token_id=2, initializer_range=0.3,
    )  # fmt: skip
    RobertaModel(config, add_pooling_layer=False).save_pretrained(folder)
    return folder


def new_fusion(widths: Mapping[str, int] = WIDTHS) -> FusionModel:
    """A small random fusion model for the tiny encoders."""
    torch.manual_seed(3)
    config = FusionConfig(
        encoder_widths=dict(widths), emotions=EMOTIONS, attention_width=8, projection_width=12,
        lstm_width=10,
    )  # fmt: skip
    model = FusionModel(config)
    with torch.no_grad():
        model.embedding_means.normal_()
    return model.requires_grad_(False).eval()


def save_bundle(folder: Path, **changes: object) -> Path:
    """A whole bundle with its encoders inside."""
    save_whisper_encoder(folder / "encoders" / "whisper")
    save_wavlm(folder / "encoders" / "wavlm")
    save_roberta(folder / "encoders" / "roberta")
    model = new_fusion()
    config = BundleConfig(
        name="tiny",
        encoders={name: EncoderSpec(f"encoders/{name}") for name in WIDTHS},
        fusion=model.config,
        whisper_context="real_frames",
        transcriber="pocketsphinx",
        window_max_s=8.0,
    )
    config = replace(config, **changes)  # type: ignore[arg-type]
    Bundle(config, model, card="# Tiny\n", metrics={"cv": {}}).save(folder)
    return folder
