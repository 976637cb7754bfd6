"""Jobs in processes of their own: all are done, what they print is kept, errors come out."""

import multiprocessing
import time
from functools import partial
from pathlib import Path

import pytest

from ser.errors import SerError
from tests.patience import eventually
from training.embedded.side_by_side import run


def _write(file: Path) -> None:
    print(f"wrote {file.name}")
    file.write_text(file.name)


def _sleep(seconds: float) -> None:
    time.sleep(seconds)


def _beat(file: Path) -> None:
    while True:
        file.write_text(str(time.monotonic()))
        time.sleep(0.05)


def _fail() -> None:
    raise SerError("The corpus is empty.")


def test_every_job_is_done_and_what_it_prints_goes_to_the_logs(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / name for name in ("one", "two", "three")]
    run([partial(_write, file) for file in files], "files", 2, tmp_path / "logs")
    assert [file.read_text() for file in files] == ["one", "two", "three"]
    logged = "".join(log.read_text() for log in (tmp_path / "logs").iterdir())
    assert sorted(logged.split()) == sorted(["wrote", "one", "wrote", "two", "wrote", "three"])
    assert "wrote" not in capfd.readouterr().out


def test_an_error_of_a_job_ends_the_others_at_once(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(SerError, match="corpus is empty"):
        run([_fail, partial(_sleep, 300)], "files", 2, tmp_path / "logs")
    assert time.monotonic() - began < 150
    assert not multiprocessing.active_children()


def test_jobs_end_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    parent = multiprocessing.get_context("spawn").Process(
        target=run, args=([partial(_beat, beats)], "files", 1, tmp_path / "logs")
    )
    parent.start()
    eventually(beats.exists, "the job begins")
    parent.kill()
    parent.join()

    def still() -> bool:
        before = beats.read_text()
        time.sleep(0.5)
        return beats.read_text() == before

    eventually(still, "the job ends")
