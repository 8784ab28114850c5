"""`wakesmith verify` as the command line shows it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from wakesmith.options import BuildFolder


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
        typer.Option(
            metavar="FILE.npy", help="Inputs for a .tflite (default: random); .npz for several."
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed of the random inputs for a .tflite.  [default: 0]"),
    ] = None,
    core: Annotated[
        str | None,
        typer.Option(metavar="CORE", help="Core that runs a .tflite.  [default: cortex-m4]"),
    ] = None,
    board: Annotated[
        str | None,
        typer.Option(metavar="BOARD", help="Board that runs a .tflite, in place of a core alone."),
    ] = None,
    ram: Annotated[
        int | None,
        typer.Option(metavar="BYTES", min=0, help="Most RAM for a .tflite's activations."),
    ] = None,
    out: BuildFolder = None,
) -> None:
    """Prove that back ends agree byte for byte.

    Compares features, every layer and the outputs. When they differ it names the first
    differing layer, element and both values and exits with 1.

    Example:  wakesmith verify examples/digits.toml --clips 200

    Example:  wakesmith verify model.tflite --core cortex-m0 --backends tflm,host,cortex-m
    """
    names = tuple(name.strip() for name in backends.split(",") if name.strip())
    for_models = {
        "--inputs": inputs,
        "--seed": seed,
        "--core": core,
        "--board": board,
        "--ram": ram,
    }
    if target.suffix != ".toml":
        _refuse({"--out": out}, target, "a project")
        if inputs is not None:
            _refuse({"--seed": seed}, "--inputs", "random inputs")
        if board is not None:
            _refuse({"--core": core}, "--board", "a .tflite without --board")

        from firmware.board import load_board
        from wakesmith.bare import board_of
        from wakesmith.verifying import verify_model

        same = verify_model(
            target,
            names,
            count=clips,
            seed=seed or 0,
            inputs=inputs,
            board=board_of(core or "cortex-m4") if board is None else load_board(board),
            ram=ram or 0,
            say=typer.echo,
        )
    else:
        _refuse(for_models, target, "a .tflite")
        from wakesmith.built import verify_project

        same = verify_project(target, names, clips=clips, out=out, say=typer.echo)
    if not same:
        raise typer.Exit(1)


def _refuse(options: Mapping[str, object], received: object, go_with: str) -> None:
    """Refuse options that would do nothing.

    Raises:
        UserError: one of them is given.
    """
    from convert.errors import UserError

    for name, value in options.items():
        if value is not None:
            raise UserError(f"{name} must go with {go_with}. Received: {received}.")
