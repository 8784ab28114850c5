"""Nothing of the test set may be in training: no speaker in two splits, no recording twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from convert.errors import SpecError
from train.sources.base import Item


def check_speakers(items: Sequence[Item]) -> None:
    """Refuse a speaker who is in two splits.

    Raises:
        SpecError: names the speaker, the splits and one clip of each.
    """
    seen: dict[tuple[str, str], Item] = {}
    for item in items:
        first = seen.setdefault((item.source, item.speaker), item)
        if first.split != item.split:
            raise SpecError(
                f"A speaker must be in one split only. Received: {item.source}/{item.speaker} in "
                f"{first.split} ({first.name}) and in {item.split} ({item.name}). Set "
                'assign = "hashed" or list test_speakers to divide by speaker.'
            )


def check_files(kinds: Sequence[str], chosen: Sequence[Sequence[Item]]) -> None:
    """Refuse a recording that is there twice, within a source or by two of them.

    Args:
        kinds: kind of each source.
        chosen: what was taken from each.

    Raises:
        SpecError: names the file and both sources.
    """
    folders: dict[Path, Path] = {}

    def real(path: Path) -> Path:
        """The path without links; the folders, of which there are few, are asked once."""
        try:
            if path.is_symlink() or path.name in ("", ".."):
                return path.resolve()
            if path.parent not in folders:
                folders[path.parent] = path.parent.resolve()
            return folders[path.parent] / path.name
        except (OSError, ValueError, RuntimeError):  # reading it will say what is wrong
            return path

    seen: dict[Path, tuple[int, Item]] = {}
    for number, (kind, items) in enumerate(zip(kinds, chosen, strict=True), start=1):
        for item in items:
            if item.path is None:
                continue
            other, first = seen.setdefault(real(item.path), (number, item))
            if first is item:
                continue
            told = f"({kinds[other - 1]} {first.source}, {first.word}, {first.split})"
            again = f"({kind} {item.source}, {item.word}, {item.split})"
            raise SpecError(
                f"A recording must be there once only. Received: {item.path} from source {other} "
                f"{told} and from source {number} {again}. Leave it out of one of them."
            )
