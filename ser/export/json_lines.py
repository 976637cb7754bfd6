"""One JSON object for each file, under the names of the public contract (see README)."""

import json

from ser.errors import SerError
from ser.prediction import Prediction


def json_line(file: str, answer: Prediction | SerError, timeline: bool = False) -> str:
    """`file` and everything in the prediction, or `file` and `error`; one line without its end."""
    if isinstance(answer, SerError):
        values = {"file": file, "error": str(answer)}
    else:
        values = {"file": file, **answer.to_dict(timeline)}
    return json.dumps(values, ensure_ascii=False)
