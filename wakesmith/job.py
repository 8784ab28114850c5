"""What a running stage is given, and hashes of what it leaves."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

Progress = Callable[[int, int, str], None]
"""done, total (0 when unknown), a word about what is being done."""

RECORD = "stage.json"
"""Name of the file in a stage folder that holds its key and the hashes of its files."""

SETTINGS = "settings.json"
"""Name of the file beside it with the settings that the stage's result was last good for."""


@dataclass(frozen=True)
class Job:
    """What a running stage is given.

    Attributes:
        out: an empty folder to fill.
        inputs: folders of the stages it named in `needs`; read only.
        progress: to be called now and then.
    """

    out: Path
    inputs: Mapping[str, Path]
    progress: Progress


def file_hashes(folder: Path) -> dict[str, str]:
    """Relative path -> SHA-256 of every file below `folder` but the record and the settings."""
    return {
        path.relative_to(folder).as_posix(): file_hash(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path not in (folder / RECORD, folder / SETTINGS)
    }


def file_hash(path: Path) -> str:
    """SHA-256 of a file, hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
