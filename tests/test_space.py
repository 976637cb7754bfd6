"""The folder for Hugging Face Spaces: what is in it, what its head says, and that it runs alone."""

import os
import re
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import yaml
from gradio_client import Client, handle_file
from packaging.requirements import Requirement

from assets.space import main, pack
from ser.bundle import CONFIG, EMBEDDED
from tests.conftest import REPOSITORY
from tests.page_server import free_port, wait_for_page

COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("packed") / "space"
    pack(target)
    return target


def head(folder: Path) -> dict:
    _, front, _ = (folder / "README.md").read_text(encoding="utf-8").split("---\n", 2)
    return yaml.safe_load(front)


def test_all_that_the_page_needs_is_packed_and_nothing_else(folder: Path) -> None:
    names = {path.name for path in folder.iterdir()}
    assert names == {"LICENSE", "README.md", "app.py", "assets", "requirements.txt", "ser"}
    inside = [path.relative_to(folder).as_posix() for path in folder.rglob("*")]
    assert not [
        n for n in inside if re.search(r"(^|/)(tests|training|screenshots|\.|__pycache)", n)
    ]
    assert "assets/embedded/model.safetensors" in inside
    assert "assets/page/page.css" in inside
    largest = max(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert largest < 10_000_000  # the Hub wants larger files in another way


def test_the_head_of_the_readme_follows_the_rules_of_the_hub(folder: Path) -> None:
    told = head(folder)
    requirements = (folder / "requirements.txt").read_text()
    assert told["sdk"] == "gradio"
    assert f"gradio=={told['sdk_version']}\n" in requirements
    assert told["python_version"] == "3.12"  # a text: the number 3.10 would be 3.1
    assert (folder / told["app_file"]).is_file()
    assert {told["colorFrom"], told["colorTo"]} <= set(COLOURS)
    assert len(told["title"]) <= 60
    assert len(told["short_description"]) <= 60
    assert not re.search(r"\w", told["emoji"])
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert told["license"] == project["license"].lower()
    for line in told["preload_from_hub"]:
        name, files = line.split()
        assert name in told["models"]
        assert {"config.json", "model.safetensors"} <= set(files.split(","))


def test_the_readme_leads_to_no_file_that_stayed_behind(folder: Path) -> None:
    readme = (folder / "README.md").read_text(encoding="utf-8")
    for address in re.findall(r"\]\(([^)\s]+)\)", readme):
        assert "://" in address or (folder / address).is_file()
    assert "training/README.md" in readme  # the words stay
    assert "| dark |" not in readme  # a table of pictures is gone with them


def test_a_folder_with_something_in_it_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()
    with pytest.raises(SystemExit) as stopped:
        main([str(tmp_path)])
    assert "is not empty. Name a new folder." in str(stopped.value.code)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    main([str(tmp_path / "new")])
    assert "hf upload USER/SPACE" in capsys.readouterr().out


def modules_left_out(requirements: str) -> set[str]:
    """Top-level modules that are installed here beside the project, and not by these."""
    needed: set[tuple[str, str]] = set()
    waiting = [Requirement(line) for line in requirements.splitlines() if line[:1].isalpha()]
    while waiting:
        wanted = waiting.pop()
        for extra in ("", *wanted.extras):
            if (wanted.name.lower(), extra) in needed:
                continue
            needed.add((wanted.name.lower(), extra))
            try:
                further = metadata.requires(wanted.name) or []
            except metadata.PackageNotFoundError:  # for another system
                continue
            waiting += [
                each
                for each in map(Requirement, further)
                if each.marker is None or each.marker.evaluate({"extra": extra})
            ]
    names = {re.sub(r"[-_.]+", "-", name) for name, _ in needed}
    return {
        module
        for module, owners in metadata.packages_distributions().items()
        if not (names | {"ser"}) & {re.sub(r"[-_.]+", "-", owner.lower()) for owner in owners}
    }


@pytest.mark.skipif(not (EMBEDDED / CONFIG).is_file(), reason="needs the embedded bundle")
def test_the_page_starts_from_the_packed_folder_alone(folder: Path, tmp_path: Path) -> None:
    port = free_port()
    requirements = (folder / "requirements.txt").read_text().replace("gradio=", "gradio[mcp]=")
    left_out = modules_left_out(requirements)
    assert {"pytest", "lightning", "playwright"} <= left_out
    script = f"""
import runpy, sys
from importlib.machinery import PathFinder
class Installed(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name in {left_out!r} else super().find_spec(name, path, target)
sys.path[:] = [{str(folder)!r}] + [p for p in sys.path if {str(REPOSITORY)!r} not in (p, p + "/")]
sys.meta_path = [f for f in sys.meta_path if "__editable__" not in getattr(f, "__module__", "")]
sys.meta_path[sys.meta_path.index(PathFinder)] = Installed
import importlib.util, assets, ser
assert importlib.util.find_spec("training") is importlib.util.find_spec("tests") is None
assert [*assets.__path__, *ser.__path__] == [{str(folder / "assets")!r}, {str(folder / "ser")!r}]
sys.argv = ["app.py"]
runpy.run_path("app.py", run_name="__main__")
"""
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {
        "GRADIO_SERVER_NAME": "0.0.0.0",  # as on a Space
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_MCP_SERVER": "true",
        "HOME": str(tmp_path),
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", script],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        url = f"http://127.0.0.1:{port}/"
        wait_for_page(url, process)
        client = Client(url, verbose=False, download_files=False)
        voice = folder / "assets" / "examples" / "lively.flac"
        answer = client.predict(audio=handle_file(voice), transcript="", api_name="/predict")
        assert answer["bundle"] == "embedded"
        tools = httpx.get(f"{url}gradio_api/mcp/schema").json()
        assert [tool["name"] for tool in tools] == ["predict", "timeline", "batch"]
    finally:
        process.terminate()
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    assert "Traceback" not in output
