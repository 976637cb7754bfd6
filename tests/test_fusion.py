"""The fusion model: sizes, masks, ranges, absent branches."""

from dataclasses import replace

import torch

from ser.fusion import EncoderOutput, FusionConfig, FusionModel, LayerMix
from ser.labels import ENCODERS
from tests.tiny import WIDTHS, new_fusion


def random_inputs(batch: int, frames: int, padding: int = 0) -> dict[str, EncoderOutput]:
    """The same frames for any amount of padding, which is filled with rubbish."""
    generator = torch.Generator().manual_seed(5)
    encoded = {}
    for name, width in WIDTHS.items():
        hidden = torch.randn(batch, frames, width, generator=generator)
        rubbish = torch.full((batch, padding, width), 1e3)
        mask = torch.arange(frames + padding).expand(batch, -1) < frames
        encoded[name] = EncoderOutput(torch.cat([hidden, rubbish], dim=1), mask, 0.02)
    return encoded


def test_the_papers_sizes_have_the_stated_number_of_parameters() -> None:
    """Counted from the tensors of the paper preset, and by the formulas of its layers."""
    with torch.device("meta"):
        model = FusionModel(FusionConfig())
    heads = sum(
        (128 * width + 128) + (128 + 1) + (1028 * 2 * width + 1028) + 2 * 1028
        for width in (1280, 1024, 1024)
    )
    lstm = 4 * 2048 * (1028 + 2048 + 2) + 4 * 2048 * (2048 + 2048 + 2)
    output = (9 + 3) * (2048 + 1)
    assert sum(p.numel() for p in model.parameters()) == heads + lstm + output
    assert model.count_parameters() == 66_088_755


def test_more_padding_changes_nothing() -> None:
    model = new_fusion()
    plain, padded = model(random_inputs(2, 7)), model(random_inputs(2, 7, padding=5))
    torch.testing.assert_close(plain.emotion_logits, padded.emotion_logits)
    torch.testing.assert_close(plain.attributes, padded.attributes)
    for name in ENCODERS:
        torch.testing.assert_close(plain.attention[name], padded.attention[name][:, :7])
        assert not padded.attention[name][:, 7:].any()


def test_a_clip_gives_the_same_answer_alone_and_in_a_batch() -> None:
    model = new_fusion()
    batch = random_inputs(3, 6)
    alone = {
        name: EncoderOutput(output.hidden[1:2], output.mask[1:2], output.step_s)
        for name, output in batch.items()
    }
    torch.testing.assert_close(model(batch).emotion_logits[1:2], model(alone).emotion_logits)


def test_attributes_stay_in_1_to_7_and_attention_sums_to_1() -> None:
    model = new_fusion()
    with torch.no_grad():
        model.output.weight.mul_(1e3)
    output = model(random_inputs(4, 5))
    assert output.attributes.min() >= 1
    assert output.attributes.max() <= 7
    for weights in output.attention.values():
        torch.testing.assert_close(weights.sum(dim=1), torch.ones(4))


def test_the_last_lstm_output_decides() -> None:
    """Against the LSTM's equations written out, with the embeddings in the encoders' order."""
    model = new_fusion()
    embeddings, _ = model.embed(random_inputs(2, 4))
    assert embeddings.shape == (2, 3, 12)
    layer_input = embeddings
    for layer in range(2):
        weights = [getattr(model.lstm, f"{n}_l{layer}") for n in
                   ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]  # fmt: skip
        hidden = cell = torch.zeros(2, 10)
        steps = []
        for step in range(3):
            gates = (
                layer_input[:, step] @ weights[0].T
                + weights[2]
                + hidden @ weights[1].T
                + weights[3]
            )
            i, f, g, o = gates.chunk(4, dim=1)
            cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
            hidden = torch.sigmoid(o) * torch.tanh(cell)
            steps.append(hidden)
        layer_input = torch.stack(steps, dim=1)
    raw = hidden @ model.output.weight.T + model.output.bias
    logits, attributes = model.decide(embeddings)
    torch.testing.assert_close(logits, raw[:, :4])
    torch.testing.assert_close(attributes, 1 + 6 * torch.sigmoid(raw[:, 4:]))


def test_an_absent_encoder_leaves_the_answer_to_the_others() -> None:
    model = new_fusion()
    inputs = random_inputs(2, 6)
    nothing = EncoderOutput(
        torch.zeros(2, 1, WIDTHS["roberta"]), torch.zeros(2, 1, dtype=torch.bool)
    )
    output = model({**inputs, "roberta": nothing})
    assert torch.isfinite(output.emotion_logits).all()
    assert not output.attention["roberta"].any()
    assert not torch.allclose(output.emotion_logits, model(inputs).emotion_logits)


def test_leaving_one_out_replaces_only_its_embedding() -> None:
    model = new_fusion()
    embeddings, _ = model.embed(random_inputs(2, 6))
    copies = model.leave_out(embeddings)
    for index in range(3):
        others = [i for i in range(3) if i != index]
        torch.testing.assert_close(copies[index][:, others], embeddings[:, others])
        torch.testing.assert_close(
            copies[index][:, index], model.embedding_means[index].expand(2, -1)
        )


def layered(inputs: dict[str, EncoderOutput], count: int) -> dict[str, EncoderOutput]:
    """The same inputs with `count` different layers of WavLM."""
    wavlm = inputs["wavlm"]
    layers = torch.stack([wavlm.hidden * (k + 1) for k in range(count)], dim=2)
    return {**inputs, "wavlm": EncoderOutput(layers, wavlm.mask, wavlm.step_s)}


def new_layered_fusion(count: int) -> FusionModel:
    torch.manual_seed(4)
    layers = {"whisper": 1, "wavlm": count, "roberta": 1}
    return FusionModel(replace(new_fusion().config, layers=layers))


def test_one_layer_adds_no_parameter_and_several_add_one_weight_each() -> None:
    plain, mixed = new_layered_fusion(1).state_dict(), new_layered_fusion(3).state_dict()
    assert set(plain) == set(new_fusion().state_dict())
    assert set(mixed) - set(plain) == {"heads.wavlm.mix.scores"}
    assert mixed["heads.wavlm.mix.scores"].shape == (3,)


def test_layers_are_mixed_by_a_softmax_that_starts_as_their_mean() -> None:
    hidden = torch.randn(2, 5, 3, 4)
    mix = LayerMix(3)
    torch.testing.assert_close(mix(hidden), hidden.mean(dim=2))
    with torch.no_grad():
        mix.scores.copy_(torch.tensor([0.0, 1.0, 2.0]))
    shares = [1 / (1 + 2.718281828 + 7.389056099) * value for value in (1, 2.718281828, 7.389056)]
    expected = sum(share * hidden[:, :, k] for k, share in enumerate(shares))
    torch.testing.assert_close(mix(hidden), expected)
    torch.testing.assert_close(mix.weights.sum(), torch.tensor(1.0))


def test_a_layered_encoder_is_pooled_as_its_mixture_and_its_weights_learn() -> None:
    model = new_layered_fusion(2)
    inputs = random_inputs(2, 6, padding=3)
    output = model(layered(inputs, 2))
    wavlm = inputs["wavlm"]
    mean = EncoderOutput(wavlm.hidden * 1.5, wavlm.mask, wavlm.step_s)
    plain = new_layered_fusion(1)
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if "mix" not in k})
    expected = plain({**inputs, "wavlm": mean})
    torch.testing.assert_close(output.emotion_logits, expected.emotion_logits)
    output.emotion_logits.square().sum().backward()
    scores = model.get_parameter("heads.wavlm.mix.scores")
    assert scores.grad is not None
    assert scores.grad.abs().min() > 0
