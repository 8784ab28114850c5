"""Put an exported library on disk: all of it or nothing."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from convert.errors import UserError

LISTENER = ("src/ws_listener_config.h", "include/ws_listener_config.h")
"""Every library that listens has one of these files; no other project does."""


def write_library(
    files: Mapping[str, str], out: Path, *, force: bool, marks: Sequence[str] = LISTENER
) -> None:
    """Write the files into a folder of their own and rename it into place.

    Args:
        files: path within the library -> text.
        out: the folder; it is made.
        force: into a folder that an export wrote before. The files and folders that the library
            has at its top are replaced; what else lies there stays.
        marks: files of which such a folder has one.

    Raises:
        UserError: the folder is not empty and `force` is not given, it holds files of something
            else, or it cannot be written.
    """
    with _told(out):
        if out.is_symlink() or (out.exists() and not out.is_dir()):
            raise UserError(f"--to must be a folder. Received: {out}, which is none.")
        filled = out.is_dir() and any(out.iterdir())
        if filled and not force:
            raise UserError(
                f"The folder to write into must be empty. Received: {out}, which is not. "
                "Choose another with --to, or replace what was written there before with --force."
            )
        if filled and not any((out / mark).is_file() for mark in marks):
            raise UserError(
                f"--force must be given a folder that this command wrote. Received: {out}, which "
                f"has no {Path(marks[0]).name}; its files would be lost. Choose another with --to."
            )
        parent = out.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=parent))
        try:
            new = temporary / "new"
            for name, text in files.items():
                path = new / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8", newline="\n")
            if filled:
                _exchange(new, out, temporary / "old")
            else:
                if out.is_dir():
                    out.rmdir()
                new.rename(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _exchange(new: Path, out: Path, old: Path) -> None:
    """Move what `new` has at its top into `out`, and what stood there into `old`; or nothing."""
    old.mkdir()
    moved: list[str] = []
    try:
        for path in sorted(new.iterdir()):
            if (out / path.name).exists() or (out / path.name).is_symlink():
                (out / path.name).rename(old / path.name)
            moved.append(path.name)
            path.rename(out / path.name)
    except BaseException:
        for name in moved:
            with contextlib.suppress(OSError):
                (out / name).rename(new / name)
            with contextlib.suppress(OSError):
                (old / name).rename(out / name)
        raise


@contextlib.contextmanager
def _told(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"The folder to write into must be writable. Received: {out}: "
            f"{error.strerror or error}. Choose another with --to."
        ) from error
