"""Firmware from generated files: the whole application, or a bare model to run in an emulator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from firmware.board import Board
from firmware.build import NOTHING, Compiler, Link, Optimize, build
from firmware.errors import FirmwareError
from firmware.hostbuild import FIRMWARE_DIR, KERNEL_DIR, Source, kernel_sources
from firmware.image import Image

_NAME_MAX = 64


def build_application(
    model: Mapping[str, Source],
    frontend: Mapping[str, Source],
    board: Board,
    *,
    listening: Mapping[str, Source],
    out_dir: Path,
    name: str = "firmware",
    title: str = "wakesmith",
    kernels: Iterable[str] | None = None,
    compiler: Compiler = "zig",
    optimize: Optimize | None = None,
) -> Image:
    """Sound in, label out: application, front-end, kernels and one model.

    Args:
        model: `GeneratedModel.files` of a model whose prefix is "model".
        frontend: `convert.emit_frontend.emit_frontend(fe)`.
        board: what to build for.
        listening: `simulate.listening.listening_sources`: detector settings and self-test.
        out_dir: where the files go.
        name: stem of the files.
        title: what the firmware calls itself at start.
        kernels: `GeneratedModel.kernels`; all of them unless told.
        compiler: as for `firmware.build.build`.
        optimize: as for `firmware.build.build`.

    Raises:
        FirmwareError: as for `firmware.build.build`.
    """
    return build_listening(
        {**_folder("runtime"), **_kernels(kernels), **_model(model)},
        frontend,
        board,
        listening=listening,
        runtime_name="c",
        compiler=compiler,
        out_dir=out_dir,
        name=name,
        title=title,
        optimize=optimize,
    )


def build_listening(
    runtime: Mapping[str, Source],
    frontend: Mapping[str, Source],
    board: Board,
    *,
    listening: Mapping[str, Source],
    runtime_name: str,
    compiler: Compiler,
    out_dir: Path,
    name: str,
    title: str,
    optimize: Optimize | None = None,
    link: Link = NOTHING,
) -> Image:
    """The application around any runtime.

    Args:
        runtime: implements ws_runtime.h, together with what is in `link`.
        frontend: as for `build_application`.
        board: what to build for.
        listening: as for `build_application`.
        runtime_name: what the firmware calls its runtime.
        compiler: as for `firmware.build.build`.
        out_dir: where the files go.
        name: stem of the files.
        title: what the firmware calls itself at start.
        optimize: as for `firmware.build.build`.
        link: as for `firmware.build.build`.

    Raises:
        FirmwareError: as for `firmware.build.build`.
    """
    if not title.isprintable() or not 0 < len(title) <= _NAME_MAX:
        raise FirmwareError(
            f"The firmware's name must be 1 to {_NAME_MAX} printable characters. "
            f"Received: {title!r}."
        )
    quoted = title.replace("\\", "\\\\").replace('"', '\\"')
    return build(
        {**_folder("frontend"), **_folder("app"), **frontend, **listening, **runtime},
        board,
        compiler=compiler,
        out_dir=out_dir,
        name=name,
        optimize=optimize,
        defines=(f'WS_APP_NAME="{quoted}"', f'WS_RUNTIME_NAME="{runtime_name}"'),
        link=link,
    )


def build_bare(
    model: Mapping[str, Source],
    board: Board,
    *,
    out_dir: Path,
    name: str = "model",
    kernels: Iterable[str] | None = None,
    compiler: Compiler = "zig",
    optimize: Optimize | None = None,
) -> Image:
    """One model and the kernels, for models that do not listen; arguments as above.

    Raises:
        FirmwareError: as for `firmware.build.build`.
    """
    sources = {**_folder("bare"), **_kernels(kernels), **_model(model)}
    return build(sources, board, compiler=compiler, out_dir=out_dir, name=name, optimize=optimize)


def _folder(name: str) -> dict[str, Source]:
    return {path.name: path for path in sorted((FIRMWARE_DIR / name).glob("*.[ch]"))}


def _kernels(names: Iterable[str] | None) -> dict[str, Source]:
    if names is None:
        return kernel_sources()
    return {name: KERNEL_DIR / name for name in sorted(names)}


def _model(files: Mapping[str, Source]) -> dict[str, Source]:
    if "model.h" not in files:
        raise FirmwareError(
            f"The generated model must have the prefix `model`. Received: {', '.join(files)}."
        )
    return dict(files)
