"""What `wakesmith compare` does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from convert.errors import SpecError
from convert.files import write_text
from wakesmith.building import build_folder, check_folder, open_project
from wakesmith.comparing.entries import choose, named
from wakesmith.comparing.line import compare_stages, seconds, seeds_of
from wakesmith.comparing.page import render
from wakesmith.comparing.results import Comparison, gather
from wakesmith.comparing.table import print_comparison
from wakesmith.console import plain_console
from wakesmith.overall import Overall
from wakesmith.pipeline import Pipeline, StoppedError
from wakesmith.store import write_json

PAGE, DATA = "compare.html", "compare.json"
_MOST_SEEDS = 100
_WIDE = 170  # of the table where there is no terminal


def compare_project(
    path: Path,
    *,
    wanted: Sequence[str] | None = None,
    seeds: int | None = None,
    out: Path | None = None,
    jobs: int = 0,
    quiet: bool = False,
    console: Console | None = None,
) -> bool:
    """Run every scheme with every seed as far as it goes, print the table, write the page.

    Args:
        path: project file.
        wanted: see `entries.choose`.
        seeds: how many; None is what the project file says.
        out: build folder; `build/<name>` when None.
        jobs: worker processes, 0 for one per core.
        quiet: print only the table.
        console: where to print.

    Returns:
        False when back ends differ.

    Raises:
        UserError: an unknown scheme; one of those named that cannot run; see `Pipeline.run`.
        KeyboardInterrupt: after Ctrl-C, with what to do in its message.
    """
    project = open_project(path, runtime="c")  # candidates are measured as generated C
    count = project.compare.seeds if seeds is None else seeds
    if not 1 <= count <= _MOST_SEEDS:
        raise SpecError(f"--seeds must be from 1 to {_MOST_SEEDS}. Received: {count}.")
    entries = choose(project, wanted)
    folder = build_folder(project, out)
    check_folder(folder)
    numbers = seeds_of(project, count)
    stages = compare_stages(project, path.parent, entries, numbers, strict=named(wanted), jobs=jobs)
    pipeline = Pipeline(folder, stages)
    console = console or plain_console(_WIDE)
    refused: dict[str, str] = {}
    found: list[Comparison] = []

    def publish() -> None:
        comparison = gather(pipeline.place, project, entries, numbers, refused)
        write_json(folder / DATA, comparison)
        write_text(folder / PAGE, render(comparison))
        found.append(comparison)

    guesses = seconds(project, stages, entries)
    try:
        with Overall("comparing", stages, guesses, console, quiet=quiet) as watcher:
            pipeline.run(watcher, then=publish, refused=None if named(wanted) else refused)
    except StoppedError as stopped:
        told = f"Stopped in {stopped.stage}. {len(stopped.finished)} of {len(stages)} steps are "
        told += "finished and kept. Run the same command again to go on."
        raise KeyboardInterrupt(told) from None
    (comparison,) = found
    print_comparison(comparison, console)
    console.print(f"Page: {folder / PAGE}", markup=False, highlight=False, soft_wrap=True)
    return comparison.mismatches == 0


def split_names(text: str | None) -> tuple[str, ...] | None:
    """Names of a list with commas: "a, b" -> ("a", "b"); None stays None.

    Raises:
        SpecError: nothing is named.
    """
    if text is None:
        return None
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise SpecError(f"--schemes must name at least one. Received: {text!r}.")
    return names
