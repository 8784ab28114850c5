"""The page of a sensitivity analysis, with its picture."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt

from wakesmith.figures import ACCENT, INK, STRONG, STYLE, WARM, svg
from wakesmith.pages import page, percent
from wakesmith.sensing.results import METHODS, PARTS, Measured, Sensitivity

_ROW, _TOP, _WIDTH = 0.27, 1.0, 11.0  # inches
_WORST_POINTS, _WORST_DB, _BEST_DB = 5.0, 0.0, 40.0  # where the colours end


def render(found: Sensitivity) -> str:
    """The page as HTML; the same bytes for the same data."""
    return page(
        "sensitivity.html.j2",
        s=found,
        lead=lead(found),
        picture=heatmap(found),
        rows=[
            (row, f"{found.lost(row):.2f}".replace("-", "\u2212"), decibels(row.sqnr_db),
             decibels(row.logits_sqnr_db))
            for row in found.rows
        ],
        accuracy=percent(found.float_correct / found.total, 2),
    )  # fmt: skip


def lead(found: Sensitivity) -> str:
    """The main finding: what costs most at 4 bits."""
    told = {"int4": "with 4 linear bits", "log4": "with 4 logarithmic bits"}
    parts = []
    for method, words in told.items():
        rows = [row for row in found.rows if row.method == method and row.part == "weights"]
        if rows:
            worst = max(rows, key=lambda row: (found.lost(row), -(row.sqnr_db or 0.0)))
            lost = f"{found.lost(worst):.2f}".replace("-", "\u2212")
            parts.append(f"{words} the weights of {worst.layer} cost most ({lost} points)")
    text = "; ".join(parts)
    return f"{text[:1].upper()}{text[1:]}." if text else "No layer has weights."


def decibels(value: float | None) -> str:
    """Infinite where nothing changed."""
    return "∞" if value is None else f"{value:.1f}"


def heatmap(found: Sensitivity) -> str:
    """SVG: layers downwards, parts and methods to the right; points lost and noise."""
    layers = found.layers
    height = _TOP + _ROW * max(len(layers), 3)
    with plt.rc_context({**STYLE, "svg.hashsalt": "sensitivity"}):
        figure, (left, right) = plt.subplots(1, 2, figsize=(_WIDTH, height), sharey=True)
        _panel(
            left,
            found,
            "accuracy lost, points",
            WARM,
            lambda row: f"{found.lost(row):.1f}".replace("-", "\u2212"),
            lambda row: found.lost(row) / _WORST_POINTS,
        )
        _panel(
            right,
            found,
            "signal to quantization noise of the layer's output, dB",
            ACCENT,
            lambda row: "∞" if row.sqnr_db is None else f"{row.sqnr_db:.0f}",
            lambda row: (
                0.0 if row.sqnr_db is None else (_BEST_DB - row.sqnr_db) / (_BEST_DB - _WORST_DB)
            ),
        )
        left.set_yticks(range(len(layers)), layers)
        left.set_ylim(len(layers) - 0.5, -0.5)
        return svg(figure, "sensitivity of the layers")


def _panel(
    axis: plt.Axes,
    found: Sensitivity,
    title: str,
    colour: str,
    text: Callable[[Measured], str],
    strength: Callable[[Measured], float],
) -> None:
    """Cells whose colour is the stronger, the worse."""
    columns = [(part, method) for part in PARTS for method in METHODS]
    for y, layer in enumerate(found.layers):
        for place, (part, method) in enumerate(columns):
            row = found.at(layer, part, method)
            if row is None:
                continue
            x = _x(place)
            alpha = 0.06 + 0.6 * min(max(strength(row), 0.0), 1.0)
            axis.add_patch(
                plt.Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=colour, alpha=alpha, lw=0)
            )
            axis.text(x, y, text(row), ha="center", va="center", fontsize=7.5, color=STRONG)
    axis.set_xlim(-0.6, _x(len(columns) - 1) + 0.6)
    axis.set_xticks([_x(place) for place in range(len(columns))], [m for _, m in columns])
    axis.xaxis.set_ticks_position("top")
    axis.tick_params(length=0, labelsize=8)
    _group_names(axis, PARTS)
    axis.set_title(title, loc="left", pad=40)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _group_names(axis: plt.Axes, names: Sequence[str]) -> None:
    """Names over each three columns."""
    for group, name in enumerate(names):
        axis.annotate(
            name,
            (_x(3 * group + 1), 1),
            xycoords=("data", "axes fraction"),
            xytext=(0, 18),
            textcoords="offset points",
            ha="center",
            va="bottom",
            fontsize=8.5,
            color=INK,
        )


def _x(place: int) -> float:
    """Columns in threes."""
    return place + 0.35 * (place // 3)
