"""Which rows are drawn, how processes share them, and what a batch holds."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from ser.errors import SerError
from tests.training.fit_world import CLASSES, WorldCache, world_frame
from training.config import Stage
from training.data import (
    Batch,
    Draw,
    DrawnBatches,
    EpochBatches,
    OrderedBatches,
    Part,
    StageData,
)
from training.manifest import VOTES
from training.truth import Truth, check_votes, fewer_annotators

ROWS = np.arange(100, 130)
INDEX = np.repeat([0, 1, 2], [20, 7, 3])


def batches_of(
    stage: Stage, part: Part | None = None, epoch: int = 0, index: np.ndarray = INDEX
) -> list[list[Draw]]:
    copies = np.where(ROWS < 115, 3, 1)
    sampler = EpochBatches(ROWS, index, copies, stage, 5, part or Part())
    sampler.set_epoch(epoch)
    batches = list(sampler)
    assert len(batches) == len(sampler)
    return batches


def batch_of(draws: list[Draw], stage: Stage | None = None, soft: bool = False) -> Batch:
    frame = world_frame()
    truth = Truth.of(frame, CLASSES, soft)
    return DrawnBatches(WorldCache(frame), truth, stage or Stage())[draws]


@pytest.mark.parametrize("count", [2, 4])
def test_processes_see_together_the_batches_of_one(count: int) -> None:
    stage = Stage(samples_per_epoch=64, batch_size=8)
    whole = batches_of(stage)
    parts = [batches_of(stage, Part(rank, count)) for rank in range(count)]
    for number, batch in enumerate(whole):
        # Dealt out in turn: gathered parts side by side give the batch back in its order.
        together = [draw for example in zip(*(p[number] for p in parts)) for draw in example]  # noqa: B905
        assert together == batch


def test_every_epoch_draws_anew_and_the_same_again() -> None:
    stage = Stage(samples_per_epoch=24, batch_size=8)
    assert batches_of(stage, epoch=1) == batches_of(stage, epoch=1)
    assert batches_of(stage, epoch=1) != batches_of(stage, epoch=0)


def test_rows_come_in_rounds_of_the_whole_set() -> None:
    batches = batches_of(Stage(samples_per_epoch=75, batch_size=10))
    drawn = Counter(draw.row for batch in batches for draw in batch)
    assert [len(batch) for batch in batches] == [10] * 8  # whole batches: 80 samples
    assert set(drawn) == set(ROWS)
    assert set(drawn.values()) == {2, 3}


def test_copies_are_those_a_row_has() -> None:
    draws = [d for b in batches_of(Stage(samples_per_epoch=3000, batch_size=50)) for d in b]
    assert {draw.copy for draw in draws if draw.row >= 115} == {0}
    counts = Counter(draw.copy for draw in draws if draw.row < 115)
    assert set(counts) == {0, 1, 2}
    assert all(abs(n - 500) < 100 for n in counts.values())
    assert len({draw.seed for draw in draws}) == len(draws)


def test_balanced_sampling_draws_classes_equally() -> None:
    stage = Stage(samples_per_epoch=300, batch_size=10, balanced_sampling=True)
    index = INDEX.copy()
    index[:3] = -1  # no class: they keep their tenth of the epoch
    rows = [draw.row - 100 for batch in batches_of(stage, index=index) for draw in batch]
    assert Counter(index[rows]) == {-1: 30, 0: 90, 1: 90, 2: 90}
    assert Counter(row for row in rows if index[row] == 2) == {27: 30, 28: 30, 29: 30}
    first = Counter(index[rows[:100]])
    assert all(first[name] > 15 for name in (0, 1, 2))  # mixed, not one class after another


def test_development_rows_come_once_in_order_of_length() -> None:
    rows, lengths = np.array([7, 3, 9, 4, 8]), np.array([5, 1, 4, 1, 2])
    whole = list(OrderedBatches(rows, lengths, 3, Part()))
    assert [[d.row for d in batch] for batch in whole] == [[3, 4, 8], [9, 7]]
    assert all(draw.copy == 0 and draw.seed is None for batch in whole for draw in batch)
    parts = [list(OrderedBatches(rows, lengths, 3, Part(rank, 3))) for rank in range(3)]
    assert sorted(d.row for part in parts for batch in part for d in batch) == sorted(rows)
    assert [len(part) for part in parts] == [2, 2, 1]  # no empty batch


def test_a_batch_holds_frames_masks_and_labels() -> None:
    frame = world_frame()
    frame.loc[1, "emotion"] = None
    frame.loc[2, "valence"] = np.nan
    truth, cache = Truth.of(frame, CLASSES), WorldCache(frame)
    batch = DrawnBatches(cache, truth, Stage())[[Draw(0, 1), Draw(1), Draw(2)]]
    for name, width in cache.widths.items():
        output = batch.encoded[name]
        assert output.hidden.dtype == torch.float16
        assert output.hidden.shape == (3, 4, width)
        assert output.mask.sum(dim=1).tolist() == [2, 3, 4]
        assert torch.equal(output.hidden[0, :2], cache.frames(name, 0, 1))
    assert batch.classes.tolist() == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 1, 0]]
    assert batch.attributes.isnan().tolist() == [[False] * 3, [False] * 3, [False, True, False]]
    moved = batch.to(torch.device("cpu"))
    assert moved.encoded["wavlm"].hidden.dtype == torch.float32
    assert moved.rows.tolist() == [0, 1, 2]


def test_soft_labels_are_shares_of_votes_and_one_hot_without() -> None:
    frame = world_frame()
    frame.loc[1, list(VOTES.values())] = np.nan
    frame.loc[2, "emotion"] = None  # no agreement, but votes
    truth = Truth.of(frame, CLASSES, soft=True)
    assert truth.targets[0].tolist() == [0.75, 0.25, 0, 0]
    assert truth.targets[1].tolist() == [0, 1, 0, 0]
    assert truth.targets[2].tolist() == [0, 0, 0.75, 0.25]
    assert Truth.of(frame, CLASSES).targets[2].tolist() == [0, 0, 0, 0]
    assert Truth.of(frame, CLASSES[:3], soft=True).targets[2].tolist() == [0, 0, 1]  # no "other"


def test_modality_dropout_takes_one_encoder_from_its_share_of_samples() -> None:
    stage = Stage(modality_dropout=0.3)
    draws = [Draw(row % 90, 0, seed) for seed, row in enumerate(range(600))]
    batch = batch_of(draws, stage)
    there = torch.stack([output.mask.any(dim=1) for output in batch.encoded.values()])
    absent = (~there).sum(dim=1)
    assert there.sum(dim=0).min() == 2  # never two at once
    assert int(absent.sum()) == pytest.approx(180, abs=40)
    assert all(int(count) == pytest.approx(60, abs=25) for count in absent)
    again = batch_of(draws, stage)
    assert all(torch.equal(batch.encoded[n].mask, again.encoded[n].mask) for n in batch.encoded)
    clean = batch_of([Draw(draw.row) for draw in draws], stage)
    assert all(output.mask.any(dim=1).all() for output in clean.encoded.values())


def test_annotation_dropout_drops_whole_annotators_and_keeps_one() -> None:
    random = np.random.default_rng(0)
    votes = np.array([3.0, 1.0, 0.0])
    kept = np.array([fewer_annotators(votes, 0.5, random) for _ in range(4000)])
    assert (kept <= votes).all()
    assert (kept == kept.round()).all()
    assert (kept.sum(axis=1) >= 1).all()
    # By hand: 3/2 expected of the first, and 1/16 of the draws lost all and got one back.
    assert kept[:, 0].mean() == pytest.approx(1.5 + 0.75 / 16, abs=0.05)
    assert kept[:, 1].mean() == pytest.approx(0.5 + 0.25 / 16, abs=0.05)
    assert (fewer_annotators(votes, 0.0, random) == votes).all()


def test_annotation_dropout_changes_soft_labels_by_draw() -> None:
    stage = Stage(class_loss="kl", annotation_dropout=0.5)
    draws = [Draw(0, 0, seed) for seed in range(50)]
    targets = batch_of(draws, stage, soft=True).classes
    assert torch.allclose(targets.sum(dim=1), torch.ones(50))
    assert len({tuple(row.tolist()) for row in targets}) > 3
    assert torch.equal(targets, batch_of(draws, stage, soft=True).classes)
    clean = batch_of([Draw(0)], stage, soft=True).classes
    assert clean.tolist() == [[0.75, 0.25, 0, 0]]


def test_annotation_dropout_refuses_votes_that_are_no_annotators() -> None:
    frame = world_frame()
    rows = np.arange(5)
    check_votes(Truth.of(frame, CLASSES), rows, frame["id"].tolist())
    frame.loc[3, VOTES["sad"]] = 0.4
    with pytest.raises(SerError, match="world/3"):
        check_votes(Truth.of(frame, CLASSES), rows, frame["id"].tolist())
    frame[list(VOTES.values())] = np.nan
    with pytest.raises(SerError, match="needs the votes"):
        check_votes(Truth.of(frame, CLASSES), rows, frame["id"].tolist())


def test_worker_processes_load_the_same_batches() -> None:
    frame = world_frame()
    truth = Truth.of(frame, CLASSES)
    stage = Stage(samples_per_epoch=32, batch_size=8, modality_dropout=0.5)
    rows = np.arange(64)
    loaders: list[DataLoader] = []
    for workers in (0, 2):
        data = StageData(WorldCache(frame), truth, stage, rows, rows, rows, 1, workers)
        loaders.append(data.train_dataloader())
    for one, other in zip(*loaders, strict=True):
        assert torch.equal(one.rows, other.rows)
        for name, output in one.encoded.items():
            assert torch.equal(output.mask, other.encoded[name].mask)
            assert torch.equal(output.hidden, other.encoded[name].hidden)
