"""nRF52840: clock control, watchdog, GPIO and timers (Product Specification v1.7)."""

from __future__ import annotations

from collections.abc import Collection

from simulate.devices.clock import Event
from simulate.devices.device import Device, DeviceError, Surroundings
from simulate.devices.nrf import NrfPeripheral, Ppi


class NrfClock(NrfPeripheral):
    """CLOCK and POWER, 5.4 and 5.3, which share one block: the high-frequency crystal."""

    _START, _STOP, _STARTED = 0x000, 0x004, 0x100
    _RUN, _STATUS, _REASON = 0x408, 0x40C, 0x400
    _STARTUP_US = 360  # 5.4.4.3: typical start-up of the 32 MHz crystal

    def __init__(self, around: Surroundings, ppi: Ppi) -> None:
        registers = {self._RUN: 0, self._STATUS: 0, self._REASON: 0}
        super().__init__(around, ppi, 0x4000_0000, 0, registers, (self._STARTED,))

    @property
    def crystal(self) -> bool:
        """True when the crystal runs, which the PDM needs to be on time."""
        return self.values[self._STATUS] == 0x10001

    def tasks(self) -> Collection[int]:
        """HFCLKSTART and HFCLKSTOP."""
        return (self._START, self._STOP)

    def task(self, offset: int) -> None:
        """Start, which takes a while, or stop."""
        self.values[self._RUN] = int(offset == self._START)
        if offset == self._START:
            clock = self.around.clock
            clock.after(clock.cycles(self._STARTUP_US, 1_000_000), self._started)
        else:
            self.values[self._STATUS] = 0

    def _started(self) -> None:
        if self.values[self._RUN]:
            self.values[self._STATUS] = 0x10001  # SRC crystal, STATE running
            self.happen(self._STARTED)


class NrfTimer(NrfPeripheral):
    """TIMER, 6.30: counts 16 MHz / 2^PRESCALER, or what PPI tells it to. 32 bits wide."""

    _START, _STOP, _COUNT, _CLEAR, _CAPTURE = 0x000, 0x004, 0x008, 0x00C, 0x040
    _COMPARE, _MODE, _BITMODE, _PRESCALER, _CC = 0x140, 0x504, 0x508, 0x510, 0x540
    _CHANNELS = 4

    def __init__(self, around: Surroundings, ppi: Ppi, base: int, interrupt: int) -> None:
        registers = {self._MODE: 0, self._BITMODE: 0, self._PRESCALER: 4}
        registers |= {self._CC + 4 * i: 0 for i in range(self._CHANNELS)}
        events = tuple(self._COMPARE + 4 * i for i in range(self._CHANNELS))
        super().__init__(around, ppi, base, interrupt, registers, events)
        self._count = 0
        self._since: int | None = None
        self._wakes: list[Event] = []

    def reset(self) -> None:
        """Stopped, at 0."""
        super().reset()
        self._count, self._since = 0, None
        self._wakes = []

    def tasks(self) -> Collection[int]:
        """START, STOP, COUNT, CLEAR and CAPTURE."""
        captures = (self._CAPTURE + 4 * i for i in range(self._CHANNELS))
        return (self._START, self._STOP, self._COUNT, self._CLEAR, *captures)

    @property
    def _period(self) -> int:
        """Core cycles in one count."""
        return (self.around.clock.hz // 16_000_000) << self.values[self._PRESCALER]

    def _now(self) -> int:
        passed = 0
        if self._since is not None and self.values[self._MODE] == 0:
            passed = (self.around.clock.now() - self._since) // self._period
        return (self._count + passed) & 0xFFFFFFFF

    def task(self, offset: int) -> None:
        """Start, stop, count one, clear or capture."""
        if offset >= self._CAPTURE:
            self.values[self._CC + offset - self._CAPTURE] = self._now()
            return
        if offset == self._COUNT:
            if self.values[self._MODE] == 0:
                raise DeviceError("TIMER counts events in counter mode only (MODE)")
            if self._since is not None:
                self._count = (self._count + 1) & 0xFFFFFFFF
            return
        self._count = 0 if offset == self._CLEAR else self._now()
        if offset == self._STOP:
            self._since = None
        elif offset == self._START or self._since is not None:
            if self.values[self._BITMODE] != 3:
                raise DeviceError("TIMER is modelled with 32 bits only (BITMODE)")
            self._since = self.around.clock.now()
        self._plan()

    def written(self, offset: int) -> None:
        """CC decides on when something happens."""
        self._plan()

    def _plan(self) -> None:
        for event in self._wakes:
            event.cancel()
        self._wakes = []
        if self._since is None or self.values[self._MODE] != 0:
            return
        for channel in range(self._CHANNELS):
            left = self.values[self._CC + 4 * channel] - self._count
            if left > 0:
                cycle = self._since + left * self._period
                if cycle > self.around.clock.now():
                    self._wakes.append(
                        self.around.clock.at(cycle, lambda c=channel: self._match(c))  # type: ignore[misc]
                    )

    def _match(self, channel: int) -> None:
        if self.short(channel):  # COMPARE[n]_CLEAR
            assert self._since is not None
            self._since += (self.values[self._CC + 4 * channel] - self._count) * self._period
            self._count = 0
            self._plan()
        self.happen(self._COMPARE + 4 * channel)


class NrfWatchdog(NrfPeripheral):
    """WDT, 6.36: counts 32.768 kHz down from CRV; only reload register 0 is used."""

    _START, _TIMEOUT, _RUNNING = 0x000, 0x100, 0x400
    _CRV, _RREN, _CONFIG, _RR = 0x504, 0x508, 0x50C, 0x600
    _KEY = 0x6E52_4635

    def __init__(self, around: Surroundings, ppi: Ppi) -> None:
        registers = {self._CRV: 0xFFFFFFFF, self._RREN: 1, self._CONFIG: 1, self._RR: 0}
        registers[self._RUNNING] = 0
        super().__init__(around, ppi, 0x4001_0000, 16, registers, (self._TIMEOUT,))
        self._end: Event | None = None

    def reset(self) -> None:
        """Off; only a reset switches it off."""
        super().reset()
        self._end = None

    def tasks(self) -> Collection[int]:
        """START."""
        return (self._START,)

    def task(self, offset: int) -> None:
        """Start; CRV and CONFIG cannot be changed any more."""
        self.values[self._RUNNING] = 1
        self._reload()

    def written(self, offset: int) -> None:
        """Reload with the key."""
        if offset == self._RR:
            if self.values[self._RR] == self._KEY and self.values[self._RUNNING]:
                self._reload()
        elif self.values[self._RUNNING]:
            raise DeviceError("WDT must be set up before it is started")

    def _reload(self) -> None:
        if self._end is not None:
            self._end.cancel()
        clock = self.around.clock
        cycles = clock.cycles(self.values[self._CRV] + 1, 32_768)
        self._end = clock.after(cycles, lambda: self.around.reset("the watchdog was not fed"))


class NrfGpio(Device):
    """P0 and P1, 6.9, as outputs.

    Attributes:
        levels: of the 48 pins, bit by bit; P1 follows P0.
    """

    _OUT, _OUTSET, _OUTCLR, _DIR, _DIRSET, _DIRCLR = 0x504, 0x508, 0x50C, 0x514, 0x518, 0x51C
    _PORT = 0x300

    def __init__(self) -> None:
        self.levels = self.directions = 0
        self._pins: dict[int, int] = {}

    def reset(self) -> None:
        """All inputs, all low."""
        self.levels = self.directions = 0
        self._pins = {}

    def _place(self, offset: int) -> tuple[int, int]:
        port = int(offset >= self._OUT + self._PORT)
        return offset - port * self._PORT, 32 * port

    def read(self, offset: int, size: int) -> int:
        """OUT, DIR and their other forms, PIN_CNF."""
        place, shift = self._place(offset)
        if place in (self._OUT, self._OUTSET, self._OUTCLR):
            return self.levels >> shift & 0xFFFFFFFF
        if place in (self._DIR, self._DIRSET, self._DIRCLR):
            return self.directions >> shift & 0xFFFFFFFF
        if offset in self._pins:
            return self._pins[offset]
        return super().read(offset, size)

    def write(self, offset: int, value: int, size: int) -> None:
        """OUT, DIR and their other forms; PIN_CNF (bit 0 is the direction)."""
        place, shift = self._place(offset)
        bits, all_of = value << shift, 0xFFFFFFFF << shift
        if place == self._OUT:
            self.levels = self.levels & ~all_of | bits
        elif place == self._OUTSET:
            self.levels |= bits
        elif place == self._OUTCLR:
            self.levels &= ~bits
        elif place == self._DIR:
            self.directions = self.directions & ~all_of | bits
        elif place == self._DIRSET:
            self.directions |= bits
        elif place == self._DIRCLR:
            self.directions &= ~bits
        elif 0x700 <= place < 0x780:
            self._pins[offset] = value
            pin = 1 << shift + (place - 0x700) // 4
            self.directions = self.directions | pin if value & 1 else self.directions & ~pin
        else:
            super().write(offset, value, size)
