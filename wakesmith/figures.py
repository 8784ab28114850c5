"""The report's pictures as inline SVG whose colours follow the page, light or dark."""

from __future__ import annotations

import base64
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
INK, ACCENT, WARM, LINE, STRONG = "#010201", "#010202", "#010203", "#010204", "#010205"
_PAGE = {
    INK: "var(--soft)",
    ACCENT: "var(--accent)",
    WARM: "var(--warm)",
    LINE: "var(--line)",
    STRONG: "var(--ink)",
}
STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "legend.frameon": False,
}


def learning_curves(history: Mapping[str, Sequence[float]], fine_tuned_after: int = 0) -> list[str]:
    """SVGs of loss and accuracy per epoch, training against validation; none without curves.

    Args:
        history: curve name ("loss", "val_loss", ...) -> one value per epoch.
        fine_tuned_after: where fine-tuning begins; 0 for none.
    """
    pictures = []
    for name in ("loss", "accuracy"):
        if len(history.get(name, ())) == 0:
            continue
        scale, title = (100.0, "accuracy, %") if name == "accuracy" else (1.0, name)
        with plt.rc_context({**STYLE, "svg.hashsalt": name}):
            figure, axis = plt.subplots(figsize=(3.7, 2.5))
            for key, colour, label in (
                (name, ACCENT, "training"),
                (f"val_{name}", WARM, "validation"),
            ):
                values = np.asarray(history.get(key, ()), dtype=float) * scale
                epochs = np.arange(1, len(values) + 1)
                mark = "o" if len(values) < 3 else None
                axis.plot(epochs, values, color=colour, lw=1.6, marker=mark, ms=4, label=label)
            if 0 < fine_tuned_after < len(history[name]):
                axis.axvline(fine_tuned_after + 0.5, color=INK, lw=0.8, ls=(0, (2, 3)))
            axis.set_title(title, loc="left")
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=6))
            axis.grid(axis="y")
            axis.tick_params(length=0)
            axis.legend(loc="best", handlelength=1.4)
            pictures.append(svg(figure, f"{title} per epoch"))
    return pictures


def spectrograms(examples: Sequence[Spectrogram]) -> list[tuple[str, str]]:
    """(word, PNG as a data URI) of the features of some clips, one pixel per value."""
    if not examples:
        return []
    arrays = [np.array(example.features, dtype=np.int8) for example in examples]
    low = min(int(a.min()) for a in arrays)
    high = max(int(a.max()) for a in arrays)
    pictures = []
    for example, array in zip(examples, arrays, strict=True):
        buffer = io.BytesIO()
        plt.imsave(
            buffer, array.T, origin="lower", cmap="magma", vmin=low,
            vmax=max(high, low + 1), format="png", metadata={"Software": None},
        )  # fmt: skip
        data = base64.b64encode(buffer.getvalue()).decode()
        pictures.append((example.word, f"data:image/png;base64,{data}"))
    return pictures


def svg(figure: Figure, title: str) -> str:
    """A figure drawn in `STYLE` as inline SVG in the page's colours; the figure is closed."""
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
