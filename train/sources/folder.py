"""One folder per word, as Speech Commands is laid out."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convert.errors import SpecError
from train.sources.base import Context, Item, Source, resolve

SUFFIXES = frozenset((".wav", ".wave", ".flac"))
SPEAKER = r"^(?P<speaker>.+?)(?:_nohash|_NO)?_\d+$"
"""`george_00`, `0a7c2a8d_nohash_0` and `00000001_NO_01` name their speakers before the number."""


@dataclass(frozen=True, kw_only=True)
class FolderSource(Source):
    """A folder with one sub-folder per word.

    A clip's speaker is the sub-sub-folder it lies in, else what `speaker_pattern` finds in its
    name, else (nothing found) the name itself: then no two clips share a speaker, and the division
    is by clip. Sub-folders that begin with `_` or `.` are left out.

    Attributes:
        path: the folder.
        speaker_pattern: regular expression with a group named `speaker`, searched in the file name
            without its ending.
        validation_list: text file in the folder that names the validation clips (`word/clip.wav`
            per line), as Speech Commands has; "" for none.
        testing_list: likewise for the test clips. Where either exists, the rest is `train`.
    """

    path: str
    speaker_pattern: str = SPEAKER
    validation_list: str = ""
    testing_list: str = ""
    kind: Literal["folder"] = "folder"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise SpecError("path must name a folder. Received: ''.")
        check_pattern(self.speaker_pattern)

    @property
    def namespace(self) -> str:
        """`name`, or the folder's name."""
        return self.name or Path(self.path).name or "folder"

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`.

        Raises:
            SpecError: the folder does not exist or has no sub-folders with clips.
        """
        return folder_items(
            resolve(self.path, context.base),
            self.speaker_pattern,
            self.validation_list,
            self.testing_list,
        )


def check_pattern(pattern: str) -> None:
    """Raise SpecError unless `pattern` compiles and has a group named speaker."""
    try:
        groups = re.compile(pattern).groupindex
    except re.error as error:
        raise SpecError(
            f"speaker_pattern must be a regular expression ({error}). Received: {pattern!r}."
        ) from error
    if "speaker" not in groups:
        raise SpecError(
            f"speaker_pattern must have a group (?P<speaker>...). Received: {pattern!r}."
        )


def folder_items(
    root: Path, speaker_pattern: str, validation_list: str = "", testing_list: str = ""
) -> list[Item]:
    """Items of a folder with one sub-folder per word (see `FolderSource`)."""
    if not root.is_dir():
        raise SpecError(f"A source's folder must exist. Received: {root}.")
    pattern = re.compile(speaker_pattern)
    published: dict[str, str] = {}
    for split, listing in (("val", validation_list), ("test", testing_list)):
        if listing:
            published |= dict.fromkeys(_read_list(root / listing), split)
    items = []
    for folder in sorted(p for p in root.iterdir() if p.is_dir() and p.name[0] not in "._"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix.lower() in SUFFIXES):
            inner = path.relative_to(folder)
            if len(inner.parts) > 1:
                speaker = inner.parts[0]
            else:
                match = pattern.search(path.stem)
                speaker = match["speaker"] if match and match["speaker"] else path.stem
            name = path.relative_to(root).as_posix()
            split = published.get(name, "train") if published else ""
            items.append(Item(folder.name, speaker, name, path, published=split))
    if not items:
        raise SpecError(
            f"A folder source must have one sub-folder per word with WAV or FLAC files. "
            f"Received: {root}."
        )
    return items


def _read_list(path: Path) -> list[str]:
    try:
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(
            f"A list of clips must be a readable text file. Received: {path}."
        ) from error
