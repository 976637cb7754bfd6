"""The endpoints for programs: through gradio's client and over plain HTTP, with a real model."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from gradio_client import Client, handle_file

from assets.page import api, schema, sounds
from assets.page.api import MAX_BATCH_S, MAX_FILES, Api
from ser.bundle import CONFIG, EMBEDDED
from ser.errors import SerError
from ser.recognizer import Recognizer
from ser.speech import Sliding
from tests.conftest import REPOSITORY
from tests.page_server import Server, serve

VOICE = REPOSITORY / "assets" / "examples" / "slow.flac"
TEXT = base64.b64encode(VOICE.read_bytes()).decode()
FILE = {"meta": {"_type": "gradio.FileData"}}
OUTSIDE = "/gradio_api/file=/etc/passwd"

pytestmark = pytest.mark.skipif(
    not (EMBEDDED / CONFIG).is_file(), reason="needs the embedded bundle"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    recognizer = Recognizer.from_pretrained(EMBEDDED, transcriber=None)
    with serve(recognizer, tmp_path_factory.mktemp("uploads")) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Client:
    return Client(server.url, verbose=False, download_files=tmp_path_factory.mktemp("answers"))


@pytest.fixture
def voice(tmp_path: Path) -> Path:
    path = tmp_path / "my voice.flac"
    path.write_bytes(VOICE.read_bytes())
    return path


@pytest.fixture(autouse=True)
def nothing_is_kept(server: Server) -> Iterator[None]:
    """Whatever was sent and however it ended, no file and no value of it stays."""
    yield
    assert list(server.uploads.rglob("*")) == []
    kept = json.dumps(remembered(server))
    assert TEXT[:60] not in kept
    assert "duration_s" not in kept


def remembered(server: Server) -> list[Any]:
    """The values that gradio keeps of components, for every visit."""
    visits = server.app.state_holder.session_data.values()
    return [c["props"].get("value") for visit in visits for c in visit.config_values.values()]


def call(server: Server, endpoint: str, **arguments: Any) -> tuple[str, Any]:
    """What curl does: ask, take the number of the request, read the events until the last."""
    address = f"{server.url}gradio_api/call/v2/{endpoint}"
    asked = httpx.post(address, json=arguments, timeout=60).raise_for_status()
    with httpx.stream("GET", f"{address}/{asked.json()['event_id']}", timeout=60) as answer:
        lines = [line for line in answer.iter_lines() if line and "heartbeat" not in line]
    return lines[-2].removeprefix("event: "), json.loads(lines[-1].removeprefix("data: "))


def upload(server: Server, path: Path) -> str:
    with path.open("rb") as file:
        sent = httpx.post(f"{server.url}gradio_api/upload", files={"files": (path.name, file)})
    return str(sent.json()[0])


def test_three_endpoints_and_nothing_else_can_be_called(client: Client) -> None:
    endpoints = client.view_api(return_format="dict", print_info=False)
    assert list(endpoints["named_endpoints"]) == ["/predict", "/timeline", "/batch"]
    assert not endpoints["unnamed_endpoints"]
    for endpoint in endpoints["named_endpoints"].values():
        assert endpoint["description"]
        assert all(item["python_type"]["description"] for item in endpoint["parameters"])
        needed = [
            p["parameter_name"] for p in endpoint["parameters"] if not p["parameter_has_default"]
        ]
        assert needed in (["audio"], ["audios"])


def test_a_file_gives_the_public_json(client: Client, server: Server, voice: Path) -> None:
    answer = client.predict(audio=handle_file(voice), api_name="/predict")
    expected = server.recognizer.predict(voice).to_dict()
    assert answer == {"file": "my voice.flac", **json.loads(json.dumps(expected))}
    jsonschema.validate(answer, schema.PREDICTION)


@pytest.mark.parametrize(
    "text",
    [
        TEXT,
        f"data:audio/flac;base64,{TEXT}",
        "\n".join(TEXT[i : i + 76] for i in range(0, len(TEXT), 76)),
        TEXT.rstrip("="),
        TEXT.replace("+", "-").replace("/", "_"),
    ],
    ids=["plain", "data URL", "lines", "unpadded", "URL-safe"],
)
def test_base64_text_is_a_file_too(client: Client, server: Server, text: str) -> None:
    answer = client.predict(audio=text, transcript="I miss him", api_name="/predict")
    expected = server.recognizer.predict(VOICE, "I miss him")
    assert answer["emotions"] == expected.emotions
    assert answer["file"] == "recording"


def test_a_timeline_has_windows_of_the_length_asked_for(
    client: Client, server: Server, voice: Path
) -> None:
    answer = client.predict(handle_file(voice), "", 1.5, 0.5, api_name="/timeline")
    expected = server.recognizer.predict(voice, "", sliding=Sliding(1.5, 0.5))
    assert len(answer["timeline"]) == len(expected.windows) > 3
    assert answer["timeline"][0]["emotions"] == expected.windows[0].emotions
    jsonschema.validate(answer, schema.TIMELINE)
    alone = client.predict(handle_file(voice), "", api_name="/timeline")
    assert len(alone["timeline"]) == 1  # along the pauses: there is none


def test_half_a_window_is_the_hop_where_nothing_else_is_said(client: Client) -> None:
    timeline = client.predict(TEXT, "", window_s=2, api_name="/timeline")["timeline"]
    assert timeline[1]["start_s"] - timeline[0]["start_s"] == 1.0


@pytest.mark.parametrize("endpoint", ["/predict", "/timeline"])
def test_attention_is_left_out_on_request(client: Client, endpoint: str) -> None:
    answer = client.predict(audio=TEXT, attention=False, api_name=endpoint)
    assert all("attention" not in part for part in (answer, *answer.get("timeline", [])))


def test_a_bad_file_does_not_stop_a_batch(client: Client, voice: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no sound" * 100)
    sent = [handle_file(voice), handle_file(bad), "§", TEXT, None]
    answers = client.predict(sent, ["I miss him", None, None, "", None], api_name="/batch")
    jsonschema.validate(answers, schema.BATCH)
    names = ["my voice.flac", "bad.wav", "recording 3", "recording 4", "recording 5"]
    assert [answer["file"] for answer in answers] == names
    assert ["error" in answer for answer in answers] == [False, True, True, False, True]
    assert "bad.wav is not an audio file" in answers[1]["error"]
    assert answers[0]["transcript"]["text"] == "I miss him"


def test_a_batch_ends_once_it_has_held_the_line_for_long(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "MAX_BATCH_S", 5)
    answers = client.predict([TEXT] * 4, [""] * 4, api_name="/batch")
    assert ["error" in answer for answer in answers] == [False, False, True, True]  # 3.6 s each
    assert answers[3]["file"] == "recording 4"
    assert "in another batch" in answers[3]["error"]


def test_each_in_a_batch_is_answered_as_if_alone(client: Client) -> None:
    both = client.predict([TEXT, TEXT], ["", "I miss him"], api_name="/batch")
    alone = client.predict(TEXT, "I miss him", api_name="/predict")
    assert both[1]["emotions"] == pytest.approx(alone["emotions"], abs=1e-5)
    assert both[0]["emotions"] != both[1]["emotions"]


@pytest.mark.parametrize(
    ("endpoint", "arguments", "told"),
    [
        ("predict", {"audio": "no base64!"}, "The text is not base64."),
        ("predict", {"audio": "data:audio/wav,abc"}, "A data URL must begin like"),
        ("predict", {"audio": ""}, "There is no recording."),
        ("predict", {"audio": None}, "There is no recording."),
        ("predict", {"audio": 7}, "There is no recording."),
        ("predict", {"audio": "AAAA"}, "recording is not an audio file"),
        ("predict", {"audio": "https://example.org/a.wav"}, "Nothing is fetched"),
        ("predict", {"audio": {**FILE, "path": "https://example.org/a"}}, "Nothing is"),
        ("predict", {"audio": {"path": "/etc/passwd"}}, "The recording is not on this server"),
        ("predict", {"audio": OUTSIDE}, "The recording is not on this server"),
        ("predict", {"audio": TEXT, "transcript": 7}, "A transcript is text"),
        ("predict", {"audio": TEXT, "transcript": "a" * 50_001}, "50001 characters"),
        ("timeline", {"audio": TEXT, "window_s": 90}, "A window takes 0.5 to 30 s"),
        ("timeline", {"audio": TEXT, "window_s": "2"}, "window_s and hop_s are numbers"),
        ("timeline", {"audio": TEXT, "hop_s": 2}, "Give both."),
        ("timeline", {"audio": TEXT, "window_s": 30, "hop_s": 0.1}, "after 7.5 s at least"),
        ("batch", {"audios": []}, f"Send a list of 1 to {MAX_FILES} recordings"),
        ("batch", {"audios": TEXT}, f"Send a list of 1 to {MAX_FILES} recordings"),
        ("batch", {"audios": [TEXT] * (MAX_FILES + 1)}, f"Send a list of 1 to {MAX_FILES}"),
        ("batch", {"audios": [TEXT], "transcripts": []}, "Send a list of 1 transcripts"),
        ("batch", {"audios": [TEXT], "transcripts": "I"}, "Send a list of 1 transcripts"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_said_in_a_sentence(
    server: Server, endpoint: str, arguments: dict, told: str
) -> None:
    event, answer = call(server, endpoint, **arguments)
    assert event == "error"
    assert told in answer["error"]


@pytest.mark.parametrize(
    ("endpoint", "lacks"), [("predict", "audio"), ("timeline", "audio"), ("batch", "audios")]
)
def test_a_request_without_its_recording_is_told_so(
    server: Server, endpoint: str, lacks: str
) -> None:
    answer = httpx.post(f"{server.url}gradio_api/call/v2/{endpoint}", json={}, timeout=60)
    assert answer.status_code == 422
    assert f"The request has no {lacks}." in answer.json()["error"]


def test_a_name_that_no_file_can_have_is_an_error_of_its_own(server: Server) -> None:
    event, (answers,) = call(server, "batch", audios=[TEXT, {"path": "\0"}], transcripts=["", ""])
    assert event == "complete"
    assert ["error" in answer for answer in answers] == [False, True]


def test_after_a_fault_the_next_request_works(server: Server) -> None:
    assert call(server, "predict", audio="no base64!")[0] == "error"
    assert call(server, "predict", audio=TEXT)[0] == "complete"


def test_files_of_the_server_cannot_be_read(server: Server, tmp_path: Path) -> None:
    secret = tmp_path / "secret.flac"
    secret.write_bytes(VOICE.read_bytes())
    for sound in ({**FILE, "path": str(secret)}, f"/gradio_api/file={secret}"):
        event, _ = call(server, "predict", audio=sound)
        assert event == "error"
    assert secret.exists()


def test_plain_http_takes_uploads_by_path_and_by_address(server: Server, voice: Path) -> None:
    path = upload(server, voice)
    event, answers = call(server, "predict", audio={**FILE, "path": path})
    assert (event, answers[0]["file"]) == ("complete", "my voice.flac")
    assert not Path(path).exists()
    addresses = [f"/gradio_api/file={upload(server, voice)}" for _ in range(2)]
    event, answers = call(server, "batch", audios=[addresses[0], server.url + addresses[1][1:]])
    assert event == "complete"
    assert [answer["file"] for answer in answers[0]] == ["my voice.flac"] * 2


def test_text_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "MAX_TEXT_BYTES", 3_000_000)
    assert len(sounds.decode("A" * 4_000_000)) == 3_000_000
    with pytest.raises(SerError, match="holds 6 MB, more than the 3 that are allowed"):
        sounds.decode("A" * 8_000_000)


def test_the_limit_of_a_batch_is_the_one_told() -> None:
    assert f"audios: {MAX_FILES} at most, {MAX_BATCH_S // 60} min" in (Api.batch.__doc__ or "")


def test_nothing_of_a_refused_batch_is_kept(server: Server, voice: Path) -> None:
    sent = [{**FILE, "path": upload(server, voice)}, f"/gradio_api/file={upload(server, voice)}"]
    for transcripts in ([""], ["", "a" * 50_001]):
        assert call(server, "batch", audios=sent, transcripts=transcripts)[0] == "error"
    assert server.kept_files() == []


def test_no_key_is_called_path(client: Client) -> None:
    answer = json.dumps(client.predict(TEXT, api_name="/timeline"))
    assert '"path"' not in answer  # gradio's client would try to fetch such a file
