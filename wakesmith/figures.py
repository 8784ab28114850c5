"""The report's pictures as inline SVG whose colours follow the page, light or dark."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from wakesmith.results import Spectrogram

# Placeholders that are exchanged for the page's colours after drawing.
_INK, _ACCENT, _WARM, _LINE = "#010201", "#010202", "#010203", "#010204"
_PAGE = {
    _INK: "var(--soft)",
    _ACCENT: "var(--accent)",
    _WARM: "var(--warm)",
    _LINE: "var(--line)",
}
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": _INK,
    "axes.edgecolor": _LINE,
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlecolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


def learning_curves(history: Mapping[str, Sequence[float]]) -> str:
    """SVG with loss and accuracy per epoch, training against validation; "" without curves."""
    pairs = [(k, f"val_{k}") for k in ("loss", "accuracy") if len(history.get(k, ())) > 0]
    if not pairs:
        return ""
    with plt.rc_context({**_STYLE, "svg.hashsalt": "curves"}):
        figure, axes = plt.subplots(1, len(pairs), figsize=(3.6 * len(pairs), 2.5), squeeze=False)
        for axis, (train, val) in zip(axes[0], pairs, strict=True):
            scale = 100.0 if train == "accuracy" else 1.0
            for name, colour, label in ((train, _ACCENT, "training"), (val, _WARM, "validation")):
                values = np.asarray(history.get(name, ()), dtype=float) * scale
                mark = "o" if len(values) < 3 else None
                axis.plot(
                    np.arange(1, len(values) + 1), values, color=colour, lw=1.6, marker=mark,
                    ms=4, label=label,
                )  # fmt: skip
            axis.set_title(train if train == "loss" else "accuracy, %", loc="left")
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            axis.grid(axis="y")
            axis.tick_params(length=0)
        axes[0][0].legend(loc="upper right", handlelength=1.4)
        return _svg(figure, "Learning curves")


def spectrograms(examples: Sequence[Spectrogram]) -> str:
    """SVG with the features of some test clips side by side; "" without examples."""
    if not examples:
        return ""
    columns = min(len(examples), 4)
    rows = -(-len(examples) // columns)
    with plt.rc_context({**_STYLE, "svg.hashsalt": "spectrograms"}):
        figure, axes = plt.subplots(
            rows, columns, figsize=(1.8 * columns, 1.55 * rows + 0.25), squeeze=False
        )
        for axis in axes.flat:
            axis.axis("off")
        low = min(int(e.features.min()) for e in examples)
        high = max(int(e.features.max()) for e in examples)
        for axis, example in zip(axes.flat, examples, strict=False):
            axis.axis("on")
            axis.imshow(
                example.features.T, origin="lower", aspect="auto", cmap="magma",
                vmin=low, vmax=max(high, low + 1), interpolation="nearest",
            )  # fmt: skip
            axis.set_title(example.word, loc="left")
            axis.set_xticks([])
            axis.set_yticks([])
            for spine in axis.spines.values():
                spine.set_visible(False)
        return _svg(figure, "Features of example clips")


def _svg(figure: Figure, title: str) -> str:
    figure.tight_layout()
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'width="[\d.]+pt" height="[\d.]+pt"', "", text, count=1)
    text = text.replace("<svg ", f'<svg role="img" aria-label="{title}" ', 1)
    text = re.sub(r"font: [^;\"]*?([\d.]+px)[^;\"]*", r"font: \1 var(--font)", text)
    for placeholder, colour in _PAGE.items():
        text = text.replace(placeholder, colour)
    return text
