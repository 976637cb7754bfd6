"""Encoders against transformers' own forward passes, and against their own batches."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import (
    RobertaModel,
    WavLMModel,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from ser.audio import Waveform
from ser.encoders import (
    EncoderBank,
    EncoderSpec,
    RobertaBranch,
    WavlmBranch,
    WhisperBranch,
    choose_dtype,
)
from ser.errors import EncoderError
from tests.tiny import save_roberta, save_wavlm, save_whisper_encoder

CPU = torch.device("cpu")


def noise(seconds: float, seed: int = 0) -> Waveform:
    """White noise with a slow envelope."""
    random = np.random.default_rng(seed)
    samples = random.normal(0, 0.1, int(seconds * 16_000))
    return Waveform((samples * np.linspace(0.2, 1, len(samples))).astype(np.float32))


CLIPS = [noise(0.5, 1), noise(2.0, 2), noise(1.23, 3)]


@pytest.fixture(scope="module")
def whisper_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_whisper_encoder(tmp_path_factory.mktemp("whisper"))


@pytest.fixture(scope="module")
def wavlm_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_wavlm(tmp_path_factory.mktemp("wavlm"))


@pytest.fixture(scope="module")
def roberta(tmp_path_factory: pytest.TempPathFactory) -> RobertaBranch:
    folder = save_roberta(tmp_path_factory.mktemp("roberta"))
    return RobertaBranch.load(folder, CPU, torch.float32)


def assert_batch_equals_alone(branch: WhisperBranch | WavlmBranch) -> None:
    batch = branch.encode(CLIPS)
    for row, clip in enumerate(CLIPS):
        alone = branch.encode([clip])
        assert alone.mask.all()
        frames = batch.hidden[row][batch.mask[row]]
        torch.testing.assert_close(frames, alone.hidden[0], atol=1e-4, rtol=0)


@pytest.mark.parametrize("context", ["real_frames", "padded_30s"])
def test_whisper_gives_the_same_frames_alone_and_in_a_batch(
    whisper_folder: Path, context: str
) -> None:
    assert_batch_equals_alone(WhisperBranch.load(whisper_folder, context, CPU, torch.float32))


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_wavlm_gives_the_same_frames_alone_and_in_a_batch(norm: str, tmp_path: Path) -> None:
    folder = save_wavlm(tmp_path, norm)
    assert_batch_equals_alone(WavlmBranch.load(folder, CPU, torch.float32))


def test_real_frames_over_full_length_equal_transformers_own_encoder(whisper_folder: Path) -> None:
    """30 s of sound have no padding, so both contexts must be transformers' own forward pass."""
    clip = noise(30.0)
    encoder = WhisperEncoder.from_pretrained(whisper_folder).eval()
    real = WhisperBranch.load(whisper_folder, "real_frames", CPU, torch.float32)
    with torch.inference_mode():
        truth = encoder(real.log_mel(clip)[None]).last_hidden_state
    torch.testing.assert_close(real.encode([clip]).hidden, truth, atol=1e-4, rtol=0)


def test_padded_context_is_transformers_own_and_masks_the_padding(whisper_folder: Path) -> None:
    branch = WhisperBranch.load(whisper_folder, "padded_30s", CPU, torch.float32)
    padded = branch.encode_padded(CLIPS[:1])
    assert padded.shape == (1, 1500, 16)
    output = branch.encode(CLIPS)
    assert output.step_s == pytest.approx(0.02)
    assert output.mask.sum(dim=1).tolist() == [25, 100, 62]
    torch.testing.assert_close(output.hidden[0, :25], padded[0, :25], atol=1e-4, rtol=0)


@pytest.mark.parametrize("context", ["real_frames", "padded_30s"])
def test_level_counts_unless_the_extractor_names_one(context: str, tmp_path: Path) -> None:
    """The setting stays in the checkpoint; published ones have none, and there level counts."""
    folder = save_whisper_encoder(tmp_path)
    softer = Waveform(0.1 * CLIPS[1].samples)
    for extractor, deaf in (({}, False), ({"rms_level": 0.05}, True)):
        WhisperFeatureExtractor(feature_size=80, **extractor).save_pretrained(folder)
        branch = WhisperBranch.load(folder, context, CPU, torch.float32)
        loud, soft = (branch.encode([clip]).hidden for clip in (CLIPS[1], softer))
        assert torch.allclose(loud, soft, atol=1e-2) is deaf
        assert branch.feeds_decoder is (context == "padded_30s" and not deaf)


def test_whisper_refuses_more_than_its_positions(whisper_folder: Path) -> None:
    branch = WhisperBranch.load(whisper_folder, "real_frames", CPU, torch.float32)
    with pytest.raises(EncoderError, match=r"30 s at most, got 31\.0 s"):
        branch.encode([noise(31.0)])


def test_the_encoder_of_a_whole_whisper_is_the_trained_one(tmp_path: Path) -> None:
    config = WhisperConfig(
        d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
        decoder_attention_heads=2, encoder_ffn_dim=32, decoder_ffn_dim=32, vocab_size=60,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=3,
    )  # fmt: skip
    whole = WhisperForConditionalGeneration(config)
    save_whisper_encoder(tmp_path)
    whole.save_pretrained(tmp_path)
    branch = WhisperBranch.load(tmp_path, "real_frames", CPU, torch.float32)
    assert branch.generator is not None
    for name, tensor in whole.model.encoder.state_dict().items():
        torch.testing.assert_close(branch.encoder.state_dict()[name], tensor)


def test_wavlm_equals_transformers_own_forward_pass(wavlm_folder: Path) -> None:
    branch = WavlmBranch.load(wavlm_folder, CPU, torch.float32)
    model = WavLMModel.from_pretrained(wavlm_folder).eval()
    samples = torch.from_numpy(CLIPS[1].samples)
    values = (samples - samples.mean()) / torch.sqrt(samples.var(unbiased=False) + 1e-7)
    with torch.inference_mode():
        truth = model(values[None]).last_hidden_state
    torch.testing.assert_close(branch.encode(CLIPS[1:2]).hidden, truth, atol=1e-4, rtol=0)


def test_roberta_equals_transformers_own_forward_pass_whatever_the_batch(
    roberta: RobertaBranch, tmp_path: Path
) -> None:
    texts = ["kids are talking", "i hate this door by the door", ""]
    batch = roberta.encode(texts)
    assert batch.mask.sum(dim=1).tolist()[2] == 0
    for row, text in enumerate(texts[:2]):
        ids = roberta.tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            truth = roberta.model(torch.tensor([[0, *ids, 2]])).last_hidden_state[0]
        torch.testing.assert_close(batch.hidden[row][batch.mask[row]], truth, atol=1e-4, rtol=0)
        assert len(roberta.tokens(text)) == len(truth)


def test_long_text_is_cut_into_pieces_and_none_of_it_dropped(roberta: RobertaBranch) -> None:
    text = " ".join(["talking"] * 100)
    plain = roberta.tokenizer(text, add_special_tokens=False)["input_ids"]
    pieces = -(-len(plain) // roberta.max_tokens)
    assert pieces > 1
    output = roberta.encode([text])
    assert output.mask.sum() == len(plain) + 2 * pieces
    covered = {i for token in roberta.tokens(text) for i in range(token.start, token.end)}
    assert covered >= {i for i, character in enumerate(text) if character != " "}


@pytest.mark.parametrize("norm", ["layer", "group"])
def test_wavlm_s_layers_are_transformers_own_and_the_last_is_its_output(
    norm: str, tmp_path: Path
) -> None:
    save_wavlm(tmp_path, norm)
    branch = WavlmBranch.load(tmp_path, CPU, torch.float32, layers=(1, -1, 0))
    model = WavLMModel.from_pretrained(tmp_path).eval()
    samples = torch.from_numpy(CLIPS[1].samples)
    values = (samples - samples.mean()) / torch.sqrt(samples.var(unbiased=False) + 1e-7)
    with torch.inference_mode():
        truth = model(values[None], output_hidden_states=True)
    states = [truth.hidden_states[1], truth.last_hidden_state, truth.hidden_states[0]]
    output = branch.encode(CLIPS[1:2])
    torch.testing.assert_close(output.hidden, torch.stack(states, dim=2), atol=1e-4, rtol=0)
    assert_batch_equals_alone(branch)


@pytest.mark.parametrize("context", ["real_frames", "padded_30s"])
def test_whisper_s_layers_are_transformers_own(whisper_folder: Path, context: str) -> None:
    """30 s of sound have no padding, so both contexts must be transformers' own hidden states."""
    clip = noise(30.0)
    branch = WhisperBranch.load(whisper_folder, context, CPU, torch.float32, layers=(0, 2, -2))
    encoder = WhisperEncoder.from_pretrained(whisper_folder).eval()
    with torch.inference_mode():
        truth = encoder(branch.log_mel(clip)[None], output_hidden_states=True)
    states = [truth.hidden_states[0], truth.last_hidden_state, truth.hidden_states[1]]
    output = branch.encode([clip])
    torch.testing.assert_close(output.hidden, torch.stack(states, dim=2), atol=1e-4, rtol=0)
    assert_batch_equals_alone(branch)
    assert not branch.feeds_decoder


def test_roberta_s_layers_are_transformers_own(roberta: RobertaBranch, tmp_path: Path) -> None:
    branch = RobertaBranch.load(save_roberta(tmp_path), CPU, torch.float32, layers=(-1, 0))
    texts = ["kids are talking", "i hate this door by the door", ""]
    output = branch.encode(texts)
    assert output.mask.sum(dim=1).tolist() == roberta.encode(texts).mask.sum(dim=1).tolist()
    for row, text in enumerate(texts[:2]):
        ids = branch.tokenizer(text, add_special_tokens=False)["input_ids"]
        with torch.inference_mode():
            truth = branch.model(torch.tensor([[0, *ids, 2]]), output_hidden_states=True)
        states = torch.stack([truth.last_hidden_state[0], truth.hidden_states[0][0]], dim=1)
        torch.testing.assert_close(output.hidden[row][output.mask[row]], states, atol=1e-4, rtol=0)
    assert branch.encode([""]).hidden.shape == (1, 1, 2, 32)


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ((3,), "wavlm has no layer 3: this checkpoint has 0 to 2"),
        ((-1, -4), "wavlm has no layer -4"),
        ((2, -1), "wavlm names a layer twice"),
        ((), "empty list of layers"),
    ],
)
def test_layers_that_are_not_there_are_refused(
    wavlm_folder: Path, layers: tuple[int, ...], sentence: str
) -> None:
    with pytest.raises(EncoderError, match=sentence):
        WavlmBranch.load(wavlm_folder, CPU, torch.float32, layers=layers)


def test_a_bank_gives_the_last_layer_of_encoders_that_are_not_named(
    whisper_folder: Path, wavlm_folder: Path, tmp_path: Path
) -> None:
    folders = {"whisper": whisper_folder, "wavlm": wavlm_folder, "roberta": save_roberta(tmp_path)}
    bank = EncoderBank.load(
        {name: EncoderSpec(str(folder)) for name, folder in folders.items()},
        "real_frames",
        CPU,
        torch.float32,
        layers={"wavlm": (0, 1)},
    )
    assert bank.wavlm.encode(CLIPS[:1]).hidden.shape[2:] == (2, 24)
    assert bank.whisper.encode(CLIPS[:1]).hidden.shape[2:] == (16,)
    assert bank.roberta.encode(["door"]).hidden.shape[2:] == (32,)


def test_a_missing_weight_is_an_error_never_random(wavlm_folder: Path, tmp_path: Path) -> None:
    model = WavLMModel.from_pretrained(wavlm_folder)
    state = model.state_dict()
    del state["encoder.layers.0.attention.k_proj.weight"]
    model.save_pretrained(tmp_path, state_dict=state)
    save = Path(wavlm_folder / "preprocessor_config.json").read_text()
    (tmp_path / "preprocessor_config.json").write_text(save)
    with pytest.raises(EncoderError, match=r"encoder\.layers\.0\.attention\.k_proj\.weight"):
        WavlmBranch.load(tmp_path, CPU, torch.float32)


def test_another_architecture_is_refused(wavlm_folder: Path, tmp_path: Path) -> None:
    folder = save_roberta(tmp_path)
    (folder / "config.json").write_text((wavlm_folder / "config.json").read_text())
    with pytest.raises(EncoderError):
        WavlmBranch.load(folder, CPU, torch.float32)


def test_roberta_s_weights_are_those_saved(roberta: RobertaBranch, tmp_path: Path) -> None:
    truth = RobertaModel.from_pretrained(save_roberta(tmp_path), add_pooling_layer=False)
    for name, tensor in truth.state_dict().items():
        torch.testing.assert_close(roberta.model.state_dict()[name], tensor)


def test_precision_is_refused_where_the_hardware_lacks_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_dtype(CPU) is torch.float32
    with pytest.raises(EncoderError, match="use float32"):
        choose_dtype(CPU, "bfloat16")
    with pytest.raises(EncoderError, match="float32 or bfloat16"):
        choose_dtype(CPU, "float16")


@pytest.mark.skipif(not torch.cpu._is_amx_tile_supported(), reason="needs a CPU with AMX")
def test_bfloat16_stays_near_float32(whisper_folder: Path) -> None:
    full = WhisperBranch.load(whisper_folder, "real_frames", CPU, torch.float32).encode(CLIPS)
    half = WhisperBranch.load(whisper_folder, "real_frames", CPU, torch.bfloat16).encode(CLIPS)
    assert half.hidden.dtype == torch.float32
    error = (half.hidden - full.hidden)[full.mask].norm() / full.hidden[full.mask].norm()
    assert error < 0.05


def test_a_roberta_without_its_tokenizer_is_refused(tmp_path: Path) -> None:
    (save_roberta(tmp_path) / "tokenizer.json").unlink()
    with pytest.raises(EncoderError, match="tokenizer"):
        RobertaBranch.load(tmp_path, CPU, torch.float32)


def test_damaged_weights_are_refused_under_the_checkpoint_s_own_name(tmp_path: Path) -> None:
    folder = tmp_path / "models--someone--wavlm" / "snapshots" / "0123abc"
    weights = save_wavlm(folder) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(EncoderError, match="someone/wavlm cannot be loaded"):
        WavlmBranch.load(folder, CPU, torch.float32)
