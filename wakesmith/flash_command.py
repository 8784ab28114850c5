"""`wakesmith flash` as the command line shows it; what it does is in `wakesmith.flashing`."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import BuildFolder


class Method(str, Enum):
    """Ways into a board's flash."""

    pyocd = "pyocd"
    uf2 = "uf2"
    openocd = "openocd"


def flash(
    target: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PROJECT.toml|IMAGE]",
            help="A built project, or an .elf, .hex, .bin or .uf2.",
            show_default=False,
        ),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="BOARD", help="Board to flash.  [default: the project's]"),
    ] = None,
    probe: Annotated[
        str | None,
        typer.Option(metavar="SERIAL", help="Debug probe, by its serial number or a part of it."),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(help="How to write; each board has a usual way.", show_default=False),
    ] = None,
    drive: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="The bootloader's drive, if it is not found."),
    ] = None,
    unlock: Annotated[
        bool, typer.Option("--unlock", help="Erase a protected chip completely to get in.")
    ] = False,
    show: Annotated[
        bool, typer.Option("--list", help="List debug probes and bootloaders, and end.")
    ] = False,
    out: BuildFolder = None,
) -> None:
    """Write firmware into a board, verify it and start it.

    Looks at the chip before anything is erased. pyocd writes through a debug probe (pip
    install 'wakesmith[flash]'), uf2 copies to the drive that a bootloader shows, openocd
    runs the program of that name. docs/FLASHING.md says what each board needs.

    Example:  wakesmith flash commands.toml

    Example:  wakesmith flash --board nrf52840dk --probe 683 build/commands/firmware.hex

    Example:  wakesmith flash --list
    """
    from convert.errors import UserError
    from wakesmith.flashing import flash_board, show_probes

    if show:
        show_probes(typer.echo)
        return
    if target is None:
        raise UserError(
            "There must be something to flash. Received: neither a project nor an image. "
            "Example: wakesmith flash commands.toml."
        )
    flash_board(
        target,
        board=board,
        method=method.value if method else None,
        probe=probe,
        drive=drive,
        unlock=unlock,
        out=out,
        say=typer.echo,
    )
