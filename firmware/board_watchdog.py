"""The table `[watchdog]` of a board description."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.errors import FirmwareError


@dataclass(frozen=True)
class WatchdogSpec:
    """A watchdog: where its registers are, and how many of its ticks pass before it expires."""

    base: int
    clock_hz: int
    timeout_ms: int

    def defines(self) -> tuple[str, ...]:
        """What the board's C is told."""
        ticks = self.clock_hz * self.timeout_ms // 1000
        return (f"WS_WATCHDOG=0x{self.base:08x}u", f"WS_WATCHDOG_TICKS={ticks}u")


def read_watchdog(table: Any, path: Path) -> WatchdogSpec | None:
    """The table as `board.toml` gives it; None where there is none.

    Raises:
        FirmwareError: a key is missing, unknown or not a positive integer.
    """
    if table is None:
        return None
    keys = ("base", "clock_hz", "timeout_ms")
    whole = isinstance(table, dict) and set(table) == set(keys)
    if not whole or not all(type(table[key]) is int and table[key] > 0 for key in keys):
        raise FirmwareError(
            f"{path} must give [watchdog] as {', '.join(keys)}, each a positive integer. "
            f"Received: {table!r}."
        )
    spec = WatchdogSpec(**table)
    if not 0 < spec.clock_hz * spec.timeout_ms // 1000 < 1 << 32:
        raise FirmwareError(
            f"{path} must give a watchdog.timeout_ms of 1 to 2^32 - 1 ticks. "
            f"Received: {spec.timeout_ms} ms at {spec.clock_hz} Hz."
        )
    return spec
