"""Every command of the command line."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from wakesmith.cli import app


def commands() -> dict[str, Any]:
    """Name, such as "build" or "device info", -> command."""
    found: dict[str, Any] = {}
    left: dict[str, Any] = {"": typer.main.get_command(app)}
    while left:
        name, command = left.popitem()
        if isinstance(command, TyperGroup):
            left |= {f"{name} {inner}".strip(): one for inner, one in command.commands.items()}
        else:
            found[name] = command
    return found
