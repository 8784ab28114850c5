"""The table `[device]` of a `board.toml`: what the simulator puts around the core."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from firmware.errors import FirmwareError

CHIPS = ("mps2", "nrf51", "nrf52840", "rp2040", "rp2350", "stm32f407", "stm32l4r5")
"""Chips whose devices `simulate.devices.chips` models."""


def read_chip(table: Mapping[str, Any] | None, path: Path) -> str:
    """The chip that the table names; "mps2" without a table.

    Args:
        table: the parsed table, or None.
        path: the board.toml, for messages.

    Raises:
        FirmwareError: a key is unknown, or the chip is.
    """
    if table is None:
        return CHIPS[0]
    if not isinstance(table, Mapping) or set(table) != {"chip"} or table["chip"] not in CHIPS:
        raise FirmwareError(
            f"{path} must give device.chip as one of {', '.join(CHIPS)}, and nothing else in that "
            f"table. Received: {table!r}."
        )
    return str(table["chip"])
