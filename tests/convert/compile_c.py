"""Compile generated C for this machine with the compiler from the ziglang wheel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

FLAGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion", "-pedantic")


def compile_c(
    folder: Path, files: Mapping[str, str], *, standard: str = "c99", link: bool = False
) -> Path:
    """Write the files into `folder` and compile its .c or .cpp files with all warnings as errors.

    Returns the executable when `link`, else the folder.
    """
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    sources = [n for n in files if n.endswith((".c", ".cpp"))]
    # `cc` for C++ too: nothing here needs the C++ library, which `c++` would build first.
    base = [sys.executable, "-m", "ziglang", "cc", f"-std={standard}", *FLAGS, "-I."]
    if link:
        commands = [[*base, "-o", "program", *sources]]
    else:
        commands = [[*base, "-c", name, "-o", f"{name}.o"] for name in sources]
    for command in commands:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
    return folder / "program" if link else folder
