"""`extract`: killed, spread over processes, on full disks and over damaged shards."""

import hashlib
import logging
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch

from ser.encoders import EncoderBank, RobertaBranch
from ser.errors import SerError
from tests.training.cache_world import SECONDS, TEXTS, new_world, save_encoders
from tests.training.processes import finish, start
from training import extract
from training.cache import FeatureCache
from training.cache.keys import encoder_settings
from training.cache.plan import Job, job_bytes, plan, token_counts
from training.cache.shards import read_shard, shard_fault
from training.config import Augmentation, Config
from training.manifest import read_manifest, write_manifest

SMALL_SHARDS = {"clips_per_shard": 1, "batch_size": 1, "copies": 2}


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    """As in the processes that `start` makes: the last bits of sums depend on the threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_encoders(tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, encoders: Path) -> dict[str, str]:
    """Checksums of what one process writes that nobody disturbs."""
    config = new_world(tmp_path_factory.mktemp("undisturbed"), encoders, **SMALL_SHARDS)
    extract.run(config)
    return checksums(config)


@pytest.fixture
def config(tmp_path: Path, encoders: Path) -> Config:
    """A world with larger shards, of which nothing is extracted yet."""
    return new_world(tmp_path, encoders)


def checksums(config: Config) -> dict[str, str]:
    """Every file of the cache, by its path below it."""
    folder = config.feature_folder
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def command(folder: Path, *overrides: str) -> list[str]:
    """The arguments of the command line."""
    return ["extract", str(folder / "config.yaml"), *overrides]


def indexes(config: Config) -> list[Path]:
    return sorted(config.feature_folder.rglob("*.parquet"))


def faults(config: Config) -> list[str]:
    """What is wrong with the shards, all of them read."""
    return [fault for path in indexes(config) if (fault := shard_fault(path, verify=True))]


def test_killed_and_started_again_ends_as_undisturbed(
    tmp_path: Path, encoders: Path, undisturbed: dict[str, str]
) -> None:
    config = new_world(tmp_path, encoders, **SMALL_SHARDS)
    (process,) = start(command(tmp_path), tmp_path / "log")
    deadline = time.monotonic() + 60
    while len(indexes(config)) < 3 and process.is_alive() and time.monotonic() < deadline:
        time.sleep(0.001)
    process.kill()
    assert finish([process]) == [-signal.SIGKILL], (tmp_path / "log").read_text()
    complete = {path: path.stat().st_mtime_ns for path in indexes(config)}
    assert 3 <= len(complete) < sum(path.endswith(".parquet") for path in undisturbed)

    extract.run(config)
    assert checksums(config) == undisturbed
    assert {path: path.stat().st_mtime_ns for path in complete} == complete  # not computed again


def test_two_processes_write_what_one_writes(
    tmp_path: Path, encoders: Path, undisturbed: dict[str, str]
) -> None:
    config = new_world(tmp_path, encoders, **SMALL_SHARDS)
    codes = finish(start(command(tmp_path, "devices=2"), tmp_path / "log", ranks=2))
    told = (tmp_path / "log").read_text()
    assert codes == [0, 0], told
    assert "process 1 of 2" in told
    assert checksums(config) == undisturbed
    clips = pd.concat([read_shard(path)[1].assign(kind=path.parent) for path in indexes(config)])
    copies = sum(3 if split == "train" else 1 for split in read_manifest(config.manifest)["split"])
    assert len(clips) == 2 * copies + len(SECONDS)


def test_a_fault_in_one_process_ends_both_with_the_same_sentence(
    tmp_path: Path, encoders: Path
) -> None:
    config = new_world(tmp_path, encoders, **SMALL_SHARDS)
    (config.data / "clip1.wav").write_bytes(b"another file")
    assert finish(start(command(tmp_path, "devices=2"), tmp_path / "log", ranks=2)) == [1, 1]
    told = (tmp_path / "log").read_text()
    assert told.count("clip1.wav is not the file that `prepare` read") == 2
    assert "Traceback" not in told


def test_a_damaged_shard_is_named_and_computed_again(
    config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    extract.run(config)
    whole, frame = checksums(config), read_manifest(config.manifest)
    times = {path: path.stat().st_mtime_ns for path in indexes(config)}
    damaged = sorted(config.feature_folder.glob("wavlm-*/clean/*.frames"))[1]
    content = bytearray(damaged.read_bytes())
    content[100] ^= 1
    damaged.write_bytes(content)
    FeatureCache.open(config, frame)  # the size is right
    told = f"{damaged.parents[1].name}/clean/{damaged.name} is damaged: its checksum differs"
    assert faults(config) == [told]

    with caplog.at_level(logging.WARNING):
        extract.run(config)
    assert [record.message for record in caplog.records] == [
        f"{told}: what it held is computed again."
    ]
    assert checksums(config) == whole
    changed = [path for path in times if path.stat().st_mtime_ns != times[path]]
    assert changed == [damaged.with_suffix(".parquet")]
    FeatureCache.open(config, frame)
    assert not faults(config)


def test_checksums_may_be_left_out_and_sizes_may_not(config: Config) -> None:
    extract.run(config)
    quick = config.model_copy(
        update={"features": config.features.model_copy(update={"verify": False})}
    )
    whole, shards = checksums(config), sorted(config.feature_folder.rglob("*.frames"))
    with shards[0].open("r+b") as file:
        file.write(b"\xff")
    extract.run(quick)
    assert checksums(config) != whole
    os.truncate(shards[0], 10)
    with pytest.raises(SerError, match=rf"{shards[0].name} is damaged: it has 10 bytes"):
        FeatureCache.open(config, read_manifest(config.manifest))
    extract.run(quick)
    assert checksums(config) == whole


def test_a_damaged_index_is_named_and_written_again(config: Config) -> None:
    extract.run(config)
    whole, index = checksums(config), indexes(config)[0]
    content = bytearray(index.read_bytes())
    content[40] ^= 255
    index.write_bytes(content)
    with pytest.raises(SerError, match=rf"{index.name} is damaged"):
        FeatureCache.open(config, read_manifest(config.manifest))
    extract.run(config)
    assert checksums(config) == whole


def test_a_disk_without_room_is_refused_before_anything_is_computed(
    config: Config, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    free = SimpleNamespace(free=20_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(SerError, match=r"^56 kB do not fit .* has 20 kB free: free some"),
    ):
        extract.run(config)
    assert not indexes(config)
    assert "15 shards are to be written" in caplog.text


def test_a_disk_that_fills_ends_in_a_sentence_and_the_run_goes_on(config: Config) -> None:
    jobs = plan(config, read_manifest(config.manifest))
    stem = jobs[2].stems["wavlm"]
    stem.parent.mkdir(parents=True)
    partial = stem.with_suffix(".frames.partial")
    partial.symlink_to("/dev/full")  # takes no byte: every write fails as on a full disk
    with pytest.raises(
        SerError, match=r"disk is full: .*features could not be written\. Free some"
    ):
        extract.run(config)
    assert len(indexes(config)) == 4  # two encoders, two jobs
    partial.unlink()
    extract.run(config)
    FeatureCache.open(config, read_manifest(config.manifest))
    assert not faults(config)


def test_what_is_written_fits_the_announced_bytes(config: Config) -> None:
    frame = read_manifest(config.manifest)
    bank = extract.load_bank(config, torch.device("cpu"))
    announced = sum(job_bytes(job, config, frame, bank) for job in plan(config, frame))
    extract.run(config)
    written = sum(file.stat().st_size for file in config.feature_folder.rglob("*.frames"))
    copies = len(frame) + (frame["split"] == "train").sum()
    assert written <= announced <= written + copies * 2 * (2 * 16 + 2 * 24)  # 2 frames a clip


def test_the_papers_encoders_take_230_kb_a_second() -> None:
    """50 frames a second of 1280 and 1024 numbers of 2 bytes."""
    speech = SimpleNamespace(step_s=0.02)
    bank = SimpleNamespace(
        whisper=speech, wavlm=speech, widths={"whisper": 1280, "wavlm": 1024, "roberta": 1024}
    )
    frame = pd.DataFrame({"duration_s": [10.0, 30.0, 45.0]})
    job = Job("", 0, np.arange(3), {"whisper": Path(), "wavlm": Path()})
    size = job_bytes(job, Config(), frame, cast(EncoderBank, bank))
    assert size / (10 + 30 + 30) == pytest.approx(230_400, rel=0.001)  # longer ones are cut
    slow = Augmentation(speed=(0.8, 1.0))
    config = Config.model_validate({"features": {"augmentation": slow.model_dump()}})
    size = job_bytes(Job("", 1, np.arange(1), job.stems), config, frame, cast(EncoderBank, bank))
    assert size / 12.5 == pytest.approx(230_400, rel=0.003)


def test_tokens_are_counted_as_they_are_encoded(encoders: Path) -> None:
    branch = RobertaBranch.load(encoders / "roberta", torch.device("cpu"), torch.float32)
    texts = [*TEXTS, " ", "the kids are talking " * 40]  # the last in several pieces
    assert token_counts(branch, texts).tolist() == branch.encode(texts).mask.sum(dim=1).tolist()


def test_long_audio_is_cut_and_counted(
    tmp_path: Path, encoders: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = new_world(tmp_path, encoders, max_seconds=1.0, augmentation={"speed": [0.7, 0.8]})
    with caplog.at_level(logging.INFO):
        extract.run(config)
    assert "3 of 9 clips are longer than 1 s and are cut there" in caplog.text
    lengths = FeatureCache.open(config, read_manifest(config.manifest)).lengths("whisper")
    assert lengths[:, 0].tolist() == [min(50, -(-round(100 * s) // 2)) for s in SECONDS]
    assert lengths.max() == 50  # slower copies, too


def test_copies_seed_and_another_corpus_leave_clean_shards_alone(config: Config) -> None:
    frame = read_manifest(config.manifest)
    write_manifest(frame[frame["corpus"] == "first"], config.manifest)
    features = config.features.model_copy(update={"copies": 0})
    extract.run(config.model_copy(update={"features": features, "seed": 5}))
    times = {path: path.stat().st_mtime_ns for path in indexes(config)}
    assert len(times) == 6  # two shards for each encoder
    write_manifest(frame, config.manifest)
    extract.run(config)
    assert len(indexes(config)) == 15
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_rows_that_go_and_come_leave_all_others_alone(config: Config) -> None:
    """Two new rows in the middle of their corpora; the others move to other places."""
    frame = read_manifest(config.manifest)
    write_manifest(frame.drop(index=[1, 6]), config.manifest)
    extract.run(config)
    before = checksums(config)
    write_manifest(frame.drop(index=[0, 1, 6]), config.manifest)
    extract.run(config)
    assert checksums(config) == before
    write_manifest(frame, config.manifest)
    extract.run(config)
    after = checksums(config)
    assert {path: told for path, told in after.items() if path in before} == before
    new = [read_shard(path)[1]["id"].to_list() for path in indexes(config)
           if str(path.relative_to(config.feature_folder)) not in before]  # fmt: skip
    clean = [["small/clip1"], ["small/clip6"]] * 3  # of the three encoders
    assert sorted(new) == sorted([*clean, *[["small/clip1"]] * 2])  # the first trains: a copy
    FeatureCache.open(config, frame)
    assert not faults(config)


def test_another_checkpoint_or_setting_has_a_folder_of_its_own(
    config: Config, tmp_path: Path
) -> None:
    def settings(**changes: Any) -> str:
        features = {k: v for k, v in changes.items() if k in type(config.features).model_fields}
        rest = {k: v for k, v in changes.items() if k not in features}
        merged = config.features.model_copy(update=features)
        changed = config.model_copy(update={**rest, "features": merged})
        return str(encoder_settings(changed, "whisper"))

    other = tmp_path / "other"
    shutil.copytree(config.encoder_root or Path(), other)
    same = settings()
    assert settings(encoder_root=other) == same  # where it lies is of no matter
    weights = other / "whisper" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    changed = [
        settings(encoder_root=other),
        settings(whisper_context="padded_30s"),
        settings(dtype="bfloat16"),
        settings(layers={"whisper": (-1, -2)}),
        settings(max_seconds=10.0),
        settings(precision="bfloat16"),
    ]
    assert len({same, *changed}) == 7
    assert settings(batch_size=1, clips_per_shard=2, copies=3, seed=9) == same


def test_what_cannot_be_read_is_named(config: Config) -> None:
    frame, clip = read_manifest(config.manifest), config.data / "clip3.wav"
    write_manifest(frame.assign(transcript=None), config.manifest)
    with pytest.raises(SerError, match="9 recordings have no transcript, first small/clip0"):
        extract.run(config)
    write_manifest(frame, config.manifest)
    clip.unlink()
    with pytest.raises(SerError, match=r"1 audio files of the manifest are missing, .*clip3\.wav"):
        extract.run(config)
    clip.write_bytes(b"no sound")
    with pytest.raises(SerError, match=r"clip3\.wav is not the file that `prepare` read"):
        extract.run(config)
