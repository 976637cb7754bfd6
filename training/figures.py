"""Confusion matrix, reliability diagram and scatter of attributes, as PNG and as HTML."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go
from matplotlib.figure import Figure
from plotly.subplots import make_subplots

from ser.labels import ATTRIBUTE_ENDS, ATTRIBUTE_MAX, ATTRIBUTE_MIN, ATTRIBUTES, EMOTION_COLOURS
from training.metrics import concordance, confusion_matrix
from training.predictions import Predictions
from training.scores import ClassView, class_view, rated_rows

CONFUSION, RELIABILITY, SCATTER = "confusion", "reliability", "scatter"
TITLES: Final = {
    CONFUSION: "Confusion matrix",
    RELIABILITY: "Reliability",
    SCATTER: "Attributes",
}
BINS: Final = 15  # of equal mass
MOST_POINTS: Final = 3000  # drawn in a scatter; more hide each other and make pages heavy
BLUE, GREY = EMOTION_COLOURS["sad"], EMOTION_COLOURS["neutral"]
DPI: Final = 100
RATED: Final = (ATTRIBUTE_MIN, ATTRIBUTE_MAX)


@dataclass(frozen=True)
class Drawing:
    """One figure in both forms."""

    name: str  # of its files
    picture: Figure
    page: go.Figure

    def write(self, folder: Path, plotly_js: str) -> None:
        """`<name>.png` and `<name>.html`; `plotly_js` is the script's path from the page."""
        folder.mkdir(parents=True, exist_ok=True)
        self.picture.savefig(folder / f"{self.name}.png", dpi=DPI)
        self.page.update_layout(template="plotly_white")
        self.page.write_html(
            folder / f"{self.name}.html",
            include_plotlyjs=plotly_js,
            full_html=True,
            div_id=self.name,
        )


def drawings(predictions: Predictions, seed: int = 0) -> list[Drawing]:
    """The figures that the split has labels for."""
    drawn = []
    view = class_view(predictions)
    if len(view.rows):
        drawn += [confusion(view), reliability(view)]
    if len(rows := rated_rows(predictions)):
        drawn.append(scatter(predictions, rows, seed))
    return drawn


def confusion(view: ClassView) -> Drawing:
    """Truth by row, as shares of the row, with counts."""
    names = list(view.classes)
    counts = confusion_matrix(view.truth, view.guess, len(names))
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    picture = Figure(figsize=(6.2, 5.6), layout="constrained")
    axes = picture.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set(
        xlabel="guess", ylabel="truth", title="Share of each true class, and counts",
        xticks=range(len(names)), yticks=range(len(names)),
    )  # fmt: skip
    axes.set_xticklabels(names, rotation=45, ha="right")
    axes.set_yticklabels(names)
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        for label, name in zip(labels, names, strict=True):
            label.set_color(EMOTION_COLOURS[name])
    for (row, column), share in np.ndenumerate(shares):
        axes.text(
            column, row, f"{share:.2f}\n{counts[row, column]}", ha="center", va="center",
            fontsize=7, color="white" if share > 0.5 else "black",
        )  # fmt: skip
    heat = go.Heatmap(
        z=shares, x=names, y=names, customdata=counts, colorscale="Blues", zmin=0, zmax=1,
        texttemplate="%{z:.2f}<br>%{customdata}", colorbar_title="share",
        hovertemplate="%{y} taken for %{x}: %{z:.3f}, %{customdata} recordings<extra></extra>",
    )  # fmt: skip
    page = go.Figure(heat)
    page.update_layout(
        width=760, height=680, title="Share of each true class, and counts",
        xaxis_title="guess", yaxis={"title": "truth", "autorange": "reversed"},
    )  # fmt: skip
    return Drawing(CONFUSION, picture, page)


def reliability(view: ClassView) -> Drawing:
    """Accuracy against confidence in bins of equal mass; calibrated models lie on the diagonal."""
    order = np.argsort(view.confidence, kind="stable")
    parts = [part for part in np.array_split(order, BINS) if len(part)]
    confidence = [float(view.confidence[part].mean()) for part in parts]
    accuracy = [float((view.truth == view.guess)[part].mean()) for part in parts]
    sizes = [len(part) for part in parts]
    title = f"Reliability, {len(parts)} bins of about {sizes[0]} recordings"
    picture = Figure(figsize=(5.6, 5.6), layout="constrained")
    axes = picture.subplots()
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", label="calibrated")
    axes.plot(confidence, accuracy, color=BLUE, marker="o", label="model")
    axes.set(
        xlim=(0, 1), ylim=(0, 1), xlabel="confidence", ylabel="accuracy", title=title, aspect=1
    )
    axes.legend(loc="upper left")
    page = go.Figure(
        [
            go.Scatter(
                x=[0, 1], y=[0, 1], mode="lines", name="calibrated",
                line={"color": GREY, "dash": "dash"},
            ),
            go.Scatter(
                x=confidence, y=accuracy, mode="lines+markers", name="model", customdata=sizes,
                marker_color=BLUE, hovertemplate="confidence %{x:.3f}, accuracy %{y:.3f}, "
                "%{customdata} recordings<extra></extra>",
            ),
        ]
    )  # fmt: skip
    page.update_layout(
        width=680, height=640, title=title, xaxis={"title": "confidence", "range": [0, 1]},
        yaxis={"title": "accuracy", "range": [0, 1]},
    )  # fmt: skip
    return Drawing(RELIABILITY, picture, page)


def scatter(predictions: Predictions, rows: np.ndarray, seed: int) -> Drawing:
    """Predicted against true attributes; CCC of all `rows`, at most MOST_POINTS of them drawn."""
    truth = predictions.frame[list(ATTRIBUTES)].to_numpy(dtype=float)[rows]
    guess = predictions.attributes[rows]
    shown = np.arange(len(rows))
    if len(rows) > MOST_POINTS:
        shown = np.sort(np.random.default_rng(seed).choice(len(rows), MOST_POINTS, replace=False))
    titles = [
        f"{name}, CCC {concordance(truth[:, k], guess[:, k]):.3f}"
        for k, name in enumerate(ATTRIBUTES)
    ]
    title = f"Prediction against truth, {len(shown):,} of {len(rows):,} recordings"
    picture = Figure(figsize=(12.6, 4.6), layout="constrained")
    picture.suptitle(title)
    page = make_subplots(1, len(ATTRIBUTES), subplot_titles=titles)
    ids = predictions.frame["id"].to_numpy()[rows[shown]]
    for k, (name, axes) in enumerate(
        zip(ATTRIBUTES, picture.subplots(1, len(ATTRIBUTES)), strict=True)
    ):
        x, y = truth[shown, k], guess[shown, k]
        axes.plot(RATED, RATED, color=GREY, linestyle="--")
        axes.scatter(x, y, s=6, alpha=0.4, color=BLUE, linewidths=0)
        low, high = ATTRIBUTE_ENDS[name]
        axes.set(
            xlim=RATED, ylim=RATED, aspect=1, title=titles[k], ylabel="prediction",
            xlabel=f"truth (1 {low}, 7 {high})",
        )  # fmt: skip
        page.add_trace(_line(), 1, k + 1)
        page.add_trace(_dots(x, y, ids), 1, k + 1)
        page.update_xaxes(title=f"truth (1 {low}, 7 {high})", range=RATED, row=1, col=k + 1)
        page.update_yaxes(title="prediction", range=RATED, row=1, col=k + 1)
    page.update_layout(width=1260, height=480, title=title, showlegend=False)
    return Drawing(SCATTER, picture, page)


def _line() -> Any:
    return go.Scatter(
        x=RATED, y=RATED, mode="lines", hoverinfo="skip", line={"color": GREY, "dash": "dash"}
    )


def _dots(x: np.ndarray, y: np.ndarray, ids: np.ndarray) -> Any:
    return go.Scatter(
        x=x.round(3), y=y.round(3), mode="markers", text=ids,
        marker={"color": BLUE, "size": 4, "opacity": 0.4},
        hovertemplate="%{text}<br>truth %{x:.2f}, prediction %{y:.2f}<extra></extra>",
    )  # fmt: skip
