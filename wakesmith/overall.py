"""One bar over a job of many stages, with the time that is left of the whole of it.

Stages of one kind take about equally long, so what finished stages took corrects the first guess
of those to come.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Column

from wakesmith.blocks import Block
from wakesmith.pipeline import Stage

_EVERY = 15.0  # seconds between lines where there is no terminal
_PRIOR = 60.0  # seconds for which the first guess is trusted when other kinds of stages are slow
_SURE = 0.15  # from this share on, a stage's own progress says how long it takes


class Forecast:
    """How long a job will take.

    Args:
        guesses: stage -> seconds guessed, in the order in which they run.
    """

    def __init__(self, guesses: Mapping[str, float]) -> None:
        self._guesses = dict(guesses)
        self._waiting = list(guesses)
        self._took: dict[str, tuple[float, float]] = {}  # kind -> seconds taken, seconds guessed
        self._spent = 0.0
        self._now = ""
        self._share = 0.0

    def begin(self, name: str) -> None:
        """A stage begins; those before it that were not begun were up to date or left out."""
        if name in self._waiting:
            self._waiting = self._waiting[self._waiting.index(name) + 1 :]
        self._now, self._share = name, 0.0

    def skip(self, name: str) -> None:
        """A stage is up to date."""
        self.begin(name)
        self._now = ""

    def advance(self, share: float) -> None:
        """The stage is so far, 0 to 1."""
        self._share = min(max(share, 0.0), 1.0)

    def end(self, seconds: float) -> None:
        """The stage is done."""
        taken, guessed = self._took.get(_kind(self._now), (0.0, 0.0))
        guess = self._guesses.get(self._now, seconds)
        self._took[_kind(self._now)] = (taken + seconds, guessed + guess)
        self._spent += seconds
        self._now = ""

    def left(self, running: float) -> float:
        """Seconds left when the stage has been running for `running` seconds."""
        rest = sum(self._estimate(name) for name in self._waiting)
        if not self._now:
            return rest
        if self._share >= _SURE:
            return rest + running * (1 - self._share) / self._share
        return rest + max(0.0, self._estimate(self._now) - running)

    def done(self, running: float) -> float:
        """Share of the whole job that is done, 0 to 1."""
        spent = self._spent + (running if self._now else 0.0)
        whole = spent + self.left(running)
        return spent / whole if whole else 1.0

    def _estimate(self, name: str) -> float:
        """The guess, corrected by what stages of its kind, or else all stages, took."""
        taken, guessed = self._took.get(_kind(name), (0.0, 0.0))
        if not guessed:
            taken = _PRIOR + sum(one for one, _ in self._took.values())
            guessed = _PRIOR + sum(one for _, one in self._took.values())
        return self._guesses[name] * taken / guessed


class Overall(Block):
    """Tells how far a job of many stages is; a `wakesmith.pipeline.Watcher`.

    Args:
        doing: name of the job.
        stages: of the job.
        guesses: stage -> seconds.
        console: where to say it.
        quiet: say nothing.
        clock: for tests.
    """

    def __init__(
        self,
        doing: str,
        stages: Sequence[Stage],
        guesses: Mapping[str, float],
        console: Console,
        *,
        quiet: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._doing = doing
        self._forecast = Forecast({stage.name: guesses.get(stage.name, 10.0) for stage in stages})
        self._console = console
        self._quiet = quiet
        self._clock = clock
        self._begun = clock()
        self._said = -_EVERY
        self._bar: Progress | None = None

    def begin(self) -> None:
        """Show the bar where there is a terminal."""
        if self._console.is_terminal and not self._quiet:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f} %"),
                TextColumn("{task.fields[left]}"),
                TextColumn(
                    "[dim]{task.fields[note]}[/]",
                    table_column=Column(no_wrap=True, overflow="ellipsis"),
                ),
                console=self._console,
                transient=True,
            )
            self._bar.start()
            self._bar.add_task(self._doing, total=1.0, left="", note="starting")

    def end(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()

    def kept(self, stage: Stage) -> None:
        """The stage costs nothing."""
        self._forecast.skip(stage.name)

    def started(self, stage: Stage) -> None:
        """The stage runs now."""
        self._begun = self._clock()
        self._forecast.begin(stage.name)
        self._say(stage.doing)

    def progress(self, stage: Stage, done: int, total: int, text: str) -> None:
        """The stage has got this far."""
        if total:
            self._forecast.advance(done / total)
        self._say(f"{stage.doing}, {text}" if text else stage.doing)

    def finished(self, stage: Stage, seconds: float) -> None:
        """The stage is done."""
        self._forecast.end(seconds)
        self._say(stage.doing)

    def _say(self, note: str) -> None:
        now = self._clock()
        running = now - self._begun
        left, done = self._forecast.left(running), self._forecast.done(running)
        if self._bar is not None:
            task = self._bar.task_ids[0]
            self._bar.update(task, completed=done, left=f"about {spoken(left)} left", note=note)
        elif not self._quiet and now - self._said >= _EVERY:
            self._said = now
            text = f"{self._doing} {100 * done:3.0f} %, about {spoken(left)} left; {note}"
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)


def spoken(seconds: float) -> str:
    """40 -> "40 s", 754 -> "13 min", 7500 -> "2 h 5 min"."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _kind(name: str) -> str:
    return name.rpartition("/")[2]
