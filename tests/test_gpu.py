"""A GPU that is lent for seconds, with a stand-in for the package of Hugging Face Spaces."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.page import gpu
from ser.bundle import CONFIG, EMBEDDED
from tests.conftest import REPOSITORY

SCRIPT = """
import torch
from assets.page import gpu
import spaces
import numpy as np
from assets.page.telling import WENT_WRONG, sentence
from ser.audio import Waveform
from ser.errors import Cancelled, SerError
from ser.recognizer import Recognizer
from ser.recording import Stretch
from ser.self_attention import self_attention
from ser.speech import Sliding

torch.set_num_threads(1)
assert gpu.LENT
voice = "assets/examples/slow.flac"
own = Recognizer.from_pretrained(transcriber=None)
borrowed = gpu.lent(own)
assert borrowed.bundle is own.bundle

told = []
sliding = Sliding(2.0, 1.0)
here = own.analyse(voice, "I miss him", sliding=sliding)
there = borrowed.analyse(voice, "I miss him", lambda *step: told.append(step), sliding=sliding)
assert there.prediction == here.prediction
assert told[0] == (0.0, "Waiting for a GPU")
again = borrowed.revise(there, "I do not", cancelled=lambda: False)
assert again.prediction == own.revise(here, "I do not").prediction
assert again.waveform is there.waveform, "the page knows takes of a recording by its sound"
assert np.array_equal(there.waveform.samples, here.waveform.samples)
part = borrowed.excerpt(there, Stretch(0.5, 2.5))
assert part.prediction == own.excerpt(here, Stretch(0.5, 2.5)).prediction
assert part.waveform is there.waveform
assert borrowed.predict(voice, transcript="") == own.predict(voice, "")

import ser.frames
ser.frames.KEPT_S = 1.0
long = borrowed.analyse(voice, "")
assert isinstance(long.frames, ser.frames.FramesOnDemand) and long.frames.encoders is own.encoders
assert borrowed.revise(long, "I miss him").prediction.transcript.text == "I miss him"

spaces.loans.clear()
good, bad, other = borrowed.predict_many([voice, "missing.wav", voice], ["", None, "no"])
assert good.emotions and isinstance(bad, SerError) and other.transcript.text == "no"
minute = Waveform(np.random.default_rng(0).normal(0, 0.1, 60 * 16_000).astype(np.float32))
try:
    borrowed.predict(minute, "")
except SerError as error:
    assert not isinstance(error, gpu.GpuError), error
assert spaces.loans == [("_work", 16), ("_work", 16), ("_work", 18)]

def told(ask):
    try:
        ask()
    except Exception as error:
        return sentence(error)

assert told(lambda: borrowed.predict(voice, nonsense=1)) == WENT_WRONG
half = borrowed.predict_many([voice, voice], ["", ""])
next(half)
spaces.refusal = "You have exceeded your ZeroGPU quota. Try again in 3:20:00. "
why = "No answer came from the GPU that this Space borrows: You have exceeded your ZeroGPU quota. "
assert told(lambda: borrowed.predict(voice, "")) == why + "Try again in 3:20:00."
assert told(lambda: next(half)) == why + "Try again in 3:20:00.", "each file would ask in vain"
spaces.refusal = None
for fault, ask in (
    (SerError, lambda: borrowed.predict("missing.wav")),
    (Cancelled, lambda: borrowed.analyse(voice, cancelled=lambda: True)),
):
    try:
        ask()
    except fault as error:
        print(error)
    else:
        raise AssertionError(fault)
seen = gpu.with_encoders(self_attention, own.encoders, here.recording, here.prediction, "wavlm")
assert seen.weights.shape[0] == seen.weights.shape[1] > 10
assert spaces.loans[-1] == ("_look", 15)
print("all of it")
"""


def test_where_no_gpu_is_lent_nothing_is_in_the_way() -> None:
    recognizer = object()
    assert gpu.LENT is False
    assert gpu.lent(recognizer) is recognizer  # type: ignore[arg-type, comparison-overlap]
    assert gpu.on_gpu(15)(print) is print
    assert gpu.with_encoders(lambda *given: given, "encoders", 1) == ("encoders", 1)


@pytest.mark.skipif(sys.platform == "win32", reason="forks")
@pytest.mark.skipif(not (EMBEDDED / CONFIG).is_file(), reason="needs the embedded bundle")
def test_answers_are_the_same_in_a_fork_that_borrows_a_gpu() -> None:
    stand_in = Path(__file__).parent / "lent_gpu"
    environment = {
        **os.environ,
        "SPACES_ZERO_GPU": "true",
        "PYTHONPATH": os.pathsep.join([str(stand_in), str(REPOSITORY)]),
        "CUDA_VISIBLE_DEVICES": "",
        "OMP_NUM_THREADS": "1",
    }
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=REPOSITORY,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    assert ended.stdout.splitlines()[-1] == "all of it"
    assert "missing.wav does not exist." in ended.stdout
