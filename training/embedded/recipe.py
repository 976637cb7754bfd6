"""All stages of the embedded bundle in order; a stage that is complete is not run again."""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Final

import lightning
import torch
from torch.utils.data import DataLoader

from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderBank, EncoderSpec
from ser.fusion import FusionConfig, FusionModel
from ser.labels import EMOTIONS, ENCODERS
from ser.regions import KEY as REGIONS
from ser.regions import SOURCE_KEY as REGIONS_FROM
from training.corpora import (
    Clip,
    Line,
    read_emobank,
    read_goemotions,
    read_iesc,
    read_nemo,
    read_ravdess,
)
from training.embedded.card import summary, write_card
from training.embedded.config import EmbeddedConfig
from training.embedded.evaluate import evaluate_held_out, regions_of_emotions, regions_source
from training.embedded.features import build_mels
from training.embedded.fusion_stage import FusionTraining, build_frames, fit_temperature
from training.embedded.pairing import Pairing
from training.embedded.pretrain import pretrain
from training.embedded.speakers import split_of
from training.embedded.speech_data import (
    AsDrawn,
    BalancedBatches,
    PlainBatches,
    Targets,
    count_table,
)
from training.embedded.speech_encoders import (
    SpeechPretraining,
    WavlmPretraining,
    WhisperPretraining,
    new_wavlm,
    new_whisper_encoder,
)
from training.embedded.store import AudioStore, build_store
from training.embedded.text_encoder import LineBatches, TextPretraining, new_roberta, new_tokenizer

logger = logging.getLogger(__name__)

CLASSES: Final = tuple(name for name in EMOTIONS if name not in ("contempt", "other"))
"""There is no open data here for contempt and other."""
TEXT_CLASSES: Final = tuple(name for name in CLASSES if name != "calm")
JOIN_PROBABILITY: Final = 0.25
TEXT_BATCH: Final = 128
FUSION_SPEAKER_POWER: Final = 0.5
"""Four fifths of IESC are by unknown users: without it the fusion learns their microphones."""
WHISPER_CONTEXT: Final = "real_frames"
CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """Data and stages under one configuration."""

    config: EmbeddedConfig

    @cached_property
    def clips(self) -> list[Clip]:
        """All labelled speech."""
        data = self.config.data
        return [
            *read_ravdess(data / "ravdess").clips,
            *read_nemo(data / "nemo").clips,
            *read_iesc(data / "iesc").clips,
        ]

    @cached_property
    def lines(self) -> list[Line]:
        """All labelled text."""
        text = self.config.data / "text"
        return [*read_goemotions(text / "goemotions"), *read_emobank(text / "emobank")]

    @cached_property
    def splits(self) -> list[str]:
        """Split of each clip."""
        return split_of(self.clips)

    @cached_property
    def audio(self) -> AudioStore:
        """Decoded and augmented audio."""
        config = self.config
        return build_store(
            config.work / "audio", self.clips, config.data / "esc10", config.copies,
            config.max_seconds, config.seed,
        )  # fmt: skip

    def rows(self, split: str) -> list[int]:
        """Clips of a split."""
        return [row for row, name in enumerate(self.splits) if name == split]

    def batches(self, join: float, speaker_power: float) -> BalancedBatches:
        """Training batches of speech."""
        config = self.config
        return BalancedBatches(
            self.clips, self.rows("train"), self.audio, config.per_epoch, config.batch_size,
            config.join_seconds, join, speaker_power, config.seed,
        )  # fmt: skip

    def encoder_folder(self, name: str, train: Callable[[Path], None]) -> Path:
        """The finished encoder; `train` writes it where it is not there yet."""
        folder = self.config.work / "encoders" / name
        if not folder.exists():
            lightning.seed_everything(self.config.seed, verbose=False)
            partial = folder.with_name(f"{name}.partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            train(partial)
            os.replace(partial, folder)
        return folder

    def train_whisper(self, folder: Path) -> None:
        """Pre-train the Whisper encoder."""
        branch = new_whisper_encoder()
        mels = build_mels(self.config.work / "audio", self.audio, branch)
        self._pretrain_speech(
            "whisper", lambda *options: WhisperPretraining(branch, mels, *options)
        )
        branch.encoder.eval().save_pretrained(folder)
        branch.extractor.save_pretrained(folder)

    def train_wavlm(self, folder: Path) -> None:
        """Pre-train WavLM."""
        model, extractor = new_wavlm()
        mels = build_mels(self.config.work / "audio", self.audio, new_whisper_encoder())
        self._pretrain_speech(
            "wavlm", lambda *options: WavlmPretraining(model, self.audio, mels, *options)
        )
        model.eval().save_pretrained(folder)
        extractor.save_pretrained(folder)

    def _pretrain_speech(self, name: str, make: Callable[..., SpeechPretraining]) -> None:
        config = self.config
        batches = self.batches(JOIN_PROBABILITY, speaker_power=0.0)
        epochs = config.epochs[name]
        targets = Targets.of(self.clips, CLASSES)
        module = make(targets, CLASSES, epochs * len(batches), config.peak_rate)
        tuning = PlainBatches(self.rows("tune"), self.audio)
        pretrain(module, module.collate, batches, tuning, config.work / name, epochs)

    def train_roberta(self, folder: Path) -> None:
        """Pre-train RoBERTa and its tokenizer."""
        config = self.config
        tokenizer = new_tokenizer([line for line in self.lines if line.split == "train"])
        encoder = new_roberta(len(tokenizer))
        batches = LineBatches(self.lines, "train", TEXT_BATCH, config.seed)
        labelled = [line for line in self.lines if line.emotions]
        epochs = config.epochs["roberta"]
        module = TextPretraining(
            encoder, tokenizer, self.lines, TEXT_CLASSES, epochs * len(batches), config.peak_rate
        )
        # GoEmotions comes first in `lines`, so rows of `labelled` are rows of `lines`.
        pretrain(
            module,
            module.collate,
            batches,
            LineBatches(labelled, "dev", TEXT_BATCH),
            config.work / "roberta",
            epochs,
        )
        encoder.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    def train_fusion(self, encoders: EncoderBank) -> tuple[FusionModel, float]:
        """Train the fusion model on frozen encoders; returns it with its temperature."""
        config = self.config
        lightning.seed_everything(config.seed, verbose=False)
        audio = AudioStore(self.audio.samples, self.audio.spans[:, : config.fusion_copies])
        stores = {
            name: build_frames(config.work / "frames", name, audio, encoders)
            for name in ("whisper", "wavlm")
        }
        model = FusionModel(
            FusionConfig(
                encoder_widths=encoders.widths, emotions=CLASSES, attention_width=64,
                projection_width=96, lstm_width=128,
            )
        )  # fmt: skip
        lines = [line for line in self.lines if line.split == "train"]
        pairing = Pairing(self.clips, lines, config.fusion_copies)
        batches = self.batches(join=0.0, speaker_power=FUSION_SPEAKER_POWER)
        epochs = config.epochs["fusion"]
        module = FusionTraining(
            model, encoders, stores, pairing, epochs * len(batches), config.peak_rate
        )
        tuning = PlainBatches(self.rows("tune"), self.audio)
        pretrain(module, module.collate, batches, tuning, config.work / "fusion", epochs)
        model.eval()
        module.store_embedding_means(batches)
        loader = DataLoader(AsDrawn(), batch_size=None, sampler=tuning, collate_fn=module.collate)
        return model, fit_temperature(*module.logits_of(loader))


def make_bundle(config: EmbeddedConfig) -> None:
    """Run what is left of the recipe and write the bundle with its metrics and card."""
    recipe = Recipe(config)
    logger.info("%s", count_table(recipe.clips, recipe.splits))
    folders = {
        name: recipe.encoder_folder(name, getattr(recipe, f"train_{name}")) for name in ENCODERS
    }
    specs = {name: EncoderSpec(f"encoders/{name}") for name in ENCODERS}
    encoders = EncoderBank.load(specs, WHISPER_CONTEXT, CPU, torch.float32, config.work)
    model, temperature = recipe.train_fusion(encoders)
    logger.info("temperature fitted on the tuning speakers: %.3f", temperature)
    for name, folder in folders.items():
        target = config.bundle / "encoders" / name
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(folder, target)
    settings = BundleConfig(
        name="embedded",
        encoders=specs,
        fusion=model.config,
        whisper_context=WHISPER_CONTEXT,
        window_max_s=config.max_seconds,
        temperature=temperature,
    )
    Bundle(settings, model).save(config.bundle)
    evaluate_bundle(config)


def evaluate_bundle(config: EmbeddedConfig) -> None:
    """Measure the written bundle on the held-out speakers; write metrics.json and the card."""
    recipe = Recipe(config)
    clips = [recipe.clips[row] for row in recipe.rows("held_out")]
    bundle = Bundle.load(config.bundle)
    held_out = evaluate_held_out(config.bundle, clips)
    metrics = {
        "summary": summary(held_out),
        "held_out": held_out,
        REGIONS: regions_of_emotions(config.bundle, clips),
        REGIONS_FROM: regions_source(held_out),
        "seed": config.seed,
    }
    Bundle(bundle.config, bundle.model, write_card(metrics, config.bundle), metrics).save(
        config.bundle
    )
