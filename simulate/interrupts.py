"""Which exception is taken when: the state of the NVIC and of the system exceptions.

Armv7-M ARM (DDI 0403) B1.5.4 "Exception priorities" and B3.4 "Nested Vectored Interrupt
Controller"; Armv6-M (DDI 0419) has the same registers with four priorities. PRIGROUP is taken as 0:
all bits of a priority preempt.
"""

from __future__ import annotations

from collections.abc import Callable

SVCALL, PENDSV, SYSTICK, FIRST = 11, 14, 15, 16
"""Exception numbers; interrupt n is exception 16 + n."""

_FIXED = {2: -2, 3: -1}  # NMI and HardFault

THREAD = 256
"""The priority of code outside exceptions: below all."""

_ISER, _ICER, _ISPR, _ICPR, _IABR, _IPR, _STIR = 0x100, 0x180, 0x200, 0x280, 0x300, 0x400, 0xF00


class Interrupts:
    """Enabled, pending and active exceptions and their priorities.

    Args:
        priority_bits: how many the core has: 2 on Armv6-M, 3 or more else.
        changed: told when something may have to be taken.

    Attributes:
        active: exceptions that have begun and not returned, innermost last.
    """

    def __init__(self, priority_bits: int, changed: Callable[[], None]) -> None:
        self._mask = 0xFF & ~(0xFF >> priority_bits)
        self._changed = changed
        self._enabled: set[int] = set()
        self._pending: set[int] = set()
        self._high: set[int] = set()
        self._priority: dict[int, int] = {}
        self.active: list[int] = []

    def reset(self) -> None:
        """Nothing enabled, pending or active."""
        for state in (self._enabled, self._pending, self._high):
            state.clear()
        self._priority.clear()
        self.active.clear()

    # --- lines ---

    def line(self, interrupt: int, high: bool) -> None:
        """An interrupt line moves; a high line pends until it is low or the handler has begun."""
        number = FIRST + interrupt
        if not high:
            self._high.discard(number)
        elif number not in self._high:
            self._high.add(number)
            self.pend(number)

    def pend(self, number: int, pends: bool = True) -> None:
        """Make an exception pending, or not."""
        if pends:
            self._pending.add(number)
            self._changed()
        else:
            self._pending.discard(number)

    # --- what to do ---

    def priority(self, number: int) -> int:
        """Of an exception; lower is more urgent."""
        return _FIXED.get(number, self._priority.get(number, 0))

    def running(self) -> int:
        """The priority of what runs, masks left aside."""
        return min((self.priority(number) for number in self.active), default=THREAD)

    def candidate(self, below: int) -> int | None:
        """The most urgent exception that is pending, enabled and more urgent than `below`."""
        best: int | None = None
        for number in sorted(self._pending):
            if number >= FIRST and number not in self._enabled:
                continue
            priority = self.priority(number)
            if priority < below:
                best, below = number, priority
        return best

    def begin(self, number: int) -> None:
        """The exception is entered."""
        self._pending.discard(number)
        self.active.append(number)

    def end(self) -> None:
        """The innermost exception returns; a line that is still high pends again."""
        number = self.active.pop()
        if number in self._high:
            self._pending.add(number)

    # --- registers ---

    def state(self) -> int:
        """ICSR (B3.2.4): VECTACTIVE, RETTOBASE, VECTPENDING, and what is pending."""
        pending = self.candidate(THREAD) or 0
        return (
            (self.active[-1] if self.active else 0)
            | (len(self.active) <= 1) << 11
            | pending << 12
            | any(n >= FIRST for n in self._pending) << 22
            | (SYSTICK in self._pending) << 26
            | (PENDSV in self._pending) << 28
        )

    def _bits(self, offset: int, of: set[int] | list[int]) -> int:
        first = FIRST + (offset & 0x7F) * 8
        return sum(1 << (n - first) for n in set(of) if first <= n < first + 32)

    def read(self, offset: int, size: int) -> int:
        """A register of the NVIC, by its offset from 0xE000E000."""
        for base, of in (
            *((_ISER, self._enabled), (_ICER, self._enabled)),
            *((_ISPR, self._pending), (_ICPR, self._pending)),
        ):
            if base <= offset < base + 0x40:
                return self._bits(offset, of)
        if _IABR <= offset < _IABR + 0x40:
            return self._bits(offset, self.active)
        return self.priorities(FIRST + offset - _IPR, size) if offset >= _IPR else 0

    def write(self, offset: int, value: int, size: int) -> None:
        """A register of the NVIC, by its offset from 0xE000E000."""
        first = FIRST + (offset & 0x7F) * 8
        named = {first + bit for bit in range(32) if value >> bit & 1}
        if _ISER <= offset < _ISER + 0x40:
            self._enabled |= named
        elif _ICER <= offset < _ICER + 0x40:
            self._enabled -= named
        elif _ISPR <= offset < _ISPR + 0x40:
            self._pending |= named
        elif _ICPR <= offset < _ICPR + 0x40:
            self._pending -= named - self._high
        elif _IPR <= offset < _IPR + 0x3F0:
            self.set_priorities(FIRST + offset - _IPR, value, size)
        elif offset == _STIR:
            self._pending.add(FIRST + (value & 0x1FF))
        self._changed()

    def priorities(self, first: int, size: int) -> int:
        """The priorities of `size` exceptions from `first` on, one byte each."""
        return sum(self.priority(first + i) << 8 * i for i in range(size))

    def set_priorities(self, first: int, value: int, size: int) -> None:
        """Set them; bits that the core does not have stay 0."""
        for i in range(size):
            self._priority[first + i] = value >> 8 * i & self._mask
        self._changed()
