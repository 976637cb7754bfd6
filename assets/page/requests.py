"""What programs are told whose request gradio cannot read."""

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse

_MISSING: Final = "No value provided for required argument: "


async def missing(request: Request, error: Exception) -> JSONResponse:
    """A sentence for a request without a parameter that must be there; gradio has none."""
    if not str(error).startswith(_MISSING):
        raise error
    name = str(error).removeprefix(_MISSING)
    told = f"The request has no {name}. The API's description tells what to send."
    return JSONResponse({"error": told}, status_code=422)
