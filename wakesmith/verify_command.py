"""`wakesmith verify` as the command line shows it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def verify(
    target: Annotated[
        Path,
        typer.Argument(
            metavar="PROJECT.toml|MODEL.tflite",
            help="A built project, or any int8 .tflite.",
            show_default=False,
        ),
    ],
    backends: Annotated[
        str, typer.Option(metavar="LIST", help="Any of reference,tflm,host,cortex-m.")
    ] = "reference,tflm,host,cortex-m",
    clips: Annotated[int, typer.Option(min=1, help="Test clips, or random inputs.")] = 200,
    inputs: Annotated[
        Path | None,
        typer.Option(metavar="FILE.npy", help="Inputs for a .tflite (default: random)."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the random inputs.")] = 0,
    core: Annotated[
        str, typer.Option(metavar="CORE", help="Core that runs a .tflite.")
    ] = "cortex-m4",
    board: Annotated[
        str | None, typer.Option(help="Board that runs a .tflite, in place of a core alone.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Build folder.  [default: build/<project name>]"),
    ] = None,
) -> None:
    """Prove that back ends agree byte for byte.

    Compares features, every layer and the outputs. When they differ it names the first
    differing layer, element and both values and exits with 1.

    Example:  wakesmith verify examples/digits.toml --clips 200

    Example:  wakesmith verify model.tflite --core cortex-m0 --backends tflm,host,cortex-m
    """
    names = tuple(name.strip() for name in backends.split(",") if name.strip())
    if target.suffix == ".tflite":
        from firmware.board import load_board
        from wakesmith.bare import board_of
        from wakesmith.verifying import verify_model

        same = verify_model(
            target,
            names,
            count=clips,
            seed=seed,
            inputs=inputs,
            board=board_of(core) if board is None else load_board(board),
            say=typer.echo,
        )
    else:
        from wakesmith.built import verify_project

        same = verify_project(target, names, clips=clips, out=out, say=typer.echo)
    if not same:
        raise typer.Exit(1)
