"""Imports between the rooms point the way docs/DESIGN.md draws them."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAY_IMPORT = {
    "wakesmith": {"train", "simulate", "convert", "firmware"},
    "train": {"simulate", "convert"},
    "simulate": {"convert", "firmware"},
    "convert": set(),
    "firmware": set(),
}


def imported_rooms(source: str) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            found.add(node.module.split(".")[0])
    return found & set(MAY_IMPORT)


def test_imports_inside_functions_are_seen() -> None:
    assert imported_rooms("def f():\n    from train.fit import x\n") == {"train"}


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_rooms_import_downwards_only(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    for path in files:
        strangers = imported_rooms(path.read_text()) - MAY_IMPORT[room] - {room}
        assert not strangers, f"{path.relative_to(ROOT)} imports {sorted(strangers)}"


@pytest.mark.parametrize("room", ["convert", "simulate", "firmware"])
def test_tensorflow_is_imported_inside_functions_only(room: str) -> None:
    for path in sorted((ROOT / room).rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                assert not any(
                    name.split(".")[0] in {"tensorflow", "tf_keras"} for name in names
                ), path
