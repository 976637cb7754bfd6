"""What a model answers on whole sets of rows, gathered over all processes, and how good it is."""

import lightning
import numpy as np
import torch
from lightning.pytorch.strategies import Strategy
from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn import functional

from ser.fusion import FusionModel
from ser.labels import ATTRIBUTES, ENCODERS
from training.data import Batch
from training.metrics import concordance, macro_f1, unweighted_average_recall
from training.truth import Truth

COLLAPSED = 0.1  # of the truth's spread
TEMPERATURES = (0.25, 20.0)  # without bounds a faultless small set would ask for 0


class Answers:
    """Logits and attributes of rows of a frame, each row answered by one process."""

    def __init__(self, rows: int, classes: int) -> None:
        self.classes = classes
        # float32, each row written once: sums over processes are exact. The last column counts.
        self.table = torch.zeros(rows, classes + len(ATTRIBUTES) + 1)

    def put(self, rows: Tensor, logits: Tensor, attributes: Tensor) -> None:
        """Keep logits [B, C] and attributes [B, 3] of `rows` [B]."""
        self.table = self.table.to(logits.device)
        once = torch.ones(len(rows), 1, device=logits.device)
        self.table[rows] = torch.cat([logits.float(), attributes.float(), once], dim=1)

    def gather(self, strategy: Strategy) -> None:
        """Every process gets the answers of all."""
        self.table = strategy.reduce(self.table.to(strategy.root_device), reduce_op="sum").cpu()

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Those of `rows` that were answered: all but in a fast development run."""
        return rows[self.table[rows, -1].numpy() > 0]

    def of(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Logits [n, C] and attributes [n, 3] of `rows`."""
        values = self.table[rows].numpy()
        return values[:, : self.classes], values[:, self.classes : -1]


def measured(
    truth: Truth, rows: np.ndarray, logits: np.ndarray, attributes: np.ndarray
) -> dict[str, float]:
    """Macro-F1, UAR and accuracy; CCC of each attribute, their mean, and the spreads.

    `logits` [n, C] and `attributes` [n, 3] answer `rows`. What no row has a label for is left out.
    Classes are scored as in reports: "other" is never guessed, its rows do not count.
    """
    figures: dict[str, float] = {}
    index = truth.scored_index[rows]
    classed = index >= 0
    if classed.any():
        true, count = index[classed], len(truth.scored)
        guess = logits[classed][:, truth.scored].argmax(axis=1)
        figures["macro_f1"] = macro_f1(true, guess, count)
        figures["uar"] = unweighted_average_recall(true, guess, count)
        figures["accuracy"] = float(np.mean(true == guess))
    rated = truth.rated[rows]
    if rated.any():
        aims, guesses = truth.attributes[rows][rated], attributes[rated]
        each = [concordance(aims[:, k], guesses[:, k]) for k in range(len(ATTRIBUTES))]
        figures["ccc"] = float(np.mean(each))
        for k, name in enumerate(ATTRIBUTES):
            figures[f"ccc_{name}"] = each[k]
            figures[f"spread_{name}"] = float(guesses[:, k].std(dtype=np.float64))
            figures[f"true_spread_{name}"] = float(aims[:, k].std(dtype=np.float64))
    return figures


def collapse(figures: dict[str, float]) -> str | None:
    """A sentence where predicted attributes hardly differ from each other though the truth does."""
    fallen = [
        f"{name} {figures[f'spread_{name}']:.3f} (truth {figures[f'true_spread_{name}']:.3f})"
        for name in ATTRIBUTES
        if figures.get(f"spread_{name}", 1.0) < COLLAPSED * figures.get(f"true_spread_{name}", 0.0)
    ]
    if not fallen:
        return None
    return (
        f"Predictions have collapsed: standard deviation on the development set {', '.join(fallen)}"
        "; a wider sigma of the Gaussian penalty, or none, and a lower rate help."
    )


def fit_temperature(logits: np.ndarray, index: np.ndarray) -> float:
    """The temperature with the least cross-entropy; `logits` [N, C], classes `index` [N]."""
    scores, classes = torch.from_numpy(logits).double(), torch.from_numpy(index)

    def loss(log_temperature: float) -> float:
        return float(functional.cross_entropy(scores / np.exp(log_temperature), classes))

    bounds = np.log(TEMPERATURES)
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded").x))


class Answering(lightning.LightningModule):
    """Prediction: answers on the first loader's rows, mean embeddings over the second's."""

    def __init__(self, model: FusionModel, rows: int) -> None:
        super().__init__()
        self.model = model
        self.answers = Answers(rows, len(model.config.emotions))
        self.sums = torch.zeros_like(model.embedding_means)
        self.counts = torch.zeros(len(ENCODERS), 1)

    def predict_step(self, batch: Batch, batch_idx: int, dataloader_idx: int) -> None:
        """Nothing is returned: the trainer would keep it."""
        embeddings, _ = self.model.embed(batch.encoded)
        if dataloader_idx == 0:
            self.answers.put(batch.rows, *self.model.decide(embeddings))
            return
        present = torch.stack([batch.encoded[name].mask.any(dim=1) for name in ENCODERS], dim=1)
        self.sums += (embeddings * present.unsqueeze(-1)).sum(dim=0).to(self.sums)
        self.counts += present.sum(dim=0).unsqueeze(-1).to(self.counts)

    def on_predict_epoch_end(self) -> None:
        """Gather, and store each encoder's mean embedding where it is present."""
        strategy = self.trainer.strategy
        self.answers.gather(strategy)
        sums = strategy.reduce(self.sums.to(strategy.root_device), reduce_op="sum")
        counts = strategy.reduce(self.counts.to(strategy.root_device), reduce_op="sum")
        self.model.embedding_means.copy_(sums / counts.clamp_min(1))
