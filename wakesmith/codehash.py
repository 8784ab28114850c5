"""Hash of the code that a stage runs: its modules, everything of ours that they import, and data.

Found by reading the import statements, also those inside functions, so nobody has to keep a list.
One kind of module is left out: a register, which imports others only to make them known by name.
What a stage runs of these it names itself; a change of the others leaves its results as they are.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOMS = ("wakesmith", "train", "convert", "simulate", "firmware")

REGISTERS = ("train.quantization.registered",)
"""Modules that hold nothing but imports of what can be named in a project file."""

_DATA = (".c", ".cc", ".h", ".cpp", ".ld", ".toml", ".j2", ".css", ".csv", ".txt")


def code_hash(modules: Iterable[str], data: Iterable[str] = ()) -> str:
    """SHA-256 over the sources of `modules`, of all our modules they import, and of data files.

    Args:
        modules: dotted names, e.g. "train.datasets"; what is named by way of a register, too.
        data: rooms, or folders and files in them, whose non-Python files (C, linker scripts,
            templates) count, e.g. "firmware" or "firmware/frontend".

    Returns:
        Hex digest; the same wherever the packages are installed.
    """
    digest = hashlib.sha256()
    for name in sorted(_closure(modules)):
        path = _file(name)
        if path is not None:
            digest.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    for place in data:
        package = _file(place.split("/")[0])
        if package is None:
            continue
        base = package.parent.parent
        top = base / place
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.suffix in _DATA and path.is_file():
                inside = path.relative_to(base).as_posix()
                content = hashlib.sha256(path.read_bytes()).hexdigest()
                digest.update(f"{inside}\0{content}\n".encode())
    return digest.hexdigest()


def package_versions(names: Iterable[str]) -> dict[str, str]:
    """Installed versions of distributions; "absent" where one is not installed."""
    versions = {}
    for name in sorted(names):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "absent"
    return versions


def _closure(modules: Iterable[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name in seen or name in REGISTERS or _file(name) is None:
            continue
        seen.add(name)
        waiting.extend(_imports(name))
    return seen


@functools.cache
def _imports(name: str) -> tuple[str, ...]:
    path = _file(name)
    if path is None:
        return ()
    return tuple(_imported(ast.parse(path.read_bytes()), name))


def _imported(tree: ast.AST, name: str) -> Iterator[str]:
    """Our modules named by import statements; `from a import b` may mean the module a.b."""
    yield from (".".join(name.split(".")[:i]) for i in range(1, name.count(".") + 1))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (found for found in names if found.split(".")[0] in ROOMS)


@functools.cache
def _file(name: str) -> Path | None:
    """Source file of a dotted name without importing it; None when there is no such module."""
    room, *rest = name.split(".")
    spec = importlib.util.find_spec(room)
    if spec is None or spec.origin is None:
        return None
    base = Path(spec.origin).parent.joinpath(*rest)
    for candidate in (base / "__init__.py", base.with_name(base.name + ".py") if rest else base):
        if candidate.is_file():
            return candidate
    return None
