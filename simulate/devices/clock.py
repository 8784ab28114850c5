"""Emulated time: processor cycles since reset, and what is to happen when."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from fractions import Fraction

from simulate.counting import NEVER, Counter


class Event:
    """Something that is to happen at `cycle`; `cancel` it before.

    `outlives_reset` is for what does not belong to the chip.
    """

    def __init__(
        self, cycle: int, action: Callable[[], None], outlives_reset: bool = False
    ) -> None:
        self.cycle = cycle
        self.outlives_reset = outlives_reset
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        """It will not happen."""
        self.action = None

    @property
    def waits(self) -> bool:
        """True until it has happened or was cancelled."""
        return self.action is not None


class Clock:
    """Cycles pass with instructions, and by jumps while the core sleeps.

    The counter stops the core at the first basic block that begins at or after the next event;
    without events it runs at full speed.

    Args:
        counter: counts the instructions.
        hz: cycles per second.
        per_instruction: cycles that one instruction is assumed to take.
    """

    def __init__(self, counter: Counter, hz: int, per_instruction: Fraction) -> None:
        self.hz = hz
        self.per_instruction = per_instruction
        self._counter = counter
        self._up, self._down = per_instruction.numerator, per_instruction.denominator
        self._order = itertools.count()
        self._events: list[tuple[int, int, Event]] = []
        self._origin = 0
        self._idle = 0

    def reset(self) -> None:
        """Time 0, nothing planned."""
        self._events.clear()
        self._origin = self._counter.elapsed
        self._idle = 0
        self._program()

    def now(self) -> int:
        """Cycles since reset."""
        return self._idle + (self._counter.elapsed - self._origin) * self._up // self._down

    def cycles(self, count: int, rate_hz: int) -> int:
        """Cycles of this clock in `count` periods of a clock of `rate_hz`, rounded up."""
        return -(-count * self.hz // rate_hz)

    def reset_chip(self) -> None:
        """The chip is reset: nothing of it is planned any more; time goes on."""
        for _, _, event in self._events:
            if not event.outlives_reset:
                event.cancel()
        self._program()

    def at(self, cycle: int, action: Callable[[], None], outlives_reset: bool = False) -> Event:
        """Call `action` when `cycle` is reached; at once, in the next block, if that is past."""
        event = Event(cycle, action, outlives_reset)
        heapq.heappush(self._events, (cycle, next(self._order), event))
        self._program()
        return event

    def after(self, cycles: int, action: Callable[[], None]) -> Event:
        """Call `action` in `cycles` from now."""
        return self.at(self.now() + cycles, action)

    def next_event(self) -> int | None:
        """When the next event is, or None."""
        while self._events and not self._events[0][2].waits:
            heapq.heappop(self._events)
        return self._events[0][0] if self._events else None

    def skip_to(self, cycle: int) -> None:
        """The core sleeps until `cycle`."""
        self._idle += max(0, cycle - self.now())
        self._program()

    def run_due(self) -> None:
        """Do everything whose time has come, in order."""
        while True:
            cycle = self.next_event()
            if cycle is None or cycle > self.now():
                break
            event = heapq.heappop(self._events)[2]
            action, event.action = event.action, None
            if action is not None:
                action()
        self._program()

    def stop_soon(self) -> None:
        """Stop the core at its next block, to look at what changed."""
        self._counter.stop_at(0)

    def _program(self) -> None:
        cycle = self.next_event()
        if cycle is None:
            self._counter.stop_at(NEVER)
            return
        instructions = -(-(cycle - self._idle) * self._down // self._up)
        self._counter.stop_at(self._origin + max(instructions, 0))
