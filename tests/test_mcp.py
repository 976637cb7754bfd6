"""The endpoints as tools, through a real MCP client."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from assets.page import schema, tools
from ser.bundle import CONFIG, EMBEDDED
from ser.errors import SerError
from ser.recognizer import Recognizer
from tests.asynchronous import run
from tests.conftest import REPOSITORY
from tests.page_server import Server, serve

pytest.importorskip("mcp", reason="needs gradio[mcp]")
from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client

VOICE = REPOSITORY / "assets" / "examples" / "slow.flac"
TEXT = base64.b64encode(VOICE.read_bytes()).decode()

pytestmark = pytest.mark.skipif(
    not (EMBEDDED / CONFIG).is_file(), reason="needs the embedded bundle"
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    recognizer = Recognizer.from_pretrained(EMBEDDED, transcriber=None)
    with (
        pytest.MonkeyPatch.context() as patch,
        serve(recognizer, tmp_path_factory.mktemp("uploads"), mcp=True) as running,
    ):
        patch.setenv("GRADIO_MCP_SERVER", "")
        yield running


@pytest.fixture(autouse=True)
def nothing_is_kept(server: Server) -> Iterator[None]:
    yield
    assert list(server.uploads.rglob("*")) == []


def ask(server: Server, *calls: tuple[str, dict]) -> list[types.CallToolResult]:
    async def session() -> list[types.CallToolResult]:
        async with (
            streamablehttp_client(f"{server.url}gradio_api/mcp/") as (receive, send, _),
            ClientSession(receive, send) as client,
        ):
            await client.initialize()
            return [await client.call_tool(name, arguments) for name, arguments in calls]

    return run(session())


def told(result: types.CallToolResult) -> Any:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text if result.isError else json.loads(content.text)


def test_three_tools_are_described_and_take_sound_as_text(server: Server) -> None:
    async def listed() -> types.ListToolsResult:
        async with (
            streamablehttp_client(f"{server.url}gradio_api/mcp/") as (receive, send, _),
            ClientSession(receive, send) as client,
        ):
            await client.initialize()
            return await client.list_tools()

    found = {tool.name: tool for tool in run(listed()).tools}
    assert list(found) == ["predict", "timeline", "batch"]
    for tool in found.values():
        jsonschema.Draft202012Validator.check_schema(tool.inputSchema)
        assert all(entry["description"] for entry in tool.inputSchema["properties"].values())
        assert "FileData" not in json.dumps(tool.inputSchema)
    assert "must not be used to judge people" in (found["predict"].description or "")
    assert found["predict"].inputSchema["required"] == ["audio"]
    assert found["predict"].inputSchema["properties"]["audio"]["type"] == "string"
    assert found["batch"].inputSchema["properties"]["audios"]["items"]["type"] == "string"


def test_answers_are_json_as_everywhere(server: Server) -> None:
    arguments = {"audio": TEXT, "transcript": "I miss him"}
    sliding = {**arguments, "window_s": 2, "attention": False}
    alone, windows = map(told, ask(server, ("predict", arguments), ("timeline", sliding)))
    jsonschema.validate(alone, schema.PREDICTION)
    jsonschema.validate(windows, schema.TIMELINE)
    assert alone["emotions"] == server.recognizer.predict(VOICE, "I miss him").emotions
    assert len(windows["timeline"]) > 2
    assert "attention" not in windows


def test_an_upload_is_taken_by_its_address_and_deleted(server: Server) -> None:
    with VOICE.open("rb") as file:
        sent = httpx.post(f"{server.url}gradio_api/upload", files={"files": ("my.flac", file)})
    path = sent.json()[0]
    address = f"{server.url}gradio_api/file={path}"
    (answer,) = ask(server, ("predict", {"audio": address, "attention": False}))
    assert told(answer)["file"] == "my.flac"
    assert not Path(path).exists()


def test_a_bad_recording_in_a_batch_is_a_row(server: Server) -> None:
    (answer,) = ask(server, ("batch", {"audios": [TEXT, "§"], "attention": False}))
    good, bad = told(answer)
    assert good["emotions"]
    assert bad == {"file": "recording 2", "error": bad["error"]}


@pytest.mark.parametrize(
    ("sound", "sentence"),
    [
        ("no base64!", "The text is not base64."),
        ("data:audio/wav,abc", "A data URL must begin like"),
        ("https://example.org/a.wav", "Nothing is fetched from other addresses."),
    ],
)
def test_faults_are_sentences(server: Server, sound: str, sentence: str) -> None:
    bad, good = ask(server, ("predict", {"audio": sound}), ("predict", {"audio": TEXT}))
    assert bad.isError
    assert told(bad).startswith(sentence)
    assert not good.isError


def test_without_the_package_one_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find_spec", lambda _name: None)
    with pytest.raises(SerError, match=r"pip install 'gradio\[mcp\]'"):
        tools.offer()
