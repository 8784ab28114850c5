"""Compile C for this machine: shared libraries to call through ctypes, and test executables.

The compiler is the clang inside the `ziglang` wheel, so nothing but pip is needed. Every product is
kept under a name made from everything that went into it (sources, headers, flags, compiler), so the
same request is answered without compiling, also by another process.

Two choices keep the host honest as a proof of the chip. Code is made for the baseline processor of
the architecture, so that a cached library runs on every machine that shares the folder; where speed
is the purpose another processor is asked for, and then "native" has a name of its own for each.
Floating point is never contracted into fused operations, so that a float to int8 conversion rounds
twice, as soft-float code on the chip does.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from firmware.errors import FirmwareError

HostCompiler = Literal["zig", "gcc", "clang"]
Source = str | Path
"""The text of a file (str), or where the file is (Path)."""

FIRMWARE_DIR = Path(__file__).resolve().parent
INCLUDE_DIR = FIRMWARE_DIR / "include"
KERNEL_DIR = FIRMWARE_DIR / "kernels"
HOST_KERNELS = "host/"  # folder in KERNEL_DIR of those that no firmware uses

WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")
_BASE_FLAGS = ("-std=c99", "-g0", "-ffp-contract=off")
_COMPILE_TIMEOUT_S = 600
_LEAST_FREE = 1 << 20  # bytes; the largest library that is made here is a fraction of it


def cache_dir() -> Path:
    """Where compiled host code is kept: `$WAKESMITH_CACHE`, else `~/.cache/wakesmith`."""
    named = os.environ.get("WAKESMITH_CACHE")
    if named:
        return Path(named).expanduser().resolve()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "wakesmith"


def kernel_sources() -> dict[str, Source]:
    """The int8 kernels, ready to be joined to the sources of a build: file name -> path."""
    return {path.name: path for path in sorted(KERNEL_DIR.glob("*.c"))}


def compiler_command(compiler: HostCompiler) -> tuple[str, ...] | None:
    """How to start `compiler`, or None when this machine does not have it."""
    if compiler == "zig":
        return (sys.executable, "-m", "ziglang", "cc")
    found = shutil.which(compiler)
    return (found,) if found else None


def build_shared(
    sources: Mapping[str, Source],
    out: Path | None = None,
    *,
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
    processor: str = "baseline",
) -> Path:
    """Compile a shared library for ctypes.

    Args:
        sources: file name -> text or path. Names ending in `.c` are compiled; all names can be
            included by one another.
        out: where to put the library too; without it only the cached one is made.
        defines: preprocessor definitions, `"NAME"` or `"NAME=value"`.
        include: more folders with headers; `firmware/include` is always searched.
        flags: more compiler flags.
        processor: whose instructions may be used: "baseline", "native" (this machine's), or one
            that clang knows, such as "x86_64_v3". Anything but "baseline" is optimised for speed.

    Returns:
        Path of the library.

    Raises:
        FirmwareError: the compiler refuses the sources; its words are in the message.
    """
    level = "-O2" if processor == "baseline" else "-O3"
    mode = (level, "-fPIC", "-shared", "-fno-sanitize=undefined")
    job = _Job("zig", mode, "library.so", processor)
    return job.build(sources, out, defines, include, flags)


def build_host_executable(
    sources: Mapping[str, Source],
    out: Path | None = None,
    *,
    sanitize: bool = False,
    compiler: HostCompiler = "zig",
    defines: Sequence[str] = (),
    include: Sequence[Path] = (),
    flags: Sequence[str] = (),
) -> Path:
    """Compile a program for this machine.

    Args:
        sources: as for `build_shared`; one of them has `main`.
        out: where to put the program too.
        sanitize: stop at the first undefined behaviour. With `compiler` gcc or clang also at the
            first bad memory access (the zig wheel ships no AddressSanitizer runtime).
        compiler: which compiler to use.
        defines: as for `build_shared`.
        include: as for `build_shared`.
        flags: more compiler flags.

    Returns:
        Path of the program.

    Raises:
        FirmwareError: the compiler is absent or refuses the sources.
    """
    if not sanitize:
        mode: tuple[str, ...] = ("-O2", "-fno-sanitize=undefined")
    elif compiler == "zig":
        mode = ("-O1", "-fsanitize=undefined", "-fno-sanitize-recover=all")
    else:
        mode = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
    return _Job(compiler, mode, "program").build(sources, out, defines, include, flags)


@dataclass(frozen=True)
class _Job:
    """One way to compile: a compiler, its mode flags, and what comes out."""

    compiler: HostCompiler
    mode: tuple[str, ...]
    product: str
    processor: str = "baseline"

    def build(
        self,
        sources: Mapping[str, Source],
        out: Path | None,
        defines: Sequence[str],
        include: Sequence[Path],
        flags: Sequence[str],
    ) -> Path:
        """The cached product for these inputs, made now if it is not there yet."""
        command = compiler_command(self.compiler)
        if command is None:
            raise FirmwareError(
                f"The compiler must be installed. Received: {self.compiler}, which is not on PATH. "
                "Install it, or use the default (zig, from pip)."
            )
        folders = (INCLUDE_DIR, *include)
        options = [*_BASE_FLAGS, *WARNINGS, *self.mode, *flags, *(f"-D{d}" for d in defines)]
        identity = compiler_identity(self.compiler, command)
        if self.compiler == "zig":
            options.insert(0, f"-mcpu={self.processor}")
        if self.processor == "native":
            identity += f" {processor_identity()}"
        key = cache_key(identity, options, sources, folders)
        home = cache_dir() / "host" / key
        product = home / self.product
        if not product.exists():
            try:
                with locked(home):
                    if not product.exists():
                        self._compile([*command, *options], sources, folders, home)
            except OSError as error:
                raise FirmwareError(
                    f"The cache folder {home.parent} must be writable. "
                    f"Received: {error.strerror or error}. "
                    "Free some space, or name another folder in WAKESMITH_CACHE."
                ) from error
        if out is None:
            return product
        _copy(product, out)
        return out

    def _compile(
        self,
        command: list[str],
        sources: Mapping[str, Source],
        folders: Sequence[Path],
        home: Path,
    ) -> None:
        """Write the text sources into `home`, compile, and put the product there in one step.

        Files given by path are compiled where they are: the compiler caches by path.
        """
        units: list[str] = []
        search = [home]
        for name, source in sources.items():
            path = source if isinstance(source, Path) else home / name
            if isinstance(source, str):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(source, encoding="utf-8")
            elif not path.is_file():
                raise FirmwareError(f"A C source must exist. Received: {path}.")
            if name.endswith(".c"):
                units.append(str(path.resolve()))
            elif isinstance(source, Path) and path.resolve().parent not in search:
                search.append(path.resolve().parent)
        unfinished = home / f"{self.product}.{os.getpid()}"
        includes = [f"-I{folder}" for folder in (*search, *folders)]
        run = [*command, *includes, *units, "-o", str(unfinished)]
        try:
            done = subprocess.run(
                run,
                capture_output=True,
                text=True,
                timeout=_COMPILE_TIMEOUT_S,
                check=False,
                cwd=home,
            )
        except subprocess.TimeoutExpired as error:
            raise FirmwareError(
                f"Compiling must end within {_COMPILE_TIMEOUT_S} s. Received: {len(units)} files "
                f"that took longer with {self.compiler}."
            ) from error
        if done.returncode != 0 or not unfinished.exists():
            unfinished.unlink(missing_ok=True)
            words = (done.stderr or done.stdout).strip()
            free = shutil.disk_usage(home).free
            if free < _LEAST_FREE and "error:" not in words:  # a full disk leaves it speechless
                raise FirmwareError(
                    f"The cache folder must have room. Received: {home}, {free // 1024} kB free. "
                    "Free some space, or name another folder in WAKESMITH_CACHE."
                )
            words = words or f"exit code {done.returncode} without a word."
            raise FirmwareError(f"C code must compile with {self.compiler}. Received: {words}")
        unfinished.replace(home / self.product)


def compiler_identity(compiler: HostCompiler, command: tuple[str, ...]) -> str:
    """What distinguishes one compiler from another of the same name."""
    if compiler == "zig":
        try:
            return f"zig {importlib.metadata.version('ziglang')} {platform.machine()}"
        except importlib.metadata.PackageNotFoundError as error:
            raise FirmwareError(
                "The C compiler must be installed. Received: no package `ziglang`. "
                "Run `pip install ziglang`."
            ) from error
    stat = Path(command[0]).resolve().stat()
    return f"{command[0]} {stat.st_size} {stat.st_mtime_ns} {platform.machine()}"


def processor_identity() -> str:
    """What distinguishes processors that code for one may not run on the other."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return f"{platform.node()} {platform.processor()}"  # not Linux: this machine alone
    told = ("model name", "flags", "features", "cpu part", "isa")
    return " ".join(sorted({line for line in lines if line.lower().startswith(told)}))


def cache_key(
    identity: str,
    options: Sequence[str],
    sources: Mapping[str, Source],
    folders: Sequence[Path],
) -> str:
    """A hash of everything that can change the product."""
    digest = hashlib.sha256()

    def add(data: bytes) -> None:
        digest.update(len(data).to_bytes(8, "little"))
        digest.update(data)

    add(identity.encode())
    for option in options:
        add(option.encode())
    for name in sources:
        source = sources[name]
        add(name.encode())
        try:
            add(source.encode() if isinstance(source, str) else source.read_bytes())
        except OSError as error:
            raise FirmwareError(f"A C source must be readable. Received: {source}.") from error
        if isinstance(source, Path):
            for header in sorted(source.resolve().parent.glob("*.h")):
                add(header.read_bytes())
    for folder in folders:
        for header in sorted(folder.rglob("*.h")):
            add(header.name.encode())
            add(header.read_bytes())
    return digest.hexdigest()[:32]


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Only one process at a time works in `home`; the lock dies with its process."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            yield
        finally:
            fcntl.flock(lock, fcntl.LOCK_UN)


def _copy(product: Path, out: Path) -> None:
    """Copy `product` to `out` in one step."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=out.name)
        os.close(handle)
        shutil.copy2(product, temporary)
        Path(temporary).replace(out)
    except OSError as error:
        raise FirmwareError(
            f"Writing must be possible at {out}. Received: {error.strerror or error}."
        ) from error
