"""What a build says while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column

from wakesmith.blocks import Block
from wakesmith.pipeline import Stage

_EVERY = 10.0  # seconds between plain lines of one stage
_FIRST = 2.0  # a command that takes longer says how far it is


class Lines(Block):
    """Plain lines, for logs and pipes.

    Args:
        quiet: say nothing.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self._last = 0.0

    def kept(self, stage: Stage) -> None:
        """Say that a stage is up to date."""
        self._say(f"{stage.name:<9} up to date")

    def started(self, stage: Stage) -> None:
        """Say that a stage begins."""
        self._last = time.monotonic()
        self._say(f"{stage.name:<9} {stage.doing} ...")

    def progress(self, stage: Stage, done: int, total: int, text: str) -> None:
        """Say where a stage stands, not more often than every ten seconds."""
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            share = f"{100 * done // total:3d} %" if total else f"{done}"
            self._say(f"{stage.name:<9} {share} {text}".rstrip())

    def finished(self, stage: Stage, seconds: float) -> None:
        """Say that a stage is done."""
        self._say(f"{stage.name:<9} done in {seconds:.1f} s")

    def _say(self, text: str) -> None:
        if not self.quiet:
            self.console.print(text, markup=False, highlight=False)


class Bars(Block):
    """One bar per stage with the time left."""

    def __init__(self, console: Console) -> None:
        self._bars = Progress(
            SpinnerColumn(finished_text="[green]✓[/]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn(
                "[dim]{task.fields[note]}[/]",
                table_column=Column(no_wrap=True, overflow="ellipsis"),
            ),
            console=console,
        )
        self._tasks: dict[str, TaskID] = {}

    def begin(self) -> None:
        """Show them."""
        self._bars.start()

    def end(self) -> None:
        """Leave them as they are."""
        self._bars.stop()

    def kept(self, stage: Stage) -> None:
        """Show a full bar."""
        task = self._bars.add_task(f"{stage.name:<9}", total=1, completed=1, note="up to date")
        self._tasks[stage.name] = task

    def started(self, stage: Stage) -> None:
        """Show an empty bar."""
        self._tasks[stage.name] = self._bars.add_task(
            f"{stage.name:<9}", total=None, note=stage.doing
        )

    def progress(self, stage: Stage, done: int, total: int, text: str) -> None:
        """Move the bar."""
        self._bars.update(
            self._tasks[stage.name],
            completed=done,
            total=total or None,
            note=f"left; {text or stage.doing}" if total else text or stage.doing,
        )

    def finished(self, stage: Stage, seconds: float) -> None:
        """Fill the bar."""
        self._bars.update(self._tasks[stage.name], total=1, completed=1, note="")


def watcher(console: Console, *, quiet: bool = False) -> Lines | Bars:
    """Bars on a terminal, else plain lines; nothing when `quiet`."""
    if console.is_terminal and not quiet:
        return Bars(console)
    return Lines(console, quiet=quiet)


def plain_console(width: int = 120) -> Console:
    """Where a command prints; a log file or a pipe is wide enough for every line."""
    console = Console()
    return console if console.is_terminal else Console(width=width)


class Meter(Block):
    """How far a command is, on stderr: a bar on a terminal, else lines when it takes a while.

    Args:
        doing: what it does, one word.
        console: for tests.
    """

    def __init__(self, doing: str, console: Console | None = None) -> None:
        self._doing = doing
        self._console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._next = time.monotonic() + _FIRST

    def begin(self) -> None:
        """Show the bar where there is a terminal."""
        if self._console.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=20),
                TextColumn("{task.percentage:>3.0f} %"),
                TimeRemainingColumn(),
                TextColumn("[dim]left; {task.fields[note]}[/]"),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(self._doing, total=None, note="starting")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, done: int, total: int, text: str) -> None:
        """Say where it stands; `total` is 0 while that is not known."""
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total or None, note=text)
        elif time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            share = f"{100 * done // total:3d} % " if total else ""
            self._console.print(f"{self._doing} {share}{text}", markup=False, highlight=False)
