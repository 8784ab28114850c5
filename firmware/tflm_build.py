"""Firmware whose model runs on TFLite Micro: the same application, another runtime behind it.

TFLite Micro's sources are neither carried nor compiled here: the C++ in `firmware/tflm` is compiled
against the headers of a tree that the user names, and linked with the library that was built there.
C++ needs the headers and libraries that come with `arm-none-eabi-gcc` (newlib, libstdc++).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from firmware.application import build_listening
from firmware.board import Board
from firmware.build import CORTEXM_DIR, Link, build
from firmware.errors import FirmwareError
from firmware.hostbuild import FIRMWARE_DIR, INCLUDE_DIR, WARNINGS, Source
from firmware.image import Image
from firmware.tflm_tree import PROVEN_COMMIT, TflmLibrary

TFLM_DIR = FIRMWARE_DIR / "tflm"
ARENA_LIMIT = "ws_tflm_arena_limit"
"""Symbol of a word in flash, in trial images only: bytes of arena that the interpreter may use."""

_HARNESS = "ws_runtime_tflm.cc"
_BOARD_H = CORTEXM_DIR / "include" / "ws_board.h"
_GXX = "arm-none-eabi-g++"
_TIMEOUT_S = 600
_FLAGS = (
    "-std=c++17",
    "-Os",
    "-g0",
    "-fno-rtti",
    "-fno-exceptions",
    "-fno-threadsafe-statics",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-ffile-prefix-map=.=",
    *WARNINGS,
)
# The small variants of newlib and libstdc++; libgcc follows by itself.
_NAMES = ("-lstdc++_nano", "-lm", "-lc_nano")


def build_tflm_application(
    model: Mapping[str, Source],
    frontend: Mapping[str, Source],
    board: Board,
    library: TflmLibrary,
    *,
    listening: Mapping[str, Source],
    out_dir: Path,
    name: str = "firmware",
    title: str = "wakesmith",
) -> Image:
    """Sound in, label out, with TFLite Micro as runtime.

    Args:
        model: `convert.emit_tflm.emit_tflm`.
        frontend: `convert.emit_frontend.emit_frontend(fe)`.
        board: what to build for.
        library: `find_library` for the board's core.
        listening: `simulate.listening.listening_sources`: detector settings and self-test.
        out_dir: where the files go.
        name: stem of the files.
        title: what the firmware calls itself at start.

    Raises:
        FirmwareError: as for `firmware.build.build`; the harness does not compile against the
            library's headers.
    """
    with _harness(model, board, library, ()) as link:
        image = build_listening(
            {**_hosted(), **_c_files(model)},
            frontend,
            board,
            listening=listening,
            runtime_name="tflm",
            out_dir=out_dir,
            name=name,
            title=title,
            compiler="gcc",
            link=link,
        )
    return _without_constructors(image)


def build_tflm_bare(
    model: Mapping[str, Source],
    board: Board,
    library: TflmLibrary,
    *,
    out_dir: Path,
    name: str = "model",
    trial: bool = False,
) -> Image:
    """One model that does not listen: inputs and outputs go over the console (tflm/main.c).

    Args:
        model: as for `build_tflm_application`; a main.c among it is taken in place of ours.
        board: what to build for.
        library: of the board's core.
        out_dir: where the files go.
        name: stem of the files.
        trial: let an emulator choose how much of the arena is used, through `ARENA_LIMIT`.

    Raises:
        FirmwareError: as for `build_tflm_application`.
    """
    defines = ("WS_TFLM_TRIAL",) if trial else ()
    sources: dict[str, Source] = {
        **_hosted(),
        "main.c": TFLM_DIR / "main.c",
        "ws_commands.h": TFLM_DIR / "ws_commands.h",
        **_c_files(model),
    }
    with _harness(model, board, library, defines) as link:
        image = build(sources, board, compiler="gcc", out_dir=out_dir, name=name, link=link)
    return _without_constructors(image)


def _without_constructors(image: Image) -> Image:
    """The image, unless C++ objects in it would have to be built before main, which nobody does.

    Raises:
        FirmwareError: there are such objects.
    """
    for section in image.sections:
        if section.name.startswith((".init_array", ".preinit_array", ".ctors")):
            raise FirmwareError(
                "The library of TFLite Micro must need nothing to be done before main. Received: "
                f"{section.size} bytes of {section.name}. It is known to work with commit "
                f"{PROVEN_COMMIT[:12]}."
            )
    return image


def _hosted() -> dict[str, Source]:
    return {name: TFLM_DIR / name for name in ("ws_hosted.c", "ws_tflm.h")}


def _c_files(model: Mapping[str, Source]) -> dict[str, Source]:
    """What is compiled as C; the op resolver is C++."""
    return {name: source for name, source in model.items() if not name.endswith("_ops.h")}


@contextmanager
def _harness(
    model: Mapping[str, Source], board: Board, library: TflmLibrary, defines: Sequence[str]
) -> Iterator[Link]:
    """Compile the C++; what to link, while the block lasts.

    Raises:
        FirmwareError: there is no C++ compiler, or it refuses.
    """
    program = shutil.which(_GXX)
    if program is None:
        raise FirmwareError(
            f"The TFLite Micro runtime needs {_GXX} on PATH. Received: none. "
            "Install it, or choose the runtime c."
        )
    with tempfile.TemporaryDirectory(prefix="wakesmith") as folder:
        home = Path(folder)
        for name, source in model.items():
            if name.endswith(".h"):
                text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
                (home / name).write_text(text, encoding="utf-8")
        # One header of CORTEXM_DIR alone: its string.h is not for C++.
        for path in (TFLM_DIR / _HARNESS, TFLM_DIR / "ws_tflm.h", _BOARD_H):
            (home / path.name).write_bytes(path.read_bytes())
        command = [
            program,
            *_FLAGS,
            *board.core.gcc_flags,
            *(f"-D{define}" for define in (*library.defines, *defines)),
            *("-I.", f"-I{INCLUDE_DIR}"),
            *(part for path in library.includes for part in ("-isystem", str(path))),
            *("-c", _HARNESS, "-o", "harness.o"),
        ]
        _run(command, home, library)
        yield Link(
            objects=(home / "harness.o",), libraries=(library.archive.resolve(),), names=_NAMES
        )


def _run(command: Sequence[str], home: Path, library: TflmLibrary) -> None:
    try:
        done = subprocess.run(
            command, cwd=home, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FirmwareError(
            f"Compiling must end within {_TIMEOUT_S} s. Received: {_HARNESS}, which took longer."
        ) from error
    if done.returncode != 0:
        first = re.search(r"^.*(?:error|warning): .*$", done.stderr, re.MULTILINE)
        words = first.group(0) if first else done.stderr.strip()
        raise FirmwareError(
            f"The TFLite Micro runtime must compile against the headers in {library.tree}. "
            f"Received: {words.strip().rstrip('.')}. "
            f"It is known to work with commit {PROVEN_COMMIT[:12]}."
        )
