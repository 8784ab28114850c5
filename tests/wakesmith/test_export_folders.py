"""`wakesmith export`: what is written where, and what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from convert.errors import UserError
from tests.keyword_net import LABELS, keyword_model
from tests.wakesmith.conftest import Tiny, wakesmith_inside
from tests.wakesmith.exported import files, stored_events, written
from wakesmith.exporting.formats import KINDS
from wakesmith.exporting.write import write_library


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_library_tells_what_it_is(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "lib")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert keyword_model().model_hash in readme and "Apache License 2.0" in readme
    assert all(word in readme for word in LABELS[1:])
    assert all(event in readme for event in stored_events())
    root = Path(__file__).parents[2]
    assert (folder / "LICENSE").read_text() == (root / "LICENSE").read_text()
    everything = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file())
    assert "{{" not in everything and "{%" not in everything
    assert str(root) not in everything
    boards = ("ws_board", "ws_cortexm", "ws_text")
    assert not [name for name in boards if f'"{name}' in everything]


def test_same_files_again(tmp_path: Path) -> None:
    first = dict(files("cmake"))
    files.cache_clear()
    assert files("cmake") == first


def test_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "lib/src").mkdir(parents=True)
    (tmp_path / "lib/notes.txt").write_text("mine")
    (tmp_path / "lib/src/stale.c").write_text("stale")
    with pytest.raises(UserError, match=r"must be empty\. Received: .*lib, which is not.*--force"):
        write_library({"src/a.c": "a"}, tmp_path / "lib", force=False)
    with pytest.raises(UserError, match=r"command wrote\. Received: .*lib, which has no ws_list"):
        write_library({"src/a.c": "a"}, tmp_path / "lib", force=True)
    assert (tmp_path / "lib/src/stale.c").read_text() == "stale"
    (tmp_path / "lib/include").mkdir()
    (tmp_path / "lib/include/ws_listener_config.h").write_text("")
    write_library({"src/a.c": "a", "b": "b"}, tmp_path / "lib", force=True)
    assert (tmp_path / "lib/notes.txt").read_text() == "mine"
    assert [p.name for p in (tmp_path / "lib/src").iterdir()] == ["a.c"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lib"]


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/er"):
        write_library({"a": "a"}, tmp_path / name, force=False)
        assert (tmp_path / name / "a").read_text() == "a"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "empty"]


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be a folder"):
        write_library({"a": "a"}, tmp_path / "file", force=True)
    with pytest.raises(UserError, match="must be writable"):
        write_library({"a": "a"}, tmp_path / "file/deeper", force=False)


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_known_as_one(kind: str, tmp_path: Path) -> None:
    """A second time over the first."""
    write_library(files(kind), tmp_path / "lib", force=False)
    write_library(files(kind), tmp_path / "lib", force=True)


@pytest.mark.parametrize("filled", [True, False])
def test_nothing_is_left_half_written(
    filled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lib"
    if filled:
        old = {"a": "old a", "b/c": "old c", "src/ws_listener_config.h": ""}
        write_library(old, out, force=False)
    rename, calls = Path.rename, []

    def full(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == (4 if filled else 1):
            raise OSError(28, os.strerror(28))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(UserError, match="No space left"):
        write_library({"a": "new a", "b/c": "new c"}, out, force=True)
    monkeypatch.undo()
    if filled:
        assert (out / "a").read_text() == "old a" and (out / "b/c").read_text() == "old c"
    assert [p.name for p in tmp_path.iterdir()] == (["lib"] if filled else [])


def test_help_has_an_example(tmp_path: Path) -> None:
    done = wakesmith_inside("export", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "Example:  wakesmith export commands.toml" in done.stdout


def test_command(tiny: Tiny, tmp_path: Path) -> None:
    build_folder = ("--out", tiny.build)
    done = wakesmith_inside("export", "--format", "zephyr", tiny.file, *build_folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote ") and "tiny-zephyr" in done.stdout
    assert (tmp_path / "tiny-zephyr/zephyr/module.yml").is_file()
    again = wakesmith_inside("export", "--format", "zephyr", tiny.file, *build_folder, cwd=tmp_path)
    assert again.returncode == 2 and "must be empty" in again.stderr
    forced = wakesmith_inside(
        "export", "--format", "zephyr", tiny.file, *build_folder, "--force", cwd=tmp_path
    )
    assert forced.returncode == 0


def test_project_that_is_not_built(tmp_path: Path) -> None:
    assert wakesmith_inside("new", "yes", "no", cwd=tmp_path).returncode == 0
    done = wakesmith_inside("export", "--format", "cmake", "words.toml", cwd=tmp_path)
    assert done.returncode == 2 and "must be built first" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["words.toml"]
