"""One self-contained page of a comparison: no scripts, nothing from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wakesmith.comparing.figures import plots
from wakesmith.comparing.results import Comparison, Row
from wakesmith.comparing.table import COLUMNS, remarks, title
from wakesmith.pages import grouped, page, percent


def render(comparison: Comparison) -> str:
    """The page as HTML; the same bytes for the same data."""
    return page(
        "compare.html.j2",
        c=comparison,
        title=title(comparison),
        lead=_lead(comparison),
        headings=[name for name, _ in COLUMNS],
        rows=[_cells(row) for row in comparison.rows if row.runs],
        plots=plots(comparison),
        remarks=remarks(comparison),
        reach=_reach(comparison),
        seeds=_seeds(comparison),
        notes=[(row.label, note) for row in comparison.rows for note in row.notes],
        options=[(row.label, _options(row.options)) for row in comparison.rows],
    )


def _lead(comparison: Comparison) -> str:
    """The main finding in a sentence or two."""
    done = [row for row in comparison.rows if row.runs]
    chip = [row for row in done if row.most("flash")]
    text = f"{len(done)} ways to store and compute the same network"
    if chip:
        best = max(chip, key=lambda row: row.accuracy)
        small = min(chip, key=lambda row: row.most("flash"))
        text += f". The most accurate on the chip is {best.label} with "
        text += f"{percent(best.accuracy, 2)}\u00a0%"
        if small is not best:
            kilo = small.most("flash") / 1024
            text += (
                f"; the smallest is {small.label} with {kilo:.1f} kB of flash and "
                f"{percent(small.accuracy, 2)}\u00a0%"
            )
    text += "."
    if comparison.mismatches:
        text += f" {grouped(comparison.mismatches)} bytes differ between back ends."
    return text


def _reach(comparison: Comparison) -> str:
    """How far apart points have to be to mean something."""
    widths = [row.interval[1] - row.interval[0] for row in comparison.rows if row.runs]
    if not widths:
        return ""
    return (
        f"The 95 % interval of an accuracy is about {50 * max(widths):.1f} points to either side; "
        "the clips are the same for all, so smaller differences can be real: McNemar's p tells."
    )


def _cells(row: Row) -> dict[str, Any]:
    return {
        "label": row.label,
        "cells": [content(row) for _, content in COLUMNS],
        "bad": bool(row.mismatches),
    }


def _seeds(comparison: Comparison) -> list[dict[str, Any]]:
    """One line per scheme and seed."""
    return [
        {
            "label": row.label,
            "seed": run.seed,
            "float": percent(run.float_correct / row.total, 2),
            "accuracy": percent(run.correct / row.total, 2),
            "parted": f"{run.lost}:{run.won}",
            "zeros": percent(run.zeros),
            "tflite": grouped(run.tflite),
            "flash": grouped(run.flash) if run.flash else "–",
            "ram": grouped(run.ram) if run.ram else "–",
            "stack": grouped(run.stack) if run.stack else "–",
            "instructions": grouped(run.instructions) if run.instructions else "–",
        }
        for row in comparison.rows
        for run in row.runs
    ]


def _options(options: Mapping[str, Any]) -> str:
    """Options on one line, tables in one another too."""
    return ", ".join(
        f"{name} = {{{_options(value)}}}" if isinstance(value, Mapping) else f"{name} = {value}"
        for name, value in options.items()
    )
