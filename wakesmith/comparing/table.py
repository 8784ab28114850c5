"""The comparison as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from wakesmith.comparing.results import Comparison, Row
from wakesmith.pages import grouped, percent

ENGINES = {"c": "C", "tflm": "TFLM", "litert": "LiteRT"}
_NONE = "–"

Column = tuple[str, Callable[[Row], str]]


def points(row: Row) -> str:
    """Points gained or lost against the float models it was made from."""
    value = round(100 * (row.accuracy - row.float_accuracy), 2)
    return f"{value:+.2f}".replace("-", "\u2212") if value else "0.00"


def p_value(row: Row) -> str:
    """McNemar's p, with the clips that it rests on."""
    paired = row.paired
    p = paired.p_value
    text = "1" if p == 1 else f"{p:.3f}" if p >= 0.001 else "< 0.001"
    return f"{text} ({paired.lost}:{paired.won})"


def engines(row: Row) -> str:
    """What runs it."""
    return ", ".join(ENGINES[name] for name in row.runs_on)


def size(name: str) -> Callable[[Row], str]:
    """A number of the chip's, the largest over seeds."""

    def shown(row: Row) -> str:
        most = row.most(name)
        return grouped(most) if most else _NONE

    return shown


def differing(row: Row) -> str:
    """Differing bytes, or that nothing could be compared."""
    return grouped(row.mismatches) if any(run.compared for run in row.runs) else _NONE


def interval(row: Row) -> str:
    """Both ends of the 95 % interval."""
    low, high = row.interval
    return f"{percent(low)} to {percent(high)}"


COLUMNS: tuple[Column, ...] = (
    ("accuracy, %", lambda row: percent(row.accuracy, 2)),
    ("95 %", interval),
    ("points to float", points),
    ("McNemar p (lost:won)", p_value),
    (".tflite", size("tflite")),
    ("flash", size("flash")),
    ("weights", size("weights")),
    ("arena", size("arena")),
    ("instructions", size("instructions")),
    ("differing", differing),
    ("runs on", engines),
)
"""Heading and content, as on the page."""


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print it; on narrow terminals as tables one below the other."""
    console.print()
    console.print(Text(title(comparison), style="bold"))
    waiting = list(COLUMNS)
    while waiting:
        count = len(waiting)
        while count > 1 and _width(comparison, waiting[:count], console) > console.width:
            count -= 1
        console.print(_table(comparison, waiting[:count]))
        waiting = waiting[count:]
    for sentence in remarks(comparison):
        console.print(sentence, markup=False, highlight=False)
    console.print()


def title(comparison: Comparison) -> str:
    """What was compared on what."""
    seeds = ", ".join(map(str, comparison.seeds))
    return (
        f"{comparison.name}: {comparison.model} on {comparison.board} ({comparison.core}), "
        f"{comparison.test_clips} test clips, seed{'s' * (len(comparison.seeds) > 1)} {seeds}"
    )


def remarks(comparison: Comparison) -> list[str]:
    """What has to be known about the numbers, a sentence or two each."""
    said = []
    for row in comparison.rows:
        if row.refused:
            left = "left out" if not row.runs else "only in part"
            said.append(f"{row.label} {left}: {row.refused}")
        said += [f"{row.label}: {run.first}" for run in row.runs if run.first]
        for name in comparison.over(row):
            limit = grouped(comparison.budget[name])
            said.append(f"{row.label} is over the budget: {name} {size(name)(row)} of {limit}.")
    emulated = {run.emulated for row in comparison.rows for run in row.runs if run.emulated}
    if emulated:
        compared = sum(run.compared for row in comparison.rows for run in row.runs)
        clips = " to ".join(map(str, sorted({min(emulated), max(emulated)})))
        said.append(
            f"{grouped(comparison.mismatches)} of {grouped(compared)} bytes differ between "
            f"reference, TFLM, C on this machine and C on the emulated core; {clips} test clips "
            "of each scheme and seed ran on the core."
        )
    return said


def _width(comparison: Comparison, columns: Sequence[Column], console: Console) -> int:
    """Of a table that is not squeezed."""
    wide = console.options.update(width=1000, max_width=1000)
    return console.measure(_table(comparison, columns), options=wide).maximum


def _table(comparison: Comparison, columns: Sequence[Column]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("scheme", no_wrap=True)
    for heading, _ in columns:
        table.add_column(heading, justify="left" if heading == "runs on" else "right", no_wrap=True)
    for row in comparison.rows:
        if not row.runs:
            table.add_row(row.label, *("" for _ in columns))
            continue
        cells = [Text(content(row)) for _, content in columns]
        if row.mismatches:
            cells = [Text(cell.plain, style="bold red") for cell in cells]
        table.add_row(row.label, *cells)
    return table
