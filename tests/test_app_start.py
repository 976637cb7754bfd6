"""How the page starts and stops: flags, environment, bad settings."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import gradio as gr
import httpx
import pytest

import app
from assets.page import tools
from assets.page.models import Models
from ser.errors import BundleError
from ser.recognizer import Recognizer
from tests.conftest import REPOSITORY
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import free_port, wait_for_page

VARIABLES = (
    "SER_BUNDLE", "SER_BUNDLES", "SER_ANY_BUNDLE",
    "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_MCP_SERVER",
)  # fmt: skip


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> dict:
    """What `main` hands on: the recogniser's bundle and the arguments of `launch`."""
    seen: dict = {}

    def from_pretrained(bundle: str | None) -> FakeRecognizer:
        if bundle == "missing":
            raise BundleError("There is no bundle missing.")
        if bundle == "unreadable":
            raise PermissionError(13, "Permission denied", "README.md")
        seen["bundle"] = bundle
        seen["recognizer"] = FakeRecognizer()
        return seen["recognizer"]

    monkeypatch.setattr(Recognizer, "from_pretrained", from_pretrained)
    monkeypatch.setattr(gr.Blocks, "launch", lambda _self, **options: seen.update(options))
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    for name in (*VARIABLES, "GRADIO_TEMP_DIR"):
        monkeypatch.setenv(name, "")  # so that it is restored afterwards
        monkeypatch.delenv(name)
    return seen


def test_it_serves_this_machine_alone_unless_told_otherwise(started: dict) -> None:
    app.main([])
    assert (started["server_name"], started["server_port"]) == ("127.0.0.1", 7860)
    assert started["share"] is False
    assert started["bundle"] is None


def test_it_has_answered_once_before_the_first_visitor_comes(started: dict) -> None:
    app.main([])
    assert len(started["recognizer"].paths) == 1


def test_flags_and_environment_reach_recogniser_and_server(
    started: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SER_BUNDLE", "from/environment")
    app.main(["--host", "0.0.0.0", "--port", "8000", "--share"])
    assert started["bundle"] == "from/environment"
    assert (started["server_name"], started["server_port"]) == ("0.0.0.0", 8000)
    assert started["share"] is True
    app.main(["--bundle", "from/flag"])
    assert started["bundle"] == "from/flag"


def test_an_empty_variable_means_the_default(
    started: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
    app.main([])
    assert started["bundle"] is None
    assert started["mcp_server"] is False
    assert (started["server_name"], started["server_port"]) == ("127.0.0.1", 7860)


def test_a_bundle_that_cannot_be_read_is_not_blamed_on_the_port(
    started: dict,
) -> None:
    with pytest.raises(SystemExit) as stopped:
        app.main(["--bundle", "unreadable"])
    assert "Permission denied" in str(stopped.value.code)
    assert "Port" not in str(stopped.value.code)


def test_a_missing_bundle_is_said_in_a_sentence(
    started: dict,
) -> None:
    with pytest.raises(SystemExit) as stopped:  # a sentence as the code: it is printed, status 1
        app.main(["--bundle", "missing"])
    assert stopped.value.code == "There is no bundle missing."


@pytest.mark.parametrize(
    ("arguments", "variables", "allowed"),
    [
        ([], {}, True),
        (["--host", "0.0.0.0"], {}, False),
        (["--share"], {}, False),
        ([], {"GRADIO_SERVER_NAME": "0.0.0.0"}, False),
        (["--host", "0.0.0.0", "--any-bundle"], {}, True),
        (["--share"], {"SER_ANY_BUNDLE": "1"}, True),
    ],
)
def test_strangers_fill_no_disk_unless_the_host_says_so(
    started: dict,
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    variables: dict[str, str],
    allowed: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    made: list[Models] = []

    def build_app(models: Models) -> gr.Blocks:
        made.append(models)
        return gr.Blocks()

    monkeypatch.setattr(app, "build_app", build_app)
    app.main(arguments)
    assert [models.hub for models in made] == [allowed]


def test_tools_are_offered_on_request(started: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    app.main(["--mcp"])
    assert started.pop("mcp_server") is True
    monkeypatch.setenv("GRADIO_MCP_SERVER", "True")
    app.main([])
    assert started["mcp_server"] is True


def test_a_missing_package_is_said_in_a_sentence(
    started: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda _name: None)
    with pytest.raises(SystemExit) as stopped:
        app.main(["--mcp"])
    assert "pip install 'gradio[mcp]'" in str(stopped.value.code)


STARTER = """
import sys
from tests.fake_recognizer import FakeRecognizer
import ser.recognizer
ser.recognizer.Recognizer.from_pretrained = lambda bundle: FakeRecognizer()
import app
app.main(sys.argv[1:])
"""


def test_a_taken_port_is_said_in_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-c", STARTER, "--port", port]
        ended = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 1
    assert f"Port {port} of 127.0.0.1 cannot be used." in ended.stderr
    assert "Traceback" not in ended.stderr


def test_stopping_the_server_deletes_its_upload_folder(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER, "--port", str(port)],
        cwd=REPOSITORY,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        wait_for_page(f"http://127.0.0.1:{port}/", process)
        sent = httpx.post(f"http://127.0.0.1:{port}/gradio_api/upload", files={"files": b"sound"})
        upload = Path(sent.json()[0])
        assert upload.exists()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    finally:
        process.kill()
        process.communicate()
    assert not upload.exists()
    assert list(tmp_path.glob("ser-page-*")) == []
