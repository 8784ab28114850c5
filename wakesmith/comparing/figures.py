"""Accuracy against what it costs, with the candidates that no other one beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from wakesmith.comparing.results import Comparison, Row
from wakesmith.figures import ACCENT, INK, STYLE, WARM, svg

_SIZE = (6.4, 3.9)  # inches; the text is in points, so this sets how large it looks
_LOG_FROM = 3.0  # largest over smallest cost
_NEAR = 14.0  # pixels of 1/100 inch
_PLACES = (  # of a label around its point: offset in points, alignment
    (8, 0, "left", "center"),
    (-8, 0, "right", "center"),
    (7, 4, "left", "bottom"),
    (7, -4, "left", "top"),
    (-7, 4, "right", "bottom"),
    (-7, -4, "right", "top"),
    (0, 9, "center", "bottom"),
    (0, -9, "center", "top"),
    (9, 14, "left", "bottom"),
    (9, -14, "left", "top"),
    (-9, 14, "right", "bottom"),
    (-9, -14, "right", "top"),
    (0, 20, "center", "bottom"),
    (0, -20, "center", "top"),
)


@dataclass(frozen=True)
class Point:
    """One candidate: what it costs, and its accuracy in percent."""

    label: str
    cost: float
    accuracy: float


def pareto(points: Sequence[Point]) -> list[Point]:
    """The points that no other is better than in cost and accuracy, cheapest first."""
    best: list[Point] = []
    for point in sorted(points, key=lambda p: (p.cost, -p.accuracy)):
        if not best or point.accuracy > best[-1].accuracy:
            best.append(point)
    return best


def plots(comparison: Comparison) -> list[str]:
    """SVGs of accuracy against flash and against instructions; none without candidates in C."""
    chip = [row for row in comparison.rows if row.most("flash")]
    if not chip:
        return []
    base = next((row for row in comparison.rows if row.label == "float32" and row.runs), None)
    line = 100 * base.accuracy if base else None
    return [
        _plot(_points(chip, "flash", 1024), line, "flash, kB (1024 bytes), whole firmware"),
        _plot(
            _points(chip, "instructions", 1_000_000),
            line,
            f"million instructions per inference on {comparison.core}",
        ),
    ]


def _points(rows: Sequence[Row], name: str, unit: int) -> list[Point]:
    return [Point(row.label, row.most(name) / unit, 100 * row.accuracy) for row in rows]


def _plot(points: Sequence[Point], base: float | None, cost: str) -> str:
    with plt.rc_context({**STYLE, "svg.hashsalt": cost}):
        figure, axis = plt.subplots(figsize=_SIZE)
        front = pareto(points)
        axis.step(
            [p.cost for p in front],
            [p.accuracy for p in front],
            where="post",
            color=ACCENT,
            lw=1.2,
            zorder=2,
        )
        for point in points:
            colour = ACCENT if point in front else WARM
            axis.plot([point.cost], [point.accuracy], "o", color=colour, ms=6, zorder=3)
        _limits(axis, points, base)
        if base is not None:
            axis.axhline(base, color=INK, lw=0.8, ls=(0, (2, 3)), zorder=1)
            axis.annotate(
                f"float32 {base:.1f}",
                (1, base),
                xycoords=("axes fraction", "data"),
                xytext=(0, 2),
                textcoords="offset points",
                ha="right",
                va="bottom",
                fontsize=8,
            )
        axis.set_xlabel(cost)
        axis.set_title("accuracy, %", loc="left")
        axis.grid(axis="y")
        axis.tick_params(length=0, which="both")
        figure.tight_layout()
        _label(axis, points, base, front)
        return svg(figure, f"accuracy against {cost}")


def _limits(axis: Any, points: Sequence[Point], base: float | None) -> None:
    """Room for the labels; a logarithmic axis where costs differ a lot."""
    costs = [p.cost for p in points]
    low, high = min(costs), max(costs)
    if high / low >= _LOG_FROM:
        axis.set_xscale("log")
        axis.xaxis.set_major_locator(LogLocator(base=10, subs=(1, 2, 3, 5)))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(NullFormatter())
        reach = (high / low) ** 0.18
        axis.set_xlim(low / reach, high * reach)
    else:
        reach = max(0.18 * (high - low), 0.05 * high)
        axis.set_xlim(low - reach, high + reach)
    shown = [*(p.accuracy for p in points), *([base] if base is not None else [])]
    spread = max(max(shown) - min(shown), 0.5)
    axis.set_ylim(min(shown) - 0.45 * spread, min(max(shown) + 0.45 * spread, 101.0))


def _label(axis: Any, points: Sequence[Point], base: float | None, front: Sequence[Point]) -> None:
    """Write names where they cover no point, no other name and not the line of float32.

    Points that all but touch share a label, a line for each from the top one down.
    """
    renderer = axis.figure.canvas.get_renderer()
    dots = {p.label: axis.transData.transform((p.cost, p.accuracy)) for p in points}
    frame = axis.get_window_extent(renderer)
    line = None if base is None else axis.transData.transform((points[0].cost, base))[1]
    taken: list[Any] = []
    for group in _groups(points, dots):
        middle = np.mean([(p.cost, p.accuracy) for p in group], axis=0)
        best: tuple[float, Any, Any] | None = None
        for order, (dx, dy, ha, va) in enumerate(_PLACES):
            text = axis.annotate(
                "\n".join(p.label for p in group),
                middle,
                xytext=(dx, dy),
                textcoords="offset points",
                ha=ha,
                va=va,
                fontsize=8.5,
                linespacing=1.15,
            )
            box = text.get_window_extent(renderer).expanded(1.02, 1.1)
            penalty = order + 100.0 * sum(box.overlaps(other) for other in taken)
            penalty += 40.0 * sum(box.contains(*dot) for dot in dots.values())
            penalty += 500.0 * (box.x0 < frame.x0 or box.x1 > frame.x1)
            penalty += 500.0 * (box.y0 < frame.y0 or box.y1 > frame.y1)
            penalty += 15.0 * sum(
                box.y0 < dots[a.label][1] < box.y1
                and box.x0 < dots[b.label][0]
                and box.x1 > dots[a.label][0]
                for a, b in pairwise(front)
            )
            penalty += 15.0 * (line is not None and box.y0 < line < box.y1)
            if best is None or penalty < best[0]:
                if best is not None:
                    best[1].remove()
                best = (penalty, text, box)
            else:
                text.remove()
        assert best is not None
        taken.append(best[2])


def _groups(points: Sequence[Point], dots: Mapping[str, Any]) -> list[list[Point]]:
    """Points whose dots are closer than a line of text, best first."""
    groups: list[list[Point]] = []
    for point in sorted(points, key=lambda p: (-p.accuracy, p.cost)):
        for group in groups:
            last = dots[group[-1].label]
            if abs(last[0] - dots[point.label][0]) < _NEAR > abs(last[1] - dots[point.label][1]):
                group.append(point)
                break
        else:
            groups.append([point])
    return groups
