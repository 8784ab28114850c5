"""What `wakesmith sensitivity` does."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table
from rich.text import Text

from convert.files import write_bytes
from wakesmith.building import build_folder, check_folder, open_project
from wakesmith.console import plain_console, watcher
from wakesmith.pages import grouped, percent
from wakesmith.pipeline import Pipeline, StoppedError
from wakesmith.sensing.page import decibels, lead
from wakesmith.sensing.results import METHODS, PARTS, Sensitivity, from_json
from wakesmith.stages import sensitivity_stages
from wakesmith.store import read_json

FILES = ("sensitivity.html", "sensitivity.json", "sensitivity.csv")


def measure_sensitivity(
    path: Path,
    *,
    split: Literal["val", "test"] = "val",
    out: Path | None = None,
    jobs: int = 0,
    quiet: bool = False,
    console: Console | None = None,
) -> None:
    """Train the float model where that has not been done, measure, print, write the page.

    Args:
        path: project file.
        split: clips to measure on.
        out: build folder; `build/<name>` when None.
        jobs: worker processes, 0 for one per core.
        quiet: print only the table.
        console: where to print.

    Raises:
        UserError: see `Pipeline.run` and `train.sensitivity.sensitivity`.
        KeyboardInterrupt: after Ctrl-C, with what is kept in its message.
    """
    project = open_project(path)
    folder = build_folder(project, out)
    check_folder(folder)
    pipeline = Pipeline(folder, sensitivity_stages(project, path.parent, split, jobs=jobs))
    console = console or plain_console()
    place = pipeline.place("sensitivity")

    def publish() -> None:
        for name in FILES:
            write_bytes(folder / name, (place / name).read_bytes())

    try:
        with watcher(console, quiet=quiet) as bars:
            pipeline.run(bars, then=publish)
    except StoppedError as stopped:
        raise KeyboardInterrupt(str(stopped)) from None
    print_sensitivity(from_json(read_json(place / "sensitivity.json")), console)
    console.print(f"Page: {folder / FILES[0]}", markup=False, highlight=False, soft_wrap=True)


def print_sensitivity(found: Sensitivity, console: Console) -> None:
    """Points lost, and below them the noise, of every layer."""
    clips = f"{found.total} {'validation' if found.split == 'val' else 'test'} clips"
    accuracy = percent(found.float_correct / found.total, 2)
    console.print()
    title = f"{found.name}: {found.model}, {accuracy} % as float on {clips}"
    console.print(Text(title, style="bold"))
    for heading in ("points lost", "SQNR of the layer's output, dB"):
        console.print(Text(heading, style="dim"))
        console.print(_table(found, noise=heading != "points lost"))
    console.print(lead(found), markup=False, highlight=False)


def _table(found: Sensitivity, *, noise: bool) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim")
    table.add_column("layer", overflow="fold")
    table.add_column("weights", justify="right")
    for part in PARTS:
        for method in METHODS:
            short = {"weights": "w", "bias": "b", "activations": "a"}[part]
            table.add_column(f"{short} {method}", justify="right", no_wrap=True)
    for layer in found.layers:
        cells = []
        for part in PARTS:
            for method in METHODS:
                row = found.at(layer, part, method)
                text = ""
                if row is not None:
                    text = decibels(row.sqnr_db) if noise else f"{found.lost(row):.2f}"
                cells.append(text.replace("-", "\u2212"))
        weights = found.at(layer, "weights", "int8")
        table.add_row(layer, grouped(weights.weights) if weights else "", *cells)
    return table
