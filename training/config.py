"""Settings of every experiment: a short YAML file, over the one that its `base` names, if any."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ser.encoders import WHISPER_CONTEXTS, EncoderSpec
from ser.errors import SerError
from ser.labels import EMOTIONS, ENCODERS
from training.files import write_text

BASE: Final = "base"  # the entry of a YAML file that names the file it changes
PAPER_ENCODERS: Final = {
    "whisper": EncoderSpec("openai/whisper-large-v3"),
    "wavlm": EncoderSpec("microsoft/wavlm-large"),
    "roberta": EncoderSpec("FacebookAI/roberta-large"),
}

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


def known_classes(classes: tuple[str, ...]) -> tuple[str, ...]:
    """The classes as they are, or ValueError for one that nobody knows, or that comes twice."""
    if unknown := [name for name in classes if name not in EMOTIONS]:
        raise ValueError(f"unknown classes {unknown}; known are {', '.join(EMOTIONS)}")
    if twice := sorted({name for name in classes if classes.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} is there twice: name each class once")
    return classes


def known_encoders(names: Iterable[str]) -> None:
    """ValueError for an encoder that nobody knows."""
    if unknown := sorted(set(names) - set(ENCODERS)):
        raise ValueError(f"unknown encoders {unknown}; known are {', '.join(ENCODERS)}")


class Section(BaseModel):
    """Settings that refuse unknown names and never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


class Settings(Section):
    """All settings of a command, as a YAML file and the command line say."""

    @classmethod
    def read(cls, path: Path, overrides: Sequence[str] = ()) -> Self:
        """Read `path` over its base; overrides are `key=value` or `key.part=value`, YAML values.

        SerError names the setting at fault and what it may be.
        """
        values = _read_over_base(path)
        for override in overrides:
            _set(values, override)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            faults = "; ".join(_told(fault) for fault in error.errors())
            raise SerError(f"{path.name} cannot be used: {faults}.") from error


class Corpus(Section):
    """One corpus: who reads it and where it lies."""

    reader: str  # a name of training.corpora.READERS
    folder: Path  # relative to `data`
    options: dict[str, Any] = {}  # of this reader, e.g. labels: perceived for CREMA-D
    derive_attributes: bool = False  # from class and intensity, where nobody rated them


class Augmentation(Section):
    """How often and how far copies differ from the clean clip. Ranges are drawn uniformly."""

    speed: tuple[float, float] = (1.0, 1.0)  # changes tempo and pitch together
    room_probability: Share = 0.5
    noise_probability: Share = 0.5
    snr_db: tuple[float, float] = (5.0, 30.0)
    telephone_probability: Share = 0.0
    gain_db: tuple[float, float] = (-5.0, 5.0)  # the paper's range
    noise_folder: Path | None = None  # relative to `data`; None: generated noise
    room_folder: Path | None = None  # impulse responses, relative to `data`; None: simulated
    rooms: Count = 50  # how many are simulated

    @field_validator("speed", "snr_db", "gain_db")
    @classmethod
    def _ordered(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if limits[0] > limits[1]:
            raise ValueError("the lower limit comes first")
        return limits

    @field_validator("speed")
    @classmethod
    def _possible(cls, limits: tuple[float, float]) -> tuple[float, float]:
        if not 0.5 <= limits[0] <= limits[1] <= 2:
            raise ValueError("speeds are factors between 0.5 and 2")
        return limits


class Features(Section):
    """What `extract` computes once and keeps on disk."""

    copies: Annotated[int, Field(ge=0)] = 0  # augmented ones beside the clean one, train only
    dtype: Literal["float16", "bfloat16"] = "float16"
    precision: Literal["float32", "bfloat16"] = "float32"  # in which the encoders compute
    layers: dict[str, tuple[int, ...]] = {}  # hidden states per encoder; the last if not named
    clips_per_shard: Count = 256
    batch_size: Count = 8
    max_seconds: Annotated[float, Field(ge=1, le=30)] = 30.0  # what is longer is cut there
    augmentation: Augmentation = Augmentation()
    verify: bool = True  # `extract` reads what is there and compares checksums; false: sizes

    @field_validator("layers")
    @classmethod
    def _of_encoders(cls, layers: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
        known_encoders(layers)
        return layers


class Fusion(Section):
    """Sizes of the fusion model; see `ser.fusion.FusionConfig`."""

    pooling: Literal["attentive_statistics", "average"] = "attentive_statistics"
    attention_width: Count = 128
    projection_width: Count = 1028
    lstm_width: Count = 2048
    lstm_layers: Count = 2


class GaussianPenalty(Section):
    """Weights squared errors by exp(-(prediction - mean)^2 / (2 sigma^2)) (paper, 3.2)."""

    mean: float = 4.0
    sigma: Positive = 3.0


class Stage(Section):
    """One training run of the fusion model. The defaults are the paper's multi-task phase."""

    start: str | None = None  # a bundle folder, or STAGE/MEASURE of this run: fit/macro_f1
    epochs: Count = 50
    samples_per_epoch: Count = 32_000
    batch_size: Count = 128  # over all devices together
    accumulate: Count = 1
    clip_norm: Positive | None = None
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    rate: Positive = 2e-5
    rate_end: Positive = 1e-7
    warmup_epochs: Annotated[int, Field(ge=0)] = 3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    alpha: Annotated[float, Field(ge=0)] = 0.25  # weight of the attributes' loss
    beta: Annotated[float, Field(ge=0)] = 0.75  # weight of the classes' loss
    exclude: tuple[str, ...] = ()  # classes whose samples and outputs are left out
    attribute_loss: Literal["mse", "ccc"] = "mse"
    gaussian: GaussianPenalty | None = None
    class_loss: Literal["cross_entropy", "kl"] = "cross_entropy"  # kl: soft labels from votes
    class_weights: Literal["balanced", "none"] = "balanced"
    class_factors: dict[str, Positive] = {}  # multiplies class weights; those often confused
    label_smoothing: Share = 0.0
    balanced_sampling: bool = False
    annotation_dropout: Share = 0.0  # of annotators, anew for each sample of each epoch
    modality_dropout: Share = 0.0  # chance that a sample lacks one encoder, drawn among three
    manifold_mixup: Annotated[float, Field(ge=0)] = 0.0  # alpha of Beta(alpha, alpha); 0: none

    @field_validator("exclude")
    @classmethod
    def _known(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        return known_classes(classes)


class Folds(Section):
    """Cross-validation by speaker instead of the manifest's own splits."""

    count: Annotated[int, Field(ge=3)] = 5


class Ensemble(Section):
    """Which predictions are averaged, for each attribute and for the classes.

    A member is a checkpoint below the run (`fit/ccc`, `attentive/finetune/sigma3/ccc`), `best:3`
    for the three best on the development set, `tuned:3` for the best of the fine-tuned ones, or
    somebody's CSV file in `data` (`baseline.csv`, or `baseline_{split}.csv` for one per split).
    """

    arousal: tuple[str, ...] = ()
    valence: tuple[str, ...] = ()
    dominance: tuple[str, ...] = ()
    emotions: tuple[str, ...] = ()
    vote: Literal["mean", "majority"] = "mean"


class Submit(Section):
    """What the challenge gets."""

    split: Literal["dev", "test", "test1", "test2", "test3"] = "test3"
    predictions: str | None = None  # STAGE/MEASURE; the ensemble, or the only one, if not named
    files: Path | None = None  # names to predict, relative to `data`; all of the split if None


class Config(Settings):
    """Everything a run depends on; stored with it as `config.yaml`."""

    data: Path = Path("data")  # holds the corpora; paths in the manifest are relative to it
    work: Path = Path("runs")  # manifest, transcripts and features, shared by runs
    name: str = "default"  # the run's folder below `work`
    seed: int = 1
    classes: tuple[str, ...] = EMOTIONS[:9]
    corpora: dict[str, Corpus] = {}
    split: Literal["corpus", "ablation"] = "corpus"
    # ablation: Train is divided by speaker into train and dev, Development is the test set
    folds: Folds | None = None
    encoders: dict[str, EncoderSpec] = {}  # the paper's where not named
    whisper_context: str = "padded_30s"
    encoder_root: Path | None = None  # folder below which encoder names are looked up: a bundle
    transcriber: str = "openai/whisper-large-v3"
    features: Features = Features()
    fusion: Fusion = Fusion()
    fit: Stage = Stage()
    finetune: dict[str, Stage] = {}
    ensemble: Ensemble = Ensemble()
    submit: Submit = Submit()
    calibrate: bool = True  # fit the temperature on the development set
    accelerator: Literal["auto", "cpu", "gpu", "mps"] = "auto"
    devices: Count = 1  # per machine; Lightning or torchrun starts one process for each
    nodes: Count = 1
    workers: Annotated[int, Field(ge=0)] = 2  # processes that load batches, per device

    @field_validator("classes")
    @classmethod
    def _known(cls, classes: tuple[str, ...]) -> tuple[str, ...]:
        return known_classes(classes)

    @field_validator("encoders")
    @classmethod
    def _three(cls, encoders: dict[str, EncoderSpec]) -> dict[str, EncoderSpec]:
        known_encoders(encoders)
        return {name: encoders.get(name, PAPER_ENCODERS[name]) for name in ENCODERS}

    @field_validator("whisper_context")
    @classmethod
    def _context(cls, context: str) -> str:
        if context not in WHISPER_CONTEXTS:
            raise ValueError(f"must be one of {', '.join(WHISPER_CONTEXTS)}")
        return context

    @property
    def run(self) -> Path:
        """Where this run writes its stages."""
        return self.work / self.name

    @property
    def manifest(self) -> Path:
        """The manifest that `prepare` writes."""
        return self.work / "manifest.parquet"

    @property
    def transcripts(self) -> Path:
        """What `transcribe` writes beside the manifest."""
        return self.work / "transcripts.parquet"

    @property
    def feature_folder(self) -> Path:
        """Cache of encoder frames."""
        return self.work / "features"

    def save(self, folder: Path) -> None:
        """Write the resolved settings as `config.yaml`, under its name only when it is whole."""
        text = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        write_text(folder / "config.yaml", text)


def _read_over_base(path: Path, above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """The file's values, laid over those of the file that its entry `base` names."""
    if path.resolve() in above:
        raise SerError(f"{path} has itself as its base: take out that entry.")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except OSError as error:
        raise SerError(f"The configuration {path} cannot be read: {error.strerror}.") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise SerError(f"{path} is not a YAML file: {error}") from error
    if not isinstance(values, dict):
        raise SerError(f"{path} must hold settings, one `name: value` a line.")
    base = values.pop(BASE, None)
    if base is None:
        return values
    return _merged(_read_over_base(path.parent / base, (*above, path.resolve())), values)


def _merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`, section by section."""
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        merged[key] = _merged(old, value) if both else value  # type: ignore[arg-type]
    return merged


def _set(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise SerError(f"{override!r} is no setting: write key=value, or section.key=value.")
    *sections, last = key.split(".")
    for section in sections:
        if not isinstance(values.get(section), dict):
            values[section] = {}
        values = values[section]
    try:
        values[last] = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise SerError(f"The value of {key} cannot be read: {error}") from error


def _told(fault: Any) -> str:
    """One sentence part per fault: where, what, and what was given."""
    place = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"{place} is no setting"
    if fault["type"] == "missing":
        return f"{place} is missing"
    message = fault["msg"].removeprefix("Value error, ")
    return f"{place}: {message} (it is {fault['input']!r})"
