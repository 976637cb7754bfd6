"""The README's commands, code and links are true."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ser.bundle import CONFIG, EMBEDDED
from ser.cli.arguments import parse
from ser.recognizer import Recognizer
from tests.conftest import REPOSITORY
from tests.page_server import Server, serve

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(.*-m venv.*)$", README, re.MULTILINE)
SECTION = README.partition("\n## Python\n")[2].partition("\n## ")[0]
API = README.partition("\n## API\n")[2].partition("\n## ")[0]
PYTHON = "\n".join(re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL))


def test_continuous_integration_runs_the_test_command_word_for_word() -> None:
    assert COMMANDS[-1] in (REPOSITORY / ".ci" / "run").read_text().splitlines()


@pytest.mark.parametrize("command", re.findall(r"^ {4}.*python -m ser (.*)$", README, re.MULTILINE))
def test_commands_are_understood(command: str) -> None:
    assert parse(command.replace("'", "").split()).command == command.split()[0]


def test_options_are_those_of_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    shown = ""
    for command in ("predict", "record", "live"):
        with pytest.raises(SystemExit):
            parse([command, "--help"])
        shown += capsys.readouterr().out
    section = README.partition("## Command line")[2].partition("### JSON")[0]
    told = set(re.findall(r"--[a-z][a-z-]*", section))
    assert told == set(re.findall(r"--[a-z][a-z-]*", shown)) - {"--help"}


def test_options_of_the_page_are_told() -> None:
    parser_help = subprocess.run(
        [sys.executable, "app.py", "--help"], cwd=REPOSITORY, capture_output=True, text=True
    ).stdout
    offered = set(re.findall(r"--[a-z][a-z-]*", parser_help)) - {"--help"}
    assert offered
    assert all(f"`{option}`" in README or f" {option}\n" in README for option in offered)


def test_links_lead_to_files() -> None:
    targets = re.findall(r"\]\(([^)]+)\)", README)
    assert targets
    for target in targets:
        assert (REPOSITORY / target).is_file(), target


@pytest.mark.skipif(not (EMBEDDED / CONFIG).is_file(), reason="needs the embedded bundle")
def test_python_runs_as_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(REPOSITORY)
    exec(compile(PYTHON, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "missing.wav failed: missing.wav does not exist" in printed
    assert "The recording holds no speech." in printed


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    if not (EMBEDDED / CONFIG).is_file():
        pytest.skip("needs the embedded bundle")
    recognizer = Recognizer.from_pretrained(EMBEDDED, transcriber=None)
    with serve(recognizer, tmp_path_factory.mktemp("uploads")) as running:
        yield running


def at(server: Server, snippet: str) -> str:
    """The same for a page at another address."""
    assert "http://127.0.0.1:7860" in snippet
    return snippet.replace("http://127.0.0.1:7860", server.url.rstrip("/"))


def test_the_python_client_is_used_as_written(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(REPOSITORY)
    (snippet,) = re.findall(r"```python\n(.*?)```", API, re.DOTALL)
    exec(compile(at(server, snippet), "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "'happy': 0." in printed
    assert "[0.0, 1.0," in printed
    assert server.kept_files() == []


@pytest.mark.skipif(not shutil.which("curl"), reason="needs curl: apt-get install curl")
def test_curl_is_used_as_written(server: Server) -> None:
    snippets = re.findall(r"```sh\n(.*?)```", API, re.DOTALL)
    script = at(server, "\n".join(snippets))
    ran = subprocess.run(
        ["sh", "-eu", "-c", script], cwd=REPOSITORY, capture_output=True, text=True, timeout=120
    )
    lines = [line for line in ran.stdout.splitlines() if line.startswith(("event:", "data: ["))]
    assert [line for line in lines if "heartbeat" not in line][::2] == ["event: complete"] * 2
    (one,), (many,) = (json.loads(line.removeprefix("data: ")) for line in lines[1::2])
    assert one["file"] == "lively.flac"
    expected = server.recognizer.predict(REPOSITORY / "assets" / "examples" / "lively.flac")
    assert one["emotions"] == expected.emotions
    assert many[0]["emotions"]["happy"] == pytest.approx(one["emotions"]["happy"], abs=1e-5)
    assert many[1]["file"] == "recording 2"
    assert "error" in many[1]
    assert server.kept_files() == []
