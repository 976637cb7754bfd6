"""What the tests of the recogniser share."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from ser.prediction import Prediction
from ser.recognizer import Recognizer

SENTENCE = "kids are talking by the door"


def with_words(recognizer: Recognizer, transcriber: Any) -> Recognizer:
    """The same bundle and encoders, the words by somebody else."""
    return Recognizer(recognizer.bundle, recognizer.encoders, transcriber, recognizer.device)


def as_json(prediction: Prediction) -> str:
    return json.dumps(prediction.to_dict(timeline=True))


@contextmanager
def counted(*modules: torch.nn.Module) -> Iterator[list[int]]:
    """How often each module runs inside the block."""
    runs = [0] * len(modules)

    def count(index: int) -> Any:
        def hook(*_: Any) -> None:
            runs[index] += 1

        return hook

    handles = [module.register_forward_hook(count(i)) for i, module in enumerate(modules)]
    try:
        yield runs
    finally:
        for handle in handles:
            handle.remove()
