"""All stages of the embedded bundle in order; a stage that is complete is not run again."""

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Final

import lightning
import torch
from transformers import WavLMModel

from ser.bundle import Bundle, BundleConfig
from ser.encoders import EncoderBank, EncoderSpec, WhisperBranch
from ser.errors import SerError
from ser.fusion import FusionConfig, FusionModel
from ser.labels import ATTRIBUTE_MIDDLE, EMOTIONS, ENCODERS
from training.corpora import (
    Clip,
    Line,
    read_emobank,
    read_goemotions,
    read_iesc,
    read_nemo,
    read_ravdess,
)
from training.embedded.config import EmbeddedConfig
from training.embedded.features import MelStore, build_mels
from training.embedded.fusion_stage import FusionTraining
from training.embedded.noise import Noises, load_noises
from training.embedded.pairing import Pairing
from training.embedded.plans import Plan
from training.embedded.pretrain import CHECKPOINT, pretrain, restore
from training.embedded.speech_data import BalancedBatches, class_indexes
from training.embedded.speech_encoders import (
    ATTENTION_WIDTH,
    SpeechPretraining,
    Task,
    WavlmPretraining,
    WhisperPretraining,
    new_wavlm,
    new_whisper_encoder,
)
from training.embedded.store import AudioStore, build_store
from training.embedded.text_encoder import LineBatches, TextPretraining, new_roberta, new_tokenizer
from training.files import write_text
from training.targets import HALF_RANGE, derived_attributes

logger = logging.getLogger(__name__)

CLASSES: Final = tuple(name for name in EMOTIONS if name not in ("contempt", "other"))
"""There is no open data here for contempt and other."""
TEXT_CLASSES: Final = tuple(name for name in CLASSES if name != "calm")
TEXT_BATCH: Final = 128
VERSION: Final = 2  # of this code: raised whenever the same settings make other weights
REMEMBERED: Final = ("seed", "copies", "max_seconds", "batch_size", "per_epoch", "epochs")
BUNDLE: Final = "bundle"  # below a plan's folder
FUSION: Final = "fusion"
WHISPER_CONTEXT: Final = "real_frames"
CPU: Final = torch.device("cpu")


@dataclass(frozen=True)
class Recipe:
    """Data and stages under one configuration; speech is trained anew for every plan."""

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
    def audio(self) -> AudioStore:
        """Decoded and augmented audio."""
        config = self.config
        return build_store(
            config.work / "audio", self.clips, config.copies, config.max_seconds, config.seed
        )

    @cached_property
    def mels(self) -> MelStore:
        """Whisper's frames of the audio."""
        return build_mels(self.config.work / "audio", self.audio, self._listener())

    @cached_property
    def noises(self) -> Noises:
        """Background noise for training."""
        return load_noises(self.config.data / "esc10", self._listener())

    def _listener(self) -> WhisperBranch:
        """For its extractor alone: drawing its weights takes no chances from training."""
        with torch.random.fork_rng(devices=[]):
            return new_whisper_encoder()

    @classmethod
    def begun(cls, config: EmbeddedConfig) -> "Recipe":
        """Remember what `work` is made with; SerError where it was begun with something else.

        What it holds is taken as it is, so it must not be mixed. Clips are known by their place
        among all, so the recordings must be the same, too.
        """
        recipe = cls(config)
        ids = "\n".join(clip.id for clip in recipe.clips)
        settings = {name: getattr(config, name) for name in REMEMBERED}
        settings |= {"version": VERSION, "clips": hashlib.sha256(ids.encode()).hexdigest()}
        file = config.work / "settings.json"
        if not file.exists():
            write_text(file, json.dumps(settings, indent=2))
        before = json.loads(file.read_text(encoding="utf-8"))
        others = [name for name in settings if before.get(name) != settings[name]]
        if "clips" in others:
            raise SerError(
                f"{config.work} was begun with other recordings than those below {config.data}. "
                "Give the same, or another work=FOLDER."
            )
        if others:
            told = ", ".join(f"{name} {before.get(name)}" for name in others)
            raise SerError(
                f"{config.work} was begun with {told}. Give those settings, or another work=FOLDER."
            )
        return recipe

    def decoded(self, rows: Iterable[int]) -> list[int]:
        """Those of `rows` whose sound could be read."""
        return [row for row in rows if self.audio.holds(row)]

    def batches(self, plan: Plan) -> BalancedBatches:
        """Training batches of speech, from the plan's clips that could be decoded."""
        config = self.config
        rows = self.decoded(plan.train)
        present = {self.clips[row].corpus for row in rows}
        per_epoch = {name: count for name, count in config.per_epoch.items() if name in present}
        return BalancedBatches(
            self.clips, rows, self.audio, per_epoch, config.batch_size, config.seed
        )

    def bundle(self, plan: Plan) -> Path:
        """The plan's bundle, with temperature 1: made, or what is left of it, where needed."""
        target = self.config.work / plan.name / BUNDLE
        if target.exists():
            return target
        folders = {name: self.encoder(name, plan) for name in ENCODERS}
        for answers in target.parent.glob("*.npz"):  # of weights that are gone
            answers.unlink()
        made = self._whole(target, lambda folder: self._write_bundle(plan, folders, folder))
        # Or a bundle that is deleted would be made from it again, not anew.
        (target.parent / FUSION / CHECKPOINT).unlink(missing_ok=True)
        return made

    def encoder(self, name: str, plan: Plan) -> Path:
        """The folder of one trained encoder; RoBERTa is the same for all plans."""
        if name == "roberta":
            return self._stage(name, self.train_roberta)
        train = {"whisper": self.train_whisper, "wavlm": self.train_wavlm}[name]
        return self._stage(f"{plan.name}/{name}", partial(train, plan))

    def _stage(self, name: str, train: Callable[[Path], None]) -> Path:
        lightning.seed_everything(self.config.seed, verbose=False)
        return self._whole(self.config.work / name / "encoder", train)

    def _whole(self, folder: Path, make: Callable[[Path], None]) -> Path:
        """`folder`, made by `make` unless it is there: whole or not at all."""
        if not folder.exists():
            logger.info("making %s", folder)
            unfinished = folder.with_name(f"{folder.name}.partial")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            make(unfinished)
            os.replace(unfinished, folder)
        return folder

    def train_whisper(self, plan: Plan, folder: Path) -> None:
        """Pre-train the Whisper encoder on log-mel frames."""
        branch = new_whisper_encoder()
        self._train_speech("whisper", self._whisper(branch, plan), plan, folder)
        branch.encoder.eval().save_pretrained(folder)
        branch.extractor.save_pretrained(folder)

    def train_wavlm(self, plan: Plan, folder: Path) -> None:
        """Pre-train WavLM on waveforms."""
        model, extractor = new_wavlm()
        self._train_speech("wavlm", self._wavlm(model, plan), plan, folder)
        model.eval().save_pretrained(folder)
        extractor.save_pretrained(folder)

    def _whisper(self, branch: WhisperBranch, plan: Plan) -> WhisperPretraining:
        mels = self.mels
        return WhisperPretraining(branch, mels.frames, mels.spans, self._task("whisper", plan))

    def _wavlm(self, model: WavLMModel, plan: Plan) -> WavlmPretraining:
        audio = self.audio
        return WavlmPretraining(model, audio.samples, audio.spans, self._task("wavlm", plan))

    def _task(self, name: str, plan: Plan) -> Task:
        derived = [derived_attributes(clip.label, clip.strong) for clip in self.clips]
        return Task(
            classes=class_indexes(self.clips, CLASSES),
            attributes=(torch.tensor(derived) - ATTRIBUTE_MIDDLE) / HALF_RANGE,
            emotions=CLASSES,
            noises=self.noises,
            steps=self.config.epochs[name] * len(self.batches(plan)),
        )

    def _train_speech(self, name: str, module: SpeechPretraining, plan: Plan, folder: Path) -> None:
        epochs = self.config.epochs[name]
        pretrain(module, module.collate, self.batches(plan), None, folder.parent, epochs)

    def train_roberta(self, folder: Path) -> None:
        """Pre-train RoBERTa and its tokenizer; the same for all plans."""
        config = self.config
        tokenizer = new_tokenizer([line for line in self.lines if line.split == "train"])
        encoder = new_roberta(len(tokenizer))
        batches = LineBatches(self.lines, "train", TEXT_BATCH, config.seed)
        labelled = [line for line in self.lines if line.emotions]
        epochs = config.epochs["roberta"]
        module = TextPretraining(
            encoder, tokenizer, self.lines, TEXT_CLASSES, epochs * len(batches)
        )
        # GoEmotions comes first in `lines`, so rows of `labelled` are rows of `lines`.
        tuning = LineBatches(labelled, "dev", TEXT_BATCH)
        pretrain(module, module.collate, batches, tuning, folder.parent, epochs)
        encoder.eval().save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    def _write_bundle(self, plan: Plan, folders: dict[str, Path], target: Path) -> None:
        """Train the fusion on the frozen encoders and save all four."""
        for name in ENCODERS:
            shutil.copytree(folders[name], target / "encoders" / name)
        specs = {name: EncoderSpec(f"encoders/{name}") for name in ENCODERS}
        encoders = EncoderBank.load(specs, WHISPER_CONTEXT, CPU, torch.float32, target)
        model = self.train_fusion(plan, encoders)
        settings = BundleConfig(
            name="embedded",
            encoders=specs,
            fusion=model.config,
            whisper_context=WHISPER_CONTEXT,
            window_max_s=self.config.max_seconds,
        )
        Bundle(settings, model).save(target)

    def train_fusion(self, plan: Plan, encoders: EncoderBank) -> FusionModel:
        """Train the fusion model on pairs of voices and words."""
        config = self.config
        work = config.work / plan.name
        lightning.seed_everything(config.seed, verbose=False)
        speech: dict[str, SpeechPretraining] = {
            "whisper": self._whisper(encoders.whisper, plan).eval(),
            "wavlm": self._wavlm(encoders.wavlm.model, plan).eval(),
        }
        for name, encoder in speech.items():
            restore(encoder, work / name)  # with the heads, which bundles do without
        model = FusionModel(
            FusionConfig(
                encoder_widths=encoders.widths, emotions=CLASSES,
                attention_width=ATTENTION_WIDTH, projection_width=96, lstm_width=128,
            )
        )  # fmt: skip
        lines = [line for line in self.lines if line.split == "train"]
        batches, epochs = self.batches(plan), config.epochs["fusion"]
        module = FusionTraining(
            model, speech, encoders.roberta, Pairing(self.clips, lines), epochs * len(batches)
        )
        pretrain(module, module.collate, batches, None, work / FUSION, epochs)
        model.eval()
        module.store_embedding_means(batches)
        return model
