"""Seconds from a .tflite to C, and from C to an image, with both compilers.

    python -m benchmarks.compile_time MODEL.tflite...

Compiling is measured with empty caches, in a folder of their own.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.told import mistakes_told
from convert.emit_aot import emit_model
from firmware.build import Compiler
from wakesmith.bare import board_of, checked, read_model
from wakesmith.console import Meter


def measure(path: Path, core: str) -> list[str]:
    """A row of the table: bytes, seconds of generation, seconds of each compiler."""
    from firmware.application import build_bare

    board = board_of(core)
    data = read_model(path)
    begin = time.perf_counter()
    graph = checked(data)
    generated = emit_model(graph, kernels=board.core.kernels)
    row = [path.stem, f"{len(data):,}", f"{time.perf_counter() - begin:.2f}"]
    compilers: tuple[Compiler, ...] = ("zig", "gcc")
    for compiler in compilers:
        if compiler == "gcc" and shutil.which("arm-none-eabi-gcc") is None:
            row.append("not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            for name in ("WAKESMITH_CACHE", "ZIG_LOCAL_CACHE_DIR", "ZIG_GLOBAL_CACHE_DIR"):
                os.environ[name] = str(Path(folder) / name.lower())
            begin = time.perf_counter()
            build_bare(
                generated.files,
                board,
                out_dir=Path(folder) / "image",
                kernels=generated.kernels,
                compiler=compiler,
            )
            row.append(f"{time.perf_counter() - begin:.2f}")
    return row


def main() -> None:
    """Measure every model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--core", default="cortex-m4")
    arguments = parser.parse_args()
    table = Table(title=f"Seconds, {arguments.core}")
    for heading in ("model", "bytes", "generate", "zig", "gcc"):
        table.add_column(heading, justify="left" if heading == "model" else "right")
    with Meter("measuring") as meter:
        for done, path in enumerate(arguments.models):
            meter(done, len(arguments.models), path.name)
            table.add_row(*measure(path, arguments.core))
    Console(width=90).print(table)


if __name__ == "__main__":
    with mistakes_told():
        main()
