"""The README's commands, code and links are true."""

import re
from pathlib import Path

import pytest

from ser.bundle import CONFIG, EMBEDDED
from ser.cli.arguments import parse
from tests.conftest import REPOSITORY

README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^ {4}(.*-m venv.*)$", README, re.MULTILINE)
SECTION = README.partition("\n## Python\n")[2].partition("\n## ")[0]
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
