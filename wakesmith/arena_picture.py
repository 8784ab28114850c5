"""The plan of the arena as a picture: operators to the right, bytes upwards, a box per storage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from convert.errors import UserError
from convert.generated import GeneratedModel
from wakesmith.figures import ACCENT, INK, LINE, STRONG, STYLE, WARM, svg
from wakesmith.results import Stored, stored

_SUFFIXES = (".png", ".svg", ".pdf")
# Colours of a file by itself, for the placeholders that a page exchanges.
_PAPER = {INK: "#444444", ACCENT: "#2563eb", WARM: "#c2410c", LINE: "#bbbbbb", STRONG: "#111111"}
_LEAST_HEIGHT = 0.025  # of the arena, below which a box has no room for its label
_MOST_NAMES = 40  # operators, above which their names do not fit below the picture


def arena_svg(boxes: Sequence[Stored], operators: Sequence[str]) -> str:
    """The picture for a page, in its colours; empty without boxes.

    Args:
        boxes: storages of one model.
        operators: their kinds, in order of execution.
    """
    if not boxes:
        return ""
    with plt.rc_context({**STYLE, "svg.hashsalt": "arena"}):
        return svg(_drawn(boxes, operators, {}), "plan of the arena")


def check_picture(path: Path) -> None:
    """Refuse a file whose name says none of the kinds of pictures.

    Raises:
        UserError: another suffix.
    """
    if path.suffix.lower() not in _SUFFIXES:
        raise UserError(
            f"--plan must be a file that ends in {', '.join(_SUFFIXES)}. Received: {path}."
        )


def write_arena(path: Path, model: GeneratedModel) -> None:
    """The picture as a file, PNG, SVG or PDF by its suffix.

    Raises:
        UserError: another suffix, or a file that cannot be written.
    """
    check_picture(path)
    style: dict[Any, Any] = {
        key: _PAPER.get(value, value) if isinstance(value, str) else value
        for key, value in STYLE.items()
    }
    style |= {"figure.facecolor": "white", "savefig.facecolor": "white", "svg.hashsalt": "arena"}
    with plt.rc_context(style):
        figure = _drawn(stored(model), [slot.kind for slot in model.layers], _PAPER)
        figure.tight_layout()
        try:
            figure.savefig(path, dpi=150)
        except OSError as error:
            raise UserError(
                f"--plan must be a file that can be written. Received: {path}: {error.strerror}."
            ) from error
        finally:
            plt.close(figure)


def _drawn(boxes: Sequence[Stored], operators: Sequence[str], colours: dict[str, str]) -> Figure:
    """Boxes may overlap where a kernel writes over what it has read: they are translucent."""
    top = max(box.offset + box.nbytes for box in boxes)
    figure, axis = plt.subplots(figsize=(min(max(7.4, 0.5 * len(operators)), 16), 4.4))
    accent, warm = colours.get(ACCENT, ACCENT), colours.get(WARM, WARM)
    for box in boxes:
        width = box.last - box.first + 1
        corner = (box.first - 0.5, box.offset)
        edge = warm if box.scratch else accent
        if not box.scratch:
            axis.add_patch(Rectangle(corner, width, box.nbytes, color=edge, alpha=0.18, lw=0))
        axis.add_patch(
            Rectangle(
                corner, width, box.nbytes, fill=False, edgecolor=edge, lw=0.9,
                hatch="////" if box.scratch else None,
            )
        )  # fmt: skip
        if box.nbytes >= _LEAST_HEIGHT * top and not box.scratch:
            axis.text(
                box.first - 0.4, box.offset + box.nbytes / 2, f"{box.what}\n{box.nbytes:,}",
                ha="left", va="center", fontsize=6.0, clip_on=True,
            )  # fmt: skip
    axis.set_xlim(-1.6, len(operators) + 0.6)
    axis.set_ylim(0, top * 1.02)
    axis.set_ylabel("bytes of the arena")
    axis.set_title(f"{top:,} bytes; hatched: scratch memory of one operator", loc="left")
    axis.set_xticks(range(len(operators)))
    if len(operators) <= _MOST_NAMES:
        names = [f"{i} {kind}" for i, kind in enumerate(operators)]
        axis.set_xticklabels(names, rotation=90, fontsize=6.0)
    else:
        axis.set_xticks(range(0, len(operators), 5))
        axis.set_xlabel("operator")
    axis.tick_params(length=0)
    axis.grid(axis="y")
    axis.set_axisbelow(True)
    return figure
