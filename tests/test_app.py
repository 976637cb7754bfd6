"""The page without a browser: its API, its errors, what it deletes, how it starts."""

import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import gradio as gr
import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import app
from assets.page import tools, uploads
from assets.page.listen.recording import EXAMPLES
from assets.page.looks import asset
from assets.page.models import Models
from assets.page.queue import FORGET_AFTER_S, MAX_WAITING
from assets.page.telling import WENT_WRONG
from ser.errors import AudioError, BundleError
from ser.recognizer import Recognizer
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import Server, free_port, serve

REPOSITORY = Path(app.__file__).parent
VARIABLES = (
    "SER_BUNDLE", "SER_BUNDLES", "SER_ANY_BUNDLE",
    "GRADIO_SERVER_NAME", "GRADIO_SERVER_PORT", "GRADIO_MCP_SERVER",
)  # fmt: skip
VOICE = REPOSITORY / "assets" / "examples" / "slow.flac"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(FakeRecognizer(), tmp_path_factory.mktemp("uploads")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, verbose=False, download_files=tmp_path_factory.mktemp("answers"))


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    """A recording under another name than the examples, so that it must be deleted."""
    path = tmp_path / "my voice.flac"
    path.write_bytes(VOICE.read_bytes())
    return path


def test_the_api_answers_with_the_public_json(client: Client, server: Server, voice: Path) -> None:
    answer = client.predict(audio=handle_file(voice), api_name="/predict")
    assert answer.pop("file") == "my voice.flac"
    assert answer == server.recognizer.predict(voice).to_dict()


def test_the_api_takes_a_transcript(client: Client, voice: Path) -> None:
    answer = client.predict(handle_file(voice), "I miss him", api_name="/predict")
    assert answer["transcript"]["text"] == "I miss him"
    assert answer["transcript"]["source"] == "user"


@pytest.mark.parametrize("content", [b"", b"no audio at all" * 100], ids=["empty", "text"])
def test_a_bad_file_gives_the_same_sentence_as_python_and_the_next_request_works(
    client: Client, server: Server, voice: Path, tmp_path: Path, content: bytes
) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(content)
    with pytest.raises(AudioError) as expected:
        server.recognizer.predict(bad)
    with pytest.raises(AppError) as told:
        client.predict(handle_file(bad), api_name="/predict")
    assert str(told.value) == str(expected.value)
    assert client.predict(handle_file(voice), api_name="/predict")["emotions"]


def test_an_unforeseen_fault_is_logged_and_told_without_its_details(
    client: Client, server: Server, voice: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.recognizer.fault = ZeroDivisionError("secret detail")
    try:
        with caplog.at_level(logging.ERROR), pytest.raises(AppError) as told:
            client.predict(handle_file(voice), api_name="/predict")
    finally:
        server.recognizer.fault = None
    assert str(told.value) == WENT_WRONG
    assert "secret detail" in caplog.text


@pytest.mark.parametrize("fault", [None, AudioError("bad"), ZeroDivisionError()], ids=repr)
def test_an_upload_is_gone_when_it_has_been_answered(
    client: Client, server: Server, voice: Path, fault: Exception | None
) -> None:
    server.recognizer.fault = fault
    try:
        client.submit(handle_file(voice), api_name="/predict").exception()
    finally:
        server.recognizer.fault = None
    assert server.recognizer.paths[-1].endswith(voice.name)
    assert server.kept_files() == []


def test_the_same_recording_sent_by_several_at_once_is_answered_to_all(
    client: Client, server: Server, voice: Path
) -> None:
    server.recognizer.wait_s = 0.3  # so that the others wait in line
    try:
        jobs = [client.submit(handle_file(voice), api_name="/predict") for _ in range(4)]
        answers = [job.result(timeout=60) for job in jobs]
    finally:
        server.recognizer.wait_s = 0.0
    assert [answer["file"] for answer in answers] == ["my voice.flac"] * 4
    assert list(server.uploads.iterdir()) == []


def test_an_empty_transcript_leaves_the_words_out(client: Client, voice: Path) -> None:
    transcript = client.predict(handle_file(voice), "", api_name="/predict")["transcript"]
    assert (transcript["text"], transcript["source"]) == ("", "user")


@pytest.mark.parametrize("absent", [(), (None,)], ids=["absent", "null"])
def test_no_transcript_has_the_words_recognised(client: Client, voice: Path, absent: tuple) -> None:
    answer = client.predict(handle_file(voice), *absent, api_name="/predict")
    assert answer["transcript"]["source"] == "fake-transcriber"


def test_a_transcript_too_long_to_be_said_is_refused(client: Client, voice: Path) -> None:
    with pytest.raises(AppError, match="50001 characters"):
        client.predict(handle_file(voice), "a" * 50_001, api_name="/predict")
    assert client.predict(handle_file(voice), "a " * 25_000, api_name="/predict")["emotions"]


def test_the_log_tells_who_wrote_the_words_and_nothing_of_the_recording(
    client: Client, voice: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, logger="app"):
        client.predict(handle_file(voice), api_name="/predict")
    told = [record.getMessage() for record in caplog.records if record.name == "app"]
    assert told == ["words from: fake-transcriber"]


def test_files_outside_the_upload_folder_are_never_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    own = tmp_path / "mine.wav"
    upload = tmp_path / "uploads" / "hash" / "voice.wav"
    upload.parent.mkdir(parents=True)
    for path in (own, upload):
        path.write_bytes(b"sound")
        uploads.discard(str(path))
    uploads.discard(str(tmp_path / "uploads" / ".." / "mine.wav"))
    uploads.discard(None)
    assert own.exists()
    assert not upload.parent.exists()


def test_the_page_asks_no_other_server(server: Server) -> None:
    with urllib.request.urlopen(server.url) as answer:
        page = answer.read().decode()
    assert "fonts.googleapis" not in page
    with urllib.request.urlopen(f"{server.url}vendor/plotly.min.js") as answer:
        assert b"plotly.js v" in answer.read(200)


def test_nothing_is_kept_or_reported() -> None:
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert app.launch_options()["run_history"] is False
    assert app.launch_options()["enable_monitoring"] is False


def test_the_notice_states_the_limits_that_hold() -> None:
    notice = asset("notice.html")
    assert f"{FORGET_AFTER_S // 60} minutes at most" in notice
    assert f"up to {MAX_WAITING} others wait in line" in notice


def test_every_example_is_there() -> None:
    made = {path.stem for path in (REPOSITORY / "assets" / "examples").glob("*.flac")}
    assert made == set(EXAMPLES)


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
        return FakeRecognizer()

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
        wait_for_page(f"http://127.0.0.1:{port}/")
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


def wait_for_page(url: str, patience_s: float = 60) -> None:
    end = time.monotonic() + patience_s
    while True:
        try:
            urllib.request.urlopen(url).close()
            return
        except OSError:
            assert time.monotonic() < end, "the page did not start"
            time.sleep(0.2)
