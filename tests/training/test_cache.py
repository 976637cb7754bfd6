"""The feature cache against the encoders themselves."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ser.audio import Waveform, load_audio
from ser.encoders import EncoderBank
from ser.encoders.base import pad_frames
from ser.errors import SerError
from tests.training.cache_world import new_world, save_encoders
from training import extract
from training.augment import configured_augmenter, copy_generator
from training.cache import FeatureCache
from training.cache.shards import ShardWriter, read_shard
from training.config import Config
from training.manifest import read_manifest

CPU = torch.device("cpu")
TOLERANCE = {"float16": 1e-3, "bfloat16": 8e-3}  # 11 and 8 significant bits


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory, encoders: Path) -> Config:
    """A world whose frames have been extracted, two augmented copies of each training clip."""
    config = new_world(tmp_path_factory.mktemp("world"), encoders, copies=2, batch_size=3)
    extract.run(config)
    return config


@pytest.fixture(scope="module")
def frame(config: Config) -> pd.DataFrame:
    return read_manifest(config.manifest)


def bank_of(config: Config) -> EncoderBank:
    return EncoderBank.load(
        config.encoders,
        config.whisper_context,
        CPU,
        torch.float32,
        config.encoder_root,
        config.features.layers,
    )


def waveform(config: Config, clip: pd.Series, copy: int) -> Waveform:
    """What the encoders should have heard."""
    clean = load_audio(config.data / str(clip["path"]))
    if not copy:
        return clean
    random = copy_generator(config.seed, str(clip["id"]), copy)
    return Waveform(configured_augmenter(config)(clean.samples, random))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_cached_frames_equal_live_ones(
    dtype: str, config: Config, encoders: Path, tmp_path: Path
) -> None:
    if dtype != config.features.dtype:
        config = new_world(tmp_path, encoders, copies=2, dtype=dtype)
        extract.run(config)
    frame, bank = read_manifest(config.manifest), bank_of(config)
    cache = FeatureCache.open(config, frame)
    assert cache.widths == bank.widths
    for row, clip in frame.iterrows():
        assert isinstance(row, int)
        text = bank.roberta.encode([clip["transcript"]])
        expected = text.hidden[0, text.mask[0]]
        assert_close(cache.frames("roberta", row, 0), expected, dtype)
        assert cache.copies(row) == (3 if clip["split"] == "train" else 1)
        for copy in range(cache.copies(row)):
            heard = waveform(config, clip, copy)
            for name in ("whisper", "wavlm"):
                live = getattr(bank, name).encode([heard]).hidden[0]
                assert_close(cache.frames(name, row, copy), live, dtype)
                assert cache.lengths(name)[row, copy] == len(live)


def test_several_layers_and_the_padded_context_are_cached(encoders: Path, tmp_path: Path) -> None:
    config = new_world(tmp_path, encoders, copies=0, layers={"wavlm": (-1, 0), "roberta": (1, -1)})
    config = config.model_copy(update={"whisper_context": "padded_30s"})
    extract.run(config)
    frame, bank = read_manifest(config.manifest), bank_of(config)
    cache = FeatureCache.open(config, frame)
    assert cache.widths == bank.widths
    assert [len(cache.frames(name, 0, 0)[0].shape) for name in cache.widths] == [1, 2, 2]
    for row, clip in frame.iterrows():
        assert isinstance(row, int)
        heard = load_audio(config.data / str(clip["path"]))
        for name, read in {"whisper": heard, "wavlm": heard, "roberta": clip["transcript"]}.items():
            live = getattr(bank, name).encode([read])
            assert_close(cache.frames(name, row, 0), live.hidden[0, live.mask[0]], "float16")


def assert_close(cached: torch.Tensor, live: torch.Tensor, dtype: str) -> None:
    assert cached.dtype == getattr(torch, dtype)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(cached.float(), live, rtol=tolerance, atol=tolerance)


def test_copies_differ_from_the_clean_clip(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    clean, first, second = (cache.frames("wavlm", 0, copy).float() for copy in range(3))
    assert (clean - first).abs().max() > 0.1
    assert (first - second).abs().max() > 0.1


def test_any_rows_in_any_order(config: Config, frame: pd.DataFrame) -> None:
    whole = FeatureCache.open(config, frame)
    rows = [7, 2, 0, 7]
    part = FeatureCache.open(config, frame.iloc[rows].reset_index(drop=True))
    assert len(part) == 4
    for name in ("whisper", "wavlm", "roberta"):
        assert np.array_equal(part.lengths(name), whole.lengths(name)[rows])
        for place, row in enumerate(rows):
            for copy in range(whole.copies(row)):
                assert torch.equal(part.frames(name, place, copy), whole.frames(name, row, copy))


def test_an_empty_transcript_has_no_frames(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    assert frame["transcript"][2] == ""
    assert cache.frames("roberta", 2, 0).shape == (0, 32)
    output = cache.padded("roberta", [2], [0])
    live = bank_of(config).roberta.encode([""])
    assert output.hidden.shape == live.hidden.shape
    assert not output.mask.any()
    assert not live.mask.any()


def test_a_padded_batch_is_the_frames_with_their_mask(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    rows, copies = [0, 4, 2, 0], [2, 0, 0, 1]
    for name in ("whisper", "wavlm", "roberta"):
        frames = [cache.frames(name, row, copy) for row, copy in zip(rows, copies, strict=True)]
        expected = pad_frames(frames, None)
        batch = cache.padded(name, rows, copies)
        assert torch.equal(batch.hidden.float(), expected.hidden)
        assert torch.equal(batch.mask, expected.mask)
        assert batch.hidden.dtype == torch.float16
    assert cache.padded("wavlm", rows, copies).step_s == 0.02


def test_a_batch_in_use_is_never_written_over(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    held = [cache.padded("wavlm", [row], [0]).hidden[:, 3:] for row in (1, 4, 0)]  # views count
    gone = {cache.padded("wavlm", [1, 4], [0, 0]).hidden.data_ptr() for _ in range(4)}
    assert len(gone) == 1  # the same memory each time
    for row, part in zip((1, 4, 0), held, strict=True):
        assert torch.equal(part[0], cache.frames("wavlm", row, 0)[3:])
    assert not gone & {part.untyped_storage().data_ptr() for part in held}


def test_worker_processes_get_no_bytes(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    expected = cache.frames("whisper", 1, 1)
    sent = pickle.dumps(cache)
    assert len(sent) < 20_000
    assert torch.equal(pickle.loads(sent).frames("whisper", 1, 1), expected)


def test_a_copy_that_no_row_has_is_refused(config: Config, frame: pd.DataFrame) -> None:
    cache = FeatureCache.open(config, frame)
    with pytest.raises(IndexError, match="row 2 has no copy 1"):
        cache.frames("wavlm", 2, 1)


def test_other_settings_have_no_frames_yet(config: Config, frame: pd.DataFrame) -> None:
    other = config.model_copy(
        update={"features": config.features.model_copy(update={"max_seconds": 20.0})}
    )
    with pytest.raises(SerError, match=r"no frames of whisper with these settings .* extract"):
        FeatureCache.open(other, frame)


def test_what_is_lacking_is_named(config: Config, frame: pd.DataFrame) -> None:
    added = pd.concat([frame, frame.iloc[[2]].assign(id="small/new")], ignore_index=True)
    with pytest.raises(SerError, match=r"lacks the frames of 1 recordings, first small/new:"):
        FeatureCache.open(config, added)
    changed = frame.assign(transcript="the door")
    with pytest.raises(SerError, match="first small/clip0, whose transcript has changed since"):
        FeatureCache.open(config, changed)
    another_seed = config.model_copy(update={"seed": 2})
    with pytest.raises(SerError, match="lacks the augmented copy 1 of 6 recordings"):
        FeatureCache.open(another_seed, frame)
    # Clean frames depend on no seed.
    FeatureCache.open(another_seed, frame[frame["split"] != "train"].reset_index(drop=True))


@pytest.mark.parametrize("shape", [(6,), (3, 6)])
def test_shards_hold_frames_of_any_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a-0", copy=0, dtype="bfloat16")
    clips = [torch.randn(length, *shape) for length in (4, 0, 9)]
    for number, clip in enumerate(clips):
        assert writer.add(f"clip{number}", "x", clip) == clip.numel() * 2
    writer.finish(step_s=0.02)
    shard, table = read_shard(tmp_path / "a-0.parquet")
    assert (shard.shape, shard.step_s, shard.fault()) == (shape, 0.02, None)
    assert table["start"].tolist() == [0, 4, 4]
    stored = torch.from_file(str(shard.path), size=shard.bytes // 2, dtype=torch.bfloat16)
    assert torch.equal(stored.view(-1, *shape), torch.cat(clips).bfloat16())
    assert not list(tmp_path.glob("*.partial"))


def test_numbers_beyond_float16_are_refused(tmp_path: Path) -> None:
    writer = ShardWriter(tmp_path / "a-0", copy=0, dtype="float16")
    with pytest.raises(SerError, match=r"clip7 do not fit into float16: set features\.dtype"):
        writer.add("clip7", "x", torch.full((2, 3), 7e4))
    writer.close()
