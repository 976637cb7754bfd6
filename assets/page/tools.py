"""The endpoints as tools for MCP clients.

gradio makes the server. Its answers are Python's notation, its files are addresses that it fetches;
here answers are JSON, and sound comes as text or as an upload of this server.
"""

import json
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import gradio.mcp
from gradio.mcp import GradioMCPServer

from assets.page.schema import Schema, is_file
from ser.errors import SerError


class Tools(GradioMCPServer):
    """gradio's server with JSON for answers, and text for sound."""

    def postprocess_output_data(self, data: Sequence[Any], root_url: str) -> list[Any]:
        """The answer as JSON text; there are no files in it."""
        return [
            self.types.TextContent(type="text", text=json.dumps(output, ensure_ascii=False))
            for output in data
        ]

    def simplify_filedata_schema(self, schema: Schema) -> tuple[Schema, list[list[str | int]]]:
        """Sound as text; no place is left where gradio would look for an address to fetch."""
        return _without_files(schema), []


def offer() -> None:
    """From now on, gradio makes its MCP server of `Tools`. SerError where `mcp` is missing."""
    if find_spec("mcp") is None:
        raise SerError(
            "The package mcp is missing. Install it with `pip install 'gradio[mcp]'`, or start "
            "without --mcp."
        )
    gradio.mcp.GradioMCPServer = Tools  # type: ignore[misc]


def _without_files(schema: Any) -> Any:
    if isinstance(schema, list):
        return [_without_files(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if any(is_file(option) for option in schema.get("anyOf", ())):
        told = {key: schema[key] for key in ("description",) if key in schema}
        return {"type": "string", **told}
    hidden = ("$defs", "additional_description")
    return {key: _without_files(value) for key, value in schema.items() if key not in hidden}
