"""`wakesmith compile` as the command line shows it; `wakesmith.exporting.bare` does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import Force, Ram


def compile_model(
    model: Annotated[
        Path, typer.Argument(metavar="MODEL.tflite", help="An int8 model.", show_default=False)
    ],
    core: Annotated[
        str, typer.Option(metavar="CORE", help="Core to take the kernels for.")
    ] = "cortex-m4",
    name: Annotated[str, typer.Option(help="What names in C begin with.")] = "model",
    ram: Ram = 0,
    to: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where to write it.  [default: <model>-c]")
    ] = None,
    force: Force = False,
) -> None:
    """Turn any int8 .tflite into C for a core.

    The model's layers, the kernels that they call, a program that checks them on stored inputs, and
    a CMakeLists.txt. `bench` counts what the result costs, `verify` proves it.

    Example:  wakesmith compile model.tflite --core cortex-m0 --to model-c
    """
    from wakesmith.exporting.bare import compile_model as write

    write(model, core=core, name=name, ram=ram, folder=to, force=force, say=typer.echo)
