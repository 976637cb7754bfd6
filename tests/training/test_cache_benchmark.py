"""The benchmark of the feature cache compares ways of reading that give the same batches."""

from pathlib import Path

import pytest
import torch

from tests.benchmarks import cache as benchmark


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> benchmark.Corpus:
    corpus = benchmark.Corpus.at(tmp_path_factory.mktemp("benchmark"), clips=6)
    corpus.write()
    return corpus


def test_every_way_gives_the_same_batch(corpus: benchmark.Corpus) -> None:
    (expected,) = benchmark.batches(corpus, benchmark.WAYS[benchmark.BASELINE](corpus), workers=0)
    for begin in benchmark.WAYS.values():
        (batch,) = benchmark.batches(corpus, begin(corpus), workers=0)
        for name, output in batch.items():
            assert torch.equal(output.hidden.half(), expected[name].hidden)
            assert torch.equal(output.mask, expected[name].mask)


def test_tables_have_a_row_for_each_way(corpus: benchmark.Corpus) -> None:
    table = benchmark.speed_table(corpus, workers=[0], runs=1).splitlines()
    assert [line.split(" | ")[0].removeprefix("| ") for line in table[2:]] == list(benchmark.WAYS)
    assert f"| {benchmark.BASELINE} | 0 | " in table[3]


def test_the_corpus_is_of_the_papers_size(corpus: benchmark.Corpus, tmp_path: Path) -> None:
    seconds = corpus.frame["duration_s"]
    assert seconds.between(2, 11).all()
    assert corpus.size("*.frames") / seconds.sum() == pytest.approx(230_400 + 4 * 2048, rel=0.01)
    more = benchmark.Corpus.at(tmp_path, clips=5000)
    assert 5 < more.frame["duration_s"].mean() < 6
