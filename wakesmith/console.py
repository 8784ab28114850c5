"""What a build says while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from types import TracebackType

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

from wakesmith.pipeline import Stage

_EVERY = 10.0  # seconds between plain lines of one stage


class Lines:
    """Plain lines, for logs and pipes.

    Args:
        quiet: say nothing.
    """

    def __init__(self, console: Console, *, quiet: bool = False) -> None:
        self.console = console
        self.quiet = quiet
        self._last = 0.0

    def __enter__(self) -> Lines:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

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


class Bars:
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

    def __enter__(self) -> Bars:
        self._bars.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
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
