"""The table `[flash]` of a `board.toml`: how an image gets into the board's flash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from firmware.errors import FirmwareError

METHODS = ("pyocd", "uf2", "openocd", "none")
_WORD = 0xFFFF_FFFF


@dataclass(frozen=True)
class Identity:
    """A word by which the chip is known: `(word at address) & mask == value`."""

    address: int
    mask: int
    value: int


@dataclass(frozen=True)
class FlashSpec:
    """How a board is flashed.

    Attributes:
        method: what `wakesmith flash` does unless told: "pyocd", "uf2" (copying to the drive that
            the bootloader shows), "openocd", or "none" for boards that exist in emulators only.
        target: pyOCD's name of the chip, "" where pyOCD cannot flash the board.
        openocd: OpenOCD's configuration files (they end in .cfg) and commands between them, in
            order, () where it cannot.
        family: UF2 family id from Microsoft's list (uf2families.json), 0 where there is no UF2.
        drives: what the Board-ID in INFO_UF2.TXT begins with.
        base: where the image must begin; the board's flash begins there or before, for
            a bootloader.
        identity: how the chip is told from others before it is erased, None to look only at the
            core.
    """

    method: str = "none"
    target: str = ""
    openocd: tuple[str, ...] = ()
    family: int = 0
    drives: tuple[str, ...] = ()
    base: int = 0
    identity: Identity | None = None

    def methods(self) -> tuple[str, ...]:
        """Methods that the board knows, the usual one first."""
        known = {
            "pyocd": bool(self.target),
            "uf2": bool(self.family),
            "openocd": bool(self.openocd),
        }
        rest = tuple(name for name, there in known.items() if there and name != self.method)
        return rest if self.method == "none" else (self.method, *rest)


def read_flash(table: Mapping[str, Any] | None, path: Path, flash_origin: int) -> FlashSpec:
    """The table as an object; without one, the board cannot be flashed.

    Args:
        table: the parsed table, or None.
        path: the board.toml, for messages.
        flash_origin: where the board's flash begins: the base unless the table gives one.

    Raises:
        FirmwareError: a key is unknown, of the wrong type, or missing for the method.
    """
    if table is None:
        return FlashSpec(base=flash_origin)
    if not isinstance(table, Mapping):
        raise FirmwareError(f"{path} must give flash as a table. Received: {table!r}.")
    known = ("method", "target", "openocd", "family", "drives", "base", "identity")
    for key in table:
        if key not in known:
            raise FirmwareError(
                f"{path} must give only {', '.join(known)} in flash. Received: {key!r}."
            )
    method = table.get("method")
    if method not in METHODS:
        raise FirmwareError(
            f"{path} must give flash.method as one of {', '.join(METHODS)}. Received: {method!r}."
        )
    spec = FlashSpec(
        method=method,
        target=_text(table.get("target", ""), "target", path),
        openocd=_texts(table.get("openocd", []), "openocd", path),
        family=_word(table.get("family", 0), "family", path),
        drives=_texts(table.get("drives", []), "drives", path),
        base=_word(table.get("base", flash_origin), "base", path),
        identity=_identity(table.get("identity"), path),
    )
    needs = {"pyocd": spec.target, "uf2": spec.family and spec.drives, "openocd": spec.openocd}
    if method != "none" and not needs[method]:
        key = {"pyocd": "target", "uf2": "family and flash.drives", "openocd": "openocd"}[method]
        raise FirmwareError(
            f"{path} must give flash.{key} for the method {method}. Received: none."
        )
    return spec


def _text(value: object, key: str, path: Path) -> str:
    if not isinstance(value, str):
        raise FirmwareError(f"{path} must give flash.{key} as text. Received: {value!r}.")
    return value


def _texts(value: object, key: str, path: Path) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise FirmwareError(
            f"{path} must give flash.{key} as a list of texts. Received: {value!r}."
        )
    return tuple(value)


def _word(value: object, key: str, path: Path) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _WORD:
        raise FirmwareError(f"{path} must give flash.{key} as 32 bits. Received: {value!r}.")
    return value


def _identity(value: object, path: Path) -> Identity | None:
    if value is None:
        return None
    keys = ("address", "mask", "value")
    if not isinstance(value, Mapping) or set(value) != set(keys):
        raise FirmwareError(
            f"{path} must give flash.identity as a table of {', '.join(keys)}. Received: {value!r}."
        )
    return Identity(*(_word(value[key], f"identity.{key}", path) for key in keys))
