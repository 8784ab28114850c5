"""Compile and link firmware for a board.

The default compiler is the clang inside the `ziglang` wheel; `arm-none-eabi-gcc` is used when asked
for. The same sources give the same ELF byte for byte, whatever the folder and the time: everything
is compiled under relative names, without debug information and build identifiers.
"""

from __future__ import annotations

import dataclasses
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firmware.board import Board
from firmware.errors import FirmwareError
from firmware.fitting import ImageTooLargeError, Need, shares
from firmware.hostbuild import (
    FIRMWARE_DIR,
    INCLUDE_DIR,
    WARNINGS,
    Source,
    cache_dir,
    cache_key,
    compiler_identity,
    locked,
)
from firmware.image import Image, write_image


@dataclass(frozen=True)
class Link:
    """What is linked beside the C sources: C++ that was compiled before, and its libraries.

    Attributes:
        objects: object files.
        libraries: archives, searched in this order, before the compiler's own.
        names: of libraries that the compiler finds by itself, in the linker's words ("-lm").
    """

    objects: tuple[Path, ...] = ()
    libraries: tuple[Path, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def files(self) -> tuple[Path, ...]:
        """All that decides what is linked."""
        return (*self.objects, *self.libraries)

    @property
    def arguments(self) -> tuple[str, ...]:
        """For the linker, behind the sources."""
        return (*(str(path) for path in self.files), *self.names)


Compiler = Literal["zig", "gcc"]
Optimize = Literal["O2", "Os"]

# Measured on the reference kernels, Cortex-M4: clang's -Os takes 14 % fewer instructions than its
# -O2 (MLPerf keyword spotting 25.1 against 29.1 million), which unrolls itself out of registers,
# and half the code. GCC's -Os takes half as many again as its -O2.
DEFAULT_OPTIMIZE: dict[Compiler, Optimize] = {"zig": "Os", "gcc": "O2"}

NOTHING = Link()
CORTEXM_DIR = FIRMWARE_DIR / "cortexm"
_GCC = "arm-none-eabi-gcc"
_TIMEOUT_S = 600
_ROOMY = 1 << 26  # bytes

# Hosted, although there is no C library: a freestanding clang turns a four-byte memcpy into a call
# instead of one load. Frame pointers would cost a register in every kernel.
_FLAGS = (
    "-std=c99",
    "-fhosted",
    "-g0",
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-fno-unwind-tables",
    "-fno-asynchronous-unwind-tables",
    "-fno-stack-protector",
    "-fno-common",
    "-ffp-contract=off",
    "-ffile-prefix-map=.=",
    *WARNINGS,
    "-nostdlib",
    "-Wl,--gc-sections",
    "-Wl,--build-id=none",
    "-Wl,-z,max-page-size=4096",
)


def build(
    sources: Mapping[str, Source],
    board: Board,
    *,
    compiler: Compiler = "zig",
    out_dir: Path,
    name: str,
    optimize: Optimize | None = None,
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
    keep: Sequence[str] = (),
    link: Link = NOTHING,
) -> Image:
    """Build one image; start-up, fault handlers and the board's own code are added.

    Args:
        sources: file name -> text or path, headers too; one of the C files has `main`.
        board: what to build for.
        compiler: zig (from pip) or gcc (`arm-none-eabi-gcc`, which must be installed).
        out_dir: where `name`.elf, .bin and .hex go.
        name: stem of the files.
        optimize: what takes fewest instructions (`DEFAULT_OPTIMIZE`) unless told.
        defines: preprocessor definitions, `"NAME"` or `"NAME=value"`.
        include: more folders with headers; `firmware/include` is always searched.
        keep: functions that the linker must not drop although nothing in the image calls them.
        link: objects and libraries that are linked, too.

    Raises:
        ImageTooLargeError: the image does not fit the board's memory.
        FirmwareError: the compiler is missing or refuses the sources.
    """
    command = _command(compiler)
    optimize = optimize or DEFAULT_OPTIMIZE[compiler]
    joined: dict[str, Source] = {
        **{p.name: p for p in sorted(CORTEXM_DIR.glob("*.c"))},
        **board.sources(),
        **sources,
    }
    folders = (CORTEXM_DIR / "include", INCLUDE_DIR, *include)
    options = [
        f"-{optimize}",
        *_FLAGS,
        *_target_flags(board, compiler, optimize),
        f"-DWS_BOARD_NAME={_c_string(board.name)}",
        f"-DWS_CLOCK_HZ={board.clock_hz}u",
        f"-DWS_CONSOLE_UART=0x{board.console_uart:08x}u",
        f"-DWS_INTERRUPT_COUNT={board.interrupt_count}u",
        *(f"-D{define}" for define in (board.watchdog.defines() if board.watchdog else ())),
        *(f"-D{define}" for define in defines),
        *(f"-Wl,-u,{symbol}" for symbol in keep),
    ]
    identity = compiler_identity("zig" if compiler == "zig" else "gcc", command)
    inputs = {**joined, **{f"link {path.name}": path for path in link.files}}

    def linked(where: Board) -> bytes:
        script = linker_script(where)
        settings = [*options, script, *link.names]
        home = cache_dir() / "cross" / cache_key(identity, settings, inputs, folders)
        product = home / "image.elf"
        try:
            with locked(home):
                if not product.exists():
                    _compile(command, options, joined, folders, script, home, where, compiler, link)
                return product.read_bytes()
        except OSError as error:
            raise FirmwareError(
                f"The cache folder {home.parent} must be writable. "
                f"Received: {error.strerror or error}. "
                "Free some space, or name another folder in WAKESMITH_CACHE."
            ) from error

    try:
        data = linked(board)
    except _Overflow as overflow:
        found = shares(linked(_with_room(board)), joined)
        raise ImageTooLargeError(board, overflow.needs, found) from None
    return write_image(data, board, out_dir, name)


class _Overflow(FirmwareError):  # noqa: N818 (the linker's word)
    """The linker found a memory too small."""

    def __init__(self, board: Board, needs: tuple[Need, ...]) -> None:
        self.needs = needs
        super().__init__(f"The image must fit the memory of {board.name}. Received: {needs}.")


def _with_room(board: Board) -> Board:
    """The same board with memories that hold anything; they still do not overlap."""
    return dataclasses.replace(board, flash_size=_ROOMY, ram_size=_ROOMY)


def linker_script(board: Board) -> str:
    """The linker script: the board's memory, then the sections that all boards share.

    A board that needs its own brings `linker.ld` in its folder.
    """
    own = board.folder / "linker.ld"
    if own.is_file():
        return own.read_text(encoding="utf-8")
    memory = (
        "MEMORY\n{\n"
        f"    FLASH (rx) : ORIGIN = 0x{board.flash_origin:08x}, LENGTH = 0x{board.flash_size:x}\n"
        f"    RAM (rwx) : ORIGIN = 0x{board.ram_origin:08x}, LENGTH = 0x{board.ram_size:x}\n"
        f"}}\nSTACK_SIZE = 0x{board.stack_size:x};\n\n"
    )
    return memory + (CORTEXM_DIR / "sections.ld").read_text(encoding="utf-8")


def _c_string(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _command(compiler: Compiler) -> tuple[str, ...]:
    if compiler == "zig":
        return (sys.executable, "-m", "ziglang", "cc")
    found = shutil.which(_GCC)
    if found is None:
        raise FirmwareError(
            f"The compiler gcc needs {_GCC} on PATH. Received: none. "
            "Install it, or use the default (zig, from pip)."
        )
    return (found,)


def _target_flags(board: Board, compiler: Compiler, optimize: Optimize) -> tuple[str, ...]:
    if compiler == "gcc":
        return board.core.gcc_flags
    return (
        "-target",
        board.core.zig_target,
        f"-mcpu={board.core.zig_cpu}",
        "-fno-sanitize=undefined",
        # zig strips the symbols of -Os builds unless debug information is wanted; the linker script
        # drops that again.
        *(("-g",) if optimize == "Os" else ()),
    )


def _compile(
    command: tuple[str, ...],
    options: Sequence[str],
    sources: Mapping[str, Source],
    folders: Sequence[Path],
    script: str,
    home: Path,
    board: Board,
    compiler: Compiler,
    link: Link,
) -> None:
    """Lay everything out in `home`, compile there under relative names, leave image.elf."""
    units: list[str] = []
    for file_name, source in sources.items():
        path = home / file_name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(source, str):
            path.write_text(source, encoding="utf-8")
        else:
            path.write_bytes(source.read_bytes())
        if file_name.endswith(".c"):
            units.append(file_name)
    (home / "image.ld").write_text(script, encoding="utf-8")
    includes = ["-I.", *(f"-I{folder}" for folder in folders)]
    # 64-bit division and the like; -nostdlib leaves them out.
    libraries = ["-lgcc" if compiler == "gcc" else "-lcompiler_rt"]
    run = [
        *command,
        *options,
        *includes,
        *sorted(units),
        *link.arguments,
        *libraries,
        *("-T", "image.ld", "-Wl,-e,Reset_Handler", "-o", "unfinished.elf"),
    ]
    try:
        done = subprocess.run(
            run, cwd=home, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise FirmwareError(
            f"Compiling must end within {_TIMEOUT_S} s. Received: {len(units)} files that took "
            f"longer with {compiler}."
        ) from error
    unfinished = home / "unfinished.elf"
    if done.returncode != 0 or not unfinished.exists():
        words = (done.stderr or done.stdout).strip()
        _raise_overflow(words, board)
        raise FirmwareError(
            f"C code must compile for {board.name} with {compiler}. Received: {words}"
        )
    unfinished.replace(home / "image.elf")


def _raise_overflow(words: str, board: Board) -> None:
    """Turn the linker's words about a full memory into numbers."""
    pattern = r"region [`'](\w+)'(?:: | )overflowed by (\d+) bytes"
    worst: dict[str, int] = {}
    for region, by in re.findall(pattern, words):
        worst[region] = max(worst.get(region, 0), int(by))
    has = {"FLASH": board.flash_size, "RAM": board.ram_size}
    needs = tuple(
        Need(region, has[region], has[region] + by)
        for region, by in sorted(worst.items())
        if region in has
    )
    if needs:
        raise _Overflow(board, needs)
