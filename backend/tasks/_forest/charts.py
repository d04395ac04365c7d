"""Draw the pictures of a trained model."""

import io
from typing import Any

from taskdesk import Picture


def draw_confusion(answers: Any, predicted: Any, classes: list[str], target: str) -> Picture:
    from matplotlib.figure import Figure
    from sklearn.metrics import ConfusionMatrixDisplay

    side = min(4 + 0.45 * len(classes), 16)
    figure = Figure(figsize=(side + 1, side), layout="constrained")
    axes = figure.add_subplot()
    ConfusionMatrixDisplay.from_predictions(
        answers,
        predicted,
        labels=classes,
        ax=axes,
        cmap="Blues",
        colorbar=False,
        xticks_rotation="vertical" if len(classes) > 5 else 0,
    )
    axes.set(xlabel="predicted", ylabel="true")
    axes.set_title(f"{target}: what it is, and what was predicted", parse_math=False)
    for label in (*axes.get_xticklabels(), *axes.get_yticklabels()):
        label.set_parse_math(False)  # a dollar sign in a name is a dollar sign
    return _png(figure)


def draw_residuals(answers: Any, predicted: Any, target: str) -> Picture:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="#64748b", linewidth=1)
    axes.scatter(predicted, answers - predicted, s=14, alpha=0.5, color="#2563eb", edgecolors="none")
    axes.set(xlabel="predicted", ylabel="true − predicted")
    axes.set_title(f"{target}: how far the predictions are off", parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.3)
    return _png(figure)


def _png(figure: Any) -> Picture:
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return Picture(png.getvalue())
