"""The code hash follows imports, also lazy ones, and sees data files."""

from __future__ import annotations

from pathlib import Path

import pytest

from wakesmith import codehash
from wakesmith.codehash import code_hash, package_versions


def test_follows_imports() -> None:
    found = codehash._closure(["wakesmith.pipeline"])
    assert {"convert.errors", "convert.files", "convert", "wakesmith"} <= found
    assert all(name.split(".")[0] in codehash.ROOMS for name in found)


def test_changes_with_a_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "errors.py"
    source.write_text("x = 1\n")
    real = codehash._file
    monkeypatch.setattr(
        codehash, "_file", lambda name: source if name == "convert.errors" else real(name)
    )
    before = code_hash(["convert.errors"])
    assert before == code_hash(["convert.errors"])
    source.write_text("x = 2\n")
    assert before != code_hash(["convert.errors"])


def test_data_counts() -> None:
    assert code_hash([], ["firmware"]) != code_hash([], [])


def test_versions() -> None:
    found = package_versions(["pytest", "no-such-thing"])
    assert found["pytest"] == pytest.__version__
    assert found["no-such-thing"] == "absent"
