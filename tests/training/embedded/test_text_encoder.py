"""What the text encoder is trained on."""

import numpy as np
import pytest

from training.corpora import Line
from training.embedded.text_encoder import TextPretraining, new_roberta, new_tokenizer, spoken


def test_class_weights_count_training_lines_alone() -> None:
    training = [Line("so glad", "train", ("happy",))] * 4 + [Line("so sad", "train", ("sad",))]
    others = [Line("so sad", split, ("sad",)) for split in ("dev", "test") for _ in range(50)]
    tokenizer = new_tokenizer(training)
    encoder = new_roberta(len(tokenizer))
    module = TextPretraining(encoder, tokenizer, [*training, *others], ("happy", "sad"), 10)
    happy, sad = module.class_weights.tolist()
    assert sad / happy == pytest.approx(2)  # the root of how many times as rare


def test_lines_are_read_as_somebody_might_say_them() -> None:
    assert spoken("Well, [NAME]!  No [RELIGION] today.") == "Well, anna! No religion today."
    seen = {spoken("It's [NAME]!", np.random.default_rng(seed)) for seed in range(60)}
    assert {text[-1] for text in seen} > {"!"}  # at times without punctuation
    assert len({text.split()[1].rstrip("!") for text in seen}) > 5  # and with several names
    assert all(text.startswith("It's ") for text in seen)
