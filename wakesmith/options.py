"""Arguments and options that several commands have, the same in all of them.

What is built from a project file takes that file as its argument; a command about a recording takes
the recording, and the project with --project. --out is the build folder everywhere; what a
command writes elsewhere goes to --to.
"""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Compiler(str, Enum):
    """Compilers for the firmware."""

    zig = "zig"
    gcc = "gcc"


ProjectFile = Annotated[
    Path, typer.Argument(metavar="PROJECT.toml", help="The project file.", show_default=False)
]
SoundProject = Annotated[
    Path | None,
    typer.Option(
        "--project",
        "-p",
        metavar="PROJECT.toml",
        help="A built project.  [default: the only project file in this folder]",
    ),
]
BuildFolder = Annotated[
    Path | None,
    typer.Option("--out", metavar="FOLDER", help="Build folder.  [default: build/<project name>]"),
]
Jobs = Annotated[
    int, typer.Option(min=0, help="Worker processes for speech; 0 means one per core.")
]
Force = Annotated[
    bool, typer.Option("--force", help="Replace what this command wrote there before.")
]

Ram = Annotated[
    int,
    typer.Option(
        metavar="BYTES",
        min=0,
        help="Most RAM for activations; layers run in stripes where that is needed.",
    ),
]
"""How large a model's arena may be; 0 is no limit."""
