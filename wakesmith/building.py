"""What `wakesmith build`, `report` and `clean` do, apart from the stages themselves."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from convert.errors import UserError
from convert.files import write_bytes
from firmware.board import load_board
from simulate.cores import EMULATED
from wakesmith.console import plain_console, watcher
from wakesmith.pages import grouped, percent
from wakesmith.pipeline import LOCK, Pipeline, StoppedError, locked
from wakesmith.project import Project, load_project, runs_as_c
from wakesmith.results import Results
from wakesmith.stages import STAGE_NAMES, build_stages, load_results

PUBLISHED = {
    "speech": ("rejected.csv",),
    "train": ("model.keras",),
    "quantize": ("model.tflite",),
    "convert": ("c",),
    "firmware": ("firmware.elf", "firmware.bin", "firmware.hex", "firmware.uf2"),
    "report": ("report.html", "manifest.json"),
}
"""Stage -> files and folders of its result that are copied to the top of the build folder."""

ANALYSES = (
    "compare.html",
    "compare.json",
    "sensitivity.html",
    "sensitivity.json",
    "sensitivity.csv",
)
"""What the other commands leave there."""


def open_project(
    path: Path,
    compiler: str | None = None,
    runtime: str | None = None,
    tflm_dir: Path | None = None,
) -> Project:
    """Read a project file; the command line's words on firmware win over the file's.

    Raises:
        UserError: see `load_project`.
    """
    project = load_project(path)
    # The file's folder is where a path in it starts; that of the command line is here.
    folder = None if tflm_dir is None else str(tflm_dir.expanduser().absolute())
    said = {"compiler": compiler, "runtime": runtime, "tflm_dir": folder}
    changes: dict[str, Any] = {name: value for name, value in said.items() if value is not None}
    section = dataclasses.replace(project.firmware, **changes)
    return dataclasses.replace(project, firmware=section)


def build_folder(project: Project, out: Path | None) -> Path:
    """Where a project is built."""
    return out if out is not None else Path("build") / project.project.name


def build_project(
    path: Path,
    *,
    out: Path | None = None,
    until: str | None = None,
    force: bool = False,
    jobs: int = 0,
    compiler: str | None = None,
    runtime: str | None = None,
    tflm_dir: Path | None = None,
    quiet: bool = False,
    console: Console | None = None,
) -> bool:
    """Build a project and print the closing table.

    Args:
        path: project file.
        out: build folder; `build/<name>` when None.
        until: last stage.
        force: run every stage.
        jobs: worker processes for speech, 0 for one per core.
        compiler: overrides the project file's.
        runtime: overrides the project file's.
        tflm_dir: overrides the project file's.
        quiet: print only the closing table.
        console: where to print.

    Returns:
        False when back ends differ or the build is over its budget.

    Raises:
        UserError: see `Pipeline.run` and `load_project`; a budget for a model that has no firmware.
        KeyboardInterrupt: after Ctrl-C, with what is kept in its message.
    """
    if until is not None and until not in STAGE_NAMES:
        raise UserError(f"--until must be one of {', '.join(STAGE_NAMES)}. Received: {until}.")
    project = open_project(path, compiler, runtime, tflm_dir)
    _check_budget(project)
    folder = build_folder(project, out)
    check_folder(folder)
    console = console or plain_console()
    pipeline = Pipeline(folder, build_stages(project, path.parent, jobs=jobs))
    last = until or STAGE_NAMES[-1]
    try:
        with watcher(console, quiet=quiet) as bars:
            pipeline.run(bars, until=until, force=force, then=lambda: _publish(pipeline, last))
    except StoppedError as stopped:
        raise KeyboardInterrupt(str(stopped)) from None
    if last != STAGE_NAMES[-1]:
        console.print(f"Stopped after {last}, as asked; results are in {folder}.", markup=False)
        return True
    results = load_results(pipeline.place("report"))
    print_table(results, console)
    console.print(
        f"Report: {folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True
    )
    return results.mismatches == 0 and not results.over_budget


def show_build(path: Path, *, out: Path | None = None, console: Console | None = None) -> bool:
    """Print the closing table of a finished build; False when it failed, as `build_project`.

    Raises:
        UserError: the project has not been built.
    """
    project = load_project(path)
    folder = build_folder(project, out)
    report = folder / "stages" / "report"
    if not (report / "results.json").is_file():
        raise UserError(
            f"The project must be built first. Received: no report in {folder}. "
            f"Run wakesmith build {path}."
        )
    console = console or plain_console()
    results = load_results(report)
    print_table(results, console)
    console.print(
        f"Report: {folder / 'report.html'}", markup=False, highlight=False, soft_wrap=True
    )
    return results.mismatches == 0 and not results.over_budget


def clean_build(path: Path, *, out: Path | None = None) -> str:
    """Delete a project's build folder, but no files that no build made; says what was done.

    Raises:
        UserError: the folder is not a build folder, or a build runs in it.
    """
    folder = build_folder(load_project(path), out)
    if not folder.exists():
        return f"Nothing to delete: {folder} does not exist."
    if not (folder / LOCK).is_file():
        raise UserError(f"Only a build folder can be deleted. Received: {folder}.")
    with locked(folder):
        published = (name for names in PUBLISHED.values() for name in names)
        for name in ("stages", *published, *ANALYSES):
            _remove(folder / name)
        (folder / LOCK).unlink()
    if any(folder.iterdir()):
        return f"Deleted the build in {folder}; what else is in it stays."
    folder.rmdir()
    return f"Deleted {folder}."


def check_folder(folder: Path) -> None:
    """Refuse to build among files of somebody else, because a build takes old results away.

    Raises:
        UserError: the folder holds something and is not a build folder.
    """
    if folder.is_dir() and not (folder / LOCK).is_file():
        found = next(folder.iterdir(), None)
        if found is not None:
            raise UserError(
                "The build folder must be new, empty or of an earlier build. "
                f"Received: {folder}, which holds {found.name}. Choose another with --out."
            )


def print_table(results: Results, console: Console) -> None:
    """The closing table: accuracy through the stages, sizes, instructions, mismatches.

    Where the terminal is too narrow for three columns, remarks stand on lines of their own.
    """
    title = (
        f"{results.name} on {results.board} ({results.core})"
        if results.memories
        else f"{results.name}, without firmware: this model does not run on the chip"
    )
    rows = _rows(results)
    left = max((len(name) for name, _, _ in rows), default=0)
    right = max((value.cell_len for _, value, _ in rows), default=0)
    remarks = max((len(note) for _, _, note in rows), default=0)
    room = console.width - left - right - 2 * _GAP
    console.print()
    console.print(Text(title, style="bold"))
    if room >= min(remarks, _LEAST_ROOM):
        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, _GAP, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(justify="right", no_wrap=True)
        table.add_column(style="dim", overflow="fold")
        for name, value, note in rows:
            table.add_row(name, value, note)
        console.print(table)
    else:
        for name, value, note in rows:
            line = Text(f"{name:<{left}}{' ' * (_GAP + right - value.cell_len)}").append(value)
            console.print(line)
            console.print(Padding(Text(note, style="dim"), (0, 0, 0, _GAP)))
    for proof in results.proofs:
        if proof.first:
            console.print(proof.first, style="red", markup=False)
    for note in results.notes:
        console.print(note, markup=False)
    if results.over_budget:
        console.print(_over_budget(results))
    console.print()


def _check_budget(project: Project) -> None:
    """Refuse a budget that nothing can be held against.

    Raises:
        UserError: the scheme gives a model that has no firmware, or something is limited that
            cannot be measured.
    """
    if project.budget.limits and not runs_as_c(project):
        raise UserError(
            "[budget] must go with a scheme that runs as C. Received: scheme "
            f"{project.quantization.scheme}. Choose qat_int8, or leave [budget] out."
        )
    board = load_board(project.firmware.board)
    measured = [key for key in ("stack", "instructions") if key in project.budget.limits]
    if measured and board.core.name not in EMULATED:
        raise UserError(
            f"budget.{measured[0]} must go with a board whose core is emulated. Received: "
            f"{board.name} with {board.core.name}. Leave it out, or build for another board."
        )


def _over_budget(results: Results) -> Table:
    """What is over, and by how much."""
    table = Table(
        box=None, pad_edge=False, padding=(0, _GAP, 0, 0), title="Over budget",
        title_justify="left", title_style="bold red",
    )  # fmt: skip
    table.add_column("")
    for heading in ("needed", "budget", "over"):
        table.add_column(heading, justify="right")
    for limit in results.over_budget:
        share = f" ({100 * limit.over / limit.limit:.1f} %)"
        over = Text(grouped(limit.over) + share, style="red")
        table.add_row(limit.name, grouped(limit.used), grouped(limit.limit), over)
    return table


_GAP = 2  # blanks between columns, and before a remark on its own line
_LEAST_ROOM = 32  # for remarks, else they stand below


def _rows(results: Results) -> list[tuple[str, Text, str]]:
    """Name, value and remark of every line of the closing table."""
    rows = []
    for row in results.accuracy:
        note = f"{percent(row.low)} to {percent(row.high)}, {row.correct} of {row.total}, {row.how}"
        rows.append((f"accuracy, {row.stage}", Text(f"{percent(row.share)} %"), note))
    for memory in results.memories:
        rows.append((memory.name, Text(grouped(memory.used)), f"bytes of {grouped(memory.size)}"))
    if results.instructions:
        rows.append(("instructions", Text(grouped(results.instructions)), "per inference, exact"))
    if results.frontend_instructions:
        count = Text(grouped(results.frontend_instructions))
        rows.append(("", count, "for the features of a clip"))
    if results.real_time:
        timing = results.real_time
        style = "bold red" if timing.share > 1 else ""
        rows.append(("real time", Text(f"{timing.share:.1%}", style), timing.sentence()))
    if results.proofs:
        style = "bold red" if results.mismatches else "green"
        note = f"bytes of {grouped(results.compared)} compared"
        rows.append(("mismatches", Text(grouped(results.mismatches), style), note))
    return rows


def _publish(pipeline: Pipeline, last: str) -> None:
    """Copy what people want from the stage folders to the top of the build folder.

    Results of stages that are after `last` or not in the line (any more) are taken away, because
    they may belong to other inputs.
    """
    names_now = [stage.name for stage in pipeline.stages]
    wanted = names_now[: names_now.index(last) + 1]
    for stage, names in PUBLISHED.items():
        for name in names:
            source, target = pipeline.place(stage) / name, pipeline.folder / name
            if stage not in wanted or not source.exists():
                _remove(target)
            elif source.is_dir():
                inside = {p.relative_to(source) for p in source.rglob("*") if p.is_file()}
                for path in target.rglob("*") if target.is_dir() else ():
                    if path.is_file() and path.relative_to(target) not in inside:
                        path.unlink()
                for relative in sorted(inside):
                    _copy(source / relative, target / relative)
            else:
                _copy(source, target)


def _copy(source: Path, target: Path) -> None:
    data = source.read_bytes()
    if not target.is_file() or target.read_bytes() != data:
        write_bytes(target, data)


def _remove(target: Path) -> None:
    if target.is_dir():
        shutil.rmtree(target)
    else:
        target.unlink(missing_ok=True)
