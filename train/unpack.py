"""Unpacking archives from elsewhere: nothing outside the folder, nothing but plain files, bounded.

Entries are copied out by this module; the libraries' own extraction (with its modes, owners and
links) is not used, so Python 3.10 is as safe as the newest.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO

from convert.errors import UserError

_BLOCK = 1 << 20
MAX_FILES = 500_000


class _Budget:
    """What may still be written."""

    def __init__(self, archive: Path, max_bytes: int, max_files: int) -> None:
        self.archive, self.bytes, self.files = archive, max_bytes, max_files

    def file(self) -> None:
        self.files -= 1
        if self.files < 0:
            raise UserError(f"An archive must not hold too many files. Received: {self.archive}.")

    def take(self, count: int) -> None:
        self.bytes -= count
        if self.bytes < 0:
            raise UserError(
                f"An archive must not unpack to more than its set has. Received: {self.archive}."
            )


def unpack(archive: Path, folder: Path, *, max_bytes: int, max_files: int = MAX_FILES) -> None:
    """Unpack a zip or a (compressed) tar into an existing folder.

    Args:
        archive: the file; its first bytes say what it is.
        folder: where to.
        max_bytes: most bytes to write, counted as they come.
        max_files: most entries.

    Raises:
        UserError: it is damaged, too large, or has an entry that is a link or a device, or lies
            outside the folder.
        OSError: the disk is full.
    """
    budget = _Budget(archive, max_bytes, max_files)
    try:
        if zipfile.is_zipfile(archive):
            _zip(archive, folder, budget)
        else:
            _tar(archive, folder, budget)
    except (
        tarfile.TarError,
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        ValueError,
    ) as error:
        raise UserError(
            f"An archive must be whole and readable ({error or type(error).__name__}). "
            f"Received: {archive}."
        ) from error


def _place(name: str, folder: Path, archive: Path) -> Path | None:
    """Where an entry goes; None for the folder itself.

    Raises:
        UserError: the name leaves the folder.
    """
    path = PurePosixPath(name)
    parts = path.parts
    bad = path.is_absolute() or ".." in parts or "\\" in name or "\0" in name or ":" in name
    if bad or len(name) > 1000:
        raise UserError(
            f"An archive's entries must lie inside it. Received: {name[:200]!r} in {archive}."
        )
    return folder.joinpath(*parts) if parts else None


def _copy(source: IO[bytes], target: Path, budget: _Budget) -> None:
    budget.file()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        file = target.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"An archive must name each file once. Received: {target.name} in {budget.archive}."
        ) from error
    with file:
        while block := source.read(_BLOCK):
            budget.take(len(block))
            file.write(block)


def _zip(archive: Path, folder: Path, budget: _Budget) -> None:
    with zipfile.ZipFile(archive) as packed:
        for entry in packed.infolist():
            target = _place(entry.filename, folder, archive)
            mode = entry.external_attr >> 16
            if mode and stat.S_IFMT(mode) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise UserError(
                    "An archive must hold plain files only. "
                    f"Received: {entry.filename!r} in {archive}."
                )
            if entry.is_dir() or target is None:
                budget.file()
                continue
            with packed.open(entry) as source:
                _copy(source, target, budget)


def _tar(archive: Path, folder: Path, budget: _Budget) -> None:
    with tarfile.open(archive, "r:*") as packed:
        for entry in packed:
            target = _place(entry.name, folder, archive)
            if entry.isdir() or target is None:
                budget.file()
                continue
            if not entry.isreg():
                raise UserError(
                    f"An archive must hold plain files only. Received: {entry.name!r} in {archive}."
                )
            source = packed.extractfile(entry)
            assert source is not None
            with source:
                _copy(source, target, budget)
