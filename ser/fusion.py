"""The fusion model: three sequences of encoder frames in, emotions and attributes out.

Source: Zgorzynski et al., "Multi-task Learning for Speech Emotion Recognition in Naturalistic
Conditions", Interspeech 2025, section 3.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from ser.labels import ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTIONS, ENCODERS
from ser.pooling import POOLINGS


@dataclass(frozen=True)
class EncoderOutput:
    """Frames or tokens of one encoder for a batch, with the mask that says which are real."""

    hidden: Tensor  # [B, T, D], or [B, T, L, D] of L > 1 layers
    mask: Tensor  # [B, T] bool, true where real
    step_s: float | None = None  # seconds from frame to frame; None for tokens

    def to(self, device: torch.device | str) -> "EncoderOutput":
        """The same output on another device, in float32."""
        hidden = self.hidden.to(device=device, dtype=torch.float32)
        return EncoderOutput(hidden, self.mask.to(device), self.step_s)


@dataclass(frozen=True)
class FusionOutput:
    """What the fusion model says of a batch."""

    emotion_logits: Tensor  # [B, C]
    attributes: Tensor  # [B, 3], arousal, valence, dominance in 1..7
    attention: dict[str, Tensor]  # encoder -> [B, T_e], sums to 1 over the real frames


@dataclass(frozen=True)
class FusionConfig:
    """Every size of the fusion model. The defaults are the paper's."""

    encoder_widths: dict[str, int] = field(
        default_factory=lambda: {"whisper": 1280, "wavlm": 1024, "roberta": 1024}
    )
    layers: dict[str, int] = field(default_factory=lambda: dict.fromkeys(ENCODERS, 1))
    emotions: tuple[str, ...] = EMOTIONS[:9]
    pooling: str = "attentive_statistics"
    attention_width: int = 128
    projection_width: int = 1028
    lstm_width: int = 2048
    lstm_layers: int = 2

    def __post_init__(self) -> None:
        if tuple(self.encoder_widths) != ENCODERS:
            raise ValueError(f"encoder_widths must name {ENCODERS} in this order")
        if tuple(self.layers) != ENCODERS:
            raise ValueError(f"layers must name {ENCODERS} in this order")
        if unknown := [name for name in self.emotions if name not in EMOTIONS]:
            raise ValueError(f"unknown emotion classes {unknown}; known are {EMOTIONS}")
        if not self.emotions or len(set(self.emotions)) < len(self.emotions):
            raise ValueError(f"emotion classes must be given once each, not {self.emotions}")
        sizes = (self.attention_width, self.projection_width, self.lstm_width, self.lstm_layers)
        each = (*self.encoder_widths.values(), *self.layers.values())
        if not all(type(size) is int and size > 0 for size in (*sizes, *each)):
            raise ValueError("sizes of the fusion model must be whole numbers above 0")
        if self.pooling not in POOLINGS:
            raise ValueError(f"pooling must be one of {tuple(POOLINGS)}, not {self.pooling!r}")


class LayerMix(nn.Module):
    """Mean of several layers of an encoder by learned weights (Peters et al., NAACL 2018)."""

    def __init__(self, layers: int) -> None:
        super().__init__()
        self.scores = nn.Parameter(torch.zeros(layers))

    @property
    def weights(self) -> Tensor:
        """[L], sums to 1; equal before training."""
        return torch.softmax(self.scores, dim=0)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, T, L, D] to [B, T, D]."""
        return torch.einsum("l,btld->btd", self.weights, hidden)


class EncoderHead(nn.Module):
    """One encoder's way into the fusion: layers mixed, pooling, projection, normalisation."""

    def __init__(self, width: int, layers: int, config: FusionConfig) -> None:
        super().__init__()
        self.mix = LayerMix(layers) if layers > 1 else None
        self.pooling = POOLINGS[config.pooling](width, config.attention_width)
        self.projection = nn.Linear(width * self.pooling.width_factor, config.projection_width)
        self.norm = nn.LayerNorm(config.projection_width)

    def forward(self, output: EncoderOutput) -> tuple[Tensor, Tensor]:
        """Returns the embedding [B, P] and the attention weights [B, T]."""
        hidden = output.hidden if self.mix is None else self.mix(output.hidden)
        pooled, weights = self.pooling(hidden, output.mask)
        return self.norm(self.projection(pooled)), weights


class FusionModel(nn.Module):
    """Pool, project, normalise, LSTM over the three embeddings, one linear layer for both tasks."""

    embedding_means: Tensor  # [E, P] mean embeddings of the training set, for leaving one out

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.config = config
        self.heads = nn.ModuleDict(
            {
                name: EncoderHead(width, config.layers[name], config)
                for name, width in config.encoder_widths.items()
            }
        )
        self.lstm = nn.LSTM(
            config.projection_width, config.lstm_width, config.lstm_layers, batch_first=True
        )
        self.output = nn.Linear(config.lstm_width, len(config.emotions) + len(ATTRIBUTES))
        self.register_buffer("embedding_means", torch.zeros(len(ENCODERS), config.projection_width))

    def forward(self, encoded: dict[str, EncoderOutput]) -> FusionOutput:
        """`encoded` holds one output per encoder. An encoder whose mask is all false is absent."""
        embeddings, attention = self.embed(encoded)
        logits, attributes = self.decide(embeddings)
        return FusionOutput(logits, attributes, attention)

    def embed(self, encoded: dict[str, EncoderOutput]) -> tuple[Tensor, dict[str, Tensor]]:
        """Embeddings [B, E, P] in the order of `ENCODERS`, and each attention [B, T_e]."""
        pooled = {name: head(encoded[name]) for name, head in self.heads.items()}
        embeddings = torch.stack([embedding for embedding, _ in pooled.values()], dim=1)
        return embeddings, {name: weights for name, (_, weights) in pooled.items()}

    def decide(self, embeddings: Tensor) -> tuple[Tensor, Tensor]:
        """From embeddings [B, E, P] to emotion logits [B, C] and attributes [B, 3] in 1..7."""
        states, _ = self.lstm(embeddings)
        raw = self.output(states[:, -1])
        logits, attributes = raw.split([len(self.config.emotions), len(ATTRIBUTES)], dim=-1)
        span = ATTRIBUTE_MAX - ATTRIBUTE_MIN
        return logits, ATTRIBUTE_MIN + span * torch.sigmoid(attributes)

    def leave_out(self, embeddings: Tensor) -> Tensor:
        """Copies of embeddings [B, E, P], one per encoder, with its embedding at its mean.

        Returns [E, B, E, P].
        """
        count = len(ENCODERS)
        copies = embeddings.expand(count, *embeddings.shape).clone()
        for index in range(count):
            copies[index, :, index] = self.embedding_means[index]
        return copies

    def count_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(tensor.numel() for tensor in self.parameters() if tensor.requires_grad)
