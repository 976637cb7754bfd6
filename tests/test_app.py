"""The page without a browser: its API, its errors, its line, what it deletes."""

import gzip
import logging
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from gradio.route_utils import delete_files_created_by_app
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

import app
from assets.page import uploads
from assets.page.line import Wanted, limit
from assets.page.listen.recording import EXAMPLES
from assets.page.looks import asset
from assets.page.queue import FORGET_AFTER_S, MAX_WAITING
from assets.page.telling import WENT_WRONG
from assets.page.visits import GRACE_S
from ser.errors import AudioError
from tests.asynchronous import run
from tests.fake_recognizer import FakeRecognizer
from tests.page_server import Server, serve
from tests.patience import eventually

REPOSITORY = Path(app.__file__).parent
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
    with server.recognizer.slow(0.3):  # so that the others wait in line
        jobs = [client.submit(handle_file(voice), api_name="/predict") for _ in range(4)]
        answers = [job.result(timeout=60) for job in jobs]
    assert [answer["file"] for answer in answers] == ["my voice.flac"] * 4
    assert list(server.uploads.iterdir()) == []


def test_a_recording_that_waits_long_in_line_is_not_swept_away(
    client: Client, server: Server, voice: Path
) -> None:
    unclaimed = server.uploads / "unclaimed" / voice.name
    unclaimed.parent.mkdir()
    unclaimed.write_bytes(b"sound")
    server.app.upload_file_set.add(str(unclaimed))
    with server.recognizer.slow(0.5):
        jobs = [client.submit(handle_file(voice), api_name="/predict") for _ in range(3)]
        eventually(lambda: len([*Wanted(server.app)]) == 3, "they are not in line")
        delete_files_created_by_app(server.app, age=-1)
        assert all(job.result(timeout=60)["emotions"] for job in jobs)
    assert not unclaimed.exists()
    unclaimed.parent.rmdir()
    assert server.kept_files() == []


@pytest.mark.parametrize(
    ("data", "event_data"),
    [
        ([{"path": "/up/a b.wav"}, ""], None),
        (["/gradio_api/file=/up/a%20b.wav"], None),
        ([["http://here/gradio_api/file=/up/a b.wav"], None], None),
        ([None], {"lot": "1", "files": [{"path": "/up/a b.wav", "name": "a b.wav"}]}),
    ],
    ids=["file", "address", "batch of programs", "many files"],
)
def test_an_upload_is_wanted_however_it_is_named(data: list, event_data: dict | None) -> None:
    event = SimpleNamespace(data=SimpleNamespace(data=data, event_data=event_data))
    line = {"model": SimpleNamespace(queue=[event])}
    queue = SimpleNamespace(event_queue_per_concurrency_id=line, active_jobs=[None])
    assert [*Wanted(SimpleNamespace(_queue=queue))] == ["/up/a b.wav"]  # type: ignore[arg-type]


def test_only_requests_to_the_encoders_are_refused_while_many_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("assets.page.line.MAX_WAITING", 2)

    async def push(body: SimpleNamespace, request: None, username: None) -> tuple:
        return True, "in line", "success"

    waiting = SimpleNamespace(queue=[1])
    fns = {0: SimpleNamespace(concurrency_id="model"), 1: SimpleNamespace(concurrency_id="takes")}
    queue = SimpleNamespace(push=push, event_queue_per_concurrency_id={"model": waiting})
    limit(SimpleNamespace(_queue=queue, fns=fns))  # type: ignore[arg-type]

    def asked(number: int) -> str:
        return run(queue.push(SimpleNamespace(fn_index=number), None, None))[2]

    assert [asked(0), asked(1)] == ["success", "success"]
    waiting.queue.append(2)
    assert [asked(0), asked(1)] == ["queue_full", "success"]


def test_a_full_line_is_said_and_goes_on(
    client: Client, server: Server, voice: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.page.line.MAX_WAITING", 1)
    with server.recognizer.slow(0.5):
        jobs = [client.submit(handle_file(voice), api_name="/predict") for _ in range(4)]
        faults = [job.exception(timeout=60) for job in jobs]
    told = {str(fault) for fault in faults if fault is not None}
    assert 1 <= sum(fault is None for fault in faults) < 4
    assert len(told) == 1
    assert "full" in told.pop()
    assert client.predict(handle_file(voice), api_name="/predict")["emotions"]


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
    url = f"{server.url}vendor/plotly.min.js"
    with urllib.request.urlopen(url) as answer:
        assert b"plotly.js v" in answer.read(200)
    packed = urllib.request.Request(url, headers={"Accept-Encoding": "gzip, br"})
    with urllib.request.urlopen(packed) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        assert b"plotly.js v" in gzip.decompress(answer.read())[:200]


def test_nothing_is_kept_or_reported() -> None:
    assert os.environ["GRADIO_ANALYTICS_ENABLED"] == "False"
    assert app.launch_options()["run_history"] is False
    assert app.launch_options()["enable_monitoring"] is False


def test_the_notice_states_the_limits_that_hold() -> None:
    notice = asset("notice.html")
    assert f"{FORGET_AFTER_S // 60} minutes at most" in notice
    assert GRACE_S == 120
    assert "two minutes\nafter this page is closed" in notice
    assert f"up to {MAX_WAITING} others wait in line" in notice


def test_every_example_is_there() -> None:
    made = {path.stem for path in (REPOSITORY / "assets" / "examples").glob("*.flac")}
    assert made == set(EXAMPLES)
