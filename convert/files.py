"""Whole files or none: written to a temporary name in the same folder, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

from convert.errors import UserError


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one, never a part.

    Raises:
        UserError: the disk is full or the folder cannot be written; `path` is unchanged.
    """
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
        raise UserError(
            f"Writing must be possible at {path}. Received: {error.strerror or error}. "
            "Free some space or choose another folder; nothing was changed."
        ) from error


def write_text(path: Path, text: str) -> None:
    """`write_bytes` for text, UTF-8 with Unix line ends."""
    write_bytes(path, text.encode("utf-8"))
