"""The program as a shell starts it."""

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ser.cli.commands import save_wav
from tests.cli.helpers import HUM
from tests.conftest import REPOSITORY
from tests.speech_clips import clips
from tests.tiny import EMOTIONS


def run(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ser", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=REPOSITORY, timeout=300, **options
    )


class TestProcess:
    """The program as a shell starts it."""

    def test_help_needs_no_torch(self) -> None:
        asked = "import sys; sys.argv = ['ser', '--help']\nimport runpy\ntry:\n"
        asked += "    runpy.run_module('ser', run_name='__main__')\nexcept SystemExit: pass\n"
        asked += "print({'torch', 'numpy', 'transformers'} & set(sys.modules))"
        told = subprocess.run(
            [sys.executable, "-c", asked], capture_output=True, text=True, cwd=REPOSITORY
        )
        assert told.stdout.startswith("usage: python -m ser")
        assert told.stdout.rstrip().endswith("set()")

    def test_real_speech_between_files_that_fail(
        self, tiny: str, data_dir: Path, tmp_path: Path
    ) -> None:
        first, second = clips(data_dir, 2)
        hum = str(tmp_path / "hum.wav")
        save_wav(Path(hum), HUM)
        files = [str(first), tiny, str(second), hum, "missing.wav"]
        done = run(
            *["predict", "--bundle", tiny, "--device", "cpu", "--format", "json", *files],
        )
        told = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 1
        assert done.stderr == ""  # the bundle names PocketSphinx, nothing is to be said
        assert [item["file"] for item in told] == files
        assert told[0]["transcript"]["source"] == "pocketsphinx"
        assert "is a folder" in told[1]["error"]
        assert set(told[2]["emotions"]) == set(EMOTIONS)
        assert told[3]["error"].startswith("hum.wav holds no speech")
        assert told[4]["error"].startswith("missing.wav does not exist")

    @pytest.mark.skipif(os.name == "nt", reason="pipes close otherwise on Windows")
    def test_a_reader_that_leaves_ends_it_quietly(self, tiny: str) -> None:
        missing = [f"missing{number}.wav" for number in range(2000)]  # more than a pipe holds
        command = [sys.executable, "-m", "ser", "predict", "--format", "json", "--bundle", tiny]
        with subprocess.Popen(
            [*command, *missing], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.readline()
            process.stdout.close()
            assert process.stderr.read() == b""
            assert process.wait(timeout=120) == 141

    @pytest.mark.skipif(os.name == "nt", reason="signals differ on Windows")
    def test_ctrl_c_leaves_no_traceback(self, tiny: str) -> None:
        files = [f"missing{number}.wav" for number in range(50_000)]
        command = [sys.executable, "-m", "ser", "predict", "--format", "json", "--bundle", tiny]
        with subprocess.Popen(
            [*command, *files],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
            # A shell lets what it starts in the background ignore Ctrl-C, the tests included.
            preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=120)
        assert errors == b"Stopped.\n"
        assert process.returncode == 130
