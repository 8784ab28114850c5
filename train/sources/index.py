"""A CSV file that lists clips: path, word, speaker, split."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from convert.errors import SpecError
from train.sources.base import Context, Item, Source, resolve


@dataclass(frozen=True, kw_only=True)
class IndexSource(Source):
    """Clips listed in a CSV file with a header line.

    Attributes:
        path: the CSV file, or a folder that holds `index.csv`. Clip paths in it are relative to it.
        path_column: header of the column with the clip's path.
        word_column: likewise the word.
        speaker_column: likewise the speaker.
        split_column: likewise the published split; the column may be missing, and "" ignores it.
    """

    path: str
    path_column: str = "path"
    word_column: str = "word"
    speaker_column: str = "speaker"
    split_column: str = "split"
    kind: Literal["index"] = "index"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.path:
            raise SpecError("path must name a CSV file. Received: ''.")

    @property
    def namespace(self) -> str:
        """`name`, or the name of the folder that the index describes."""
        if self.name:
            return self.name
        path = Path(self.path)
        if path.suffix.lower() != ".csv":
            return path.name or "index"
        return (path.parent.name if path.stem == "index" else path.stem) or "index"

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`.

        Raises:
            SpecError: the file is missing, is not such a CSV, or a path leaves its folder.
        """
        path = resolve(self.path, context.base)
        if path.is_dir():
            path = path / "index.csv"
        if not path.is_file():
            raise SpecError(f"An index must be a CSV file that exists. Received: {path}.")
        try:
            with path.open(newline="", encoding="utf-8-sig") as file:
                rows = list(csv.DictReader(file))
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SpecError(
                f"An index must be a readable CSV file ({error}). Received: {path}."
            ) from error
        needed = (self.path_column, self.word_column, self.speaker_column)
        if not rows:
            raise SpecError(f"An index must list at least one clip. Received: {path}.")
        for column in needed:
            if column not in rows[0]:
                raise SpecError(
                    f"An index must have the columns {', '.join(needed)}. "
                    f"Received: {', '.join(str(k) for k in rows[0])} in {path}."
                )
        items = []
        for line, row in enumerate(rows, start=2):
            name, word, speaker = (str(row[column] or "").strip() for column in needed)
            if not (name and word and speaker):
                raise SpecError(
                    f"Every line of an index must name path, word and speaker. "
                    f"Received: line {line} of {path}."
                )
            split = str(row.get(self.split_column) or "").strip() if self.split_column else ""
            items.append(Item(word, speaker, name, path.parent / name, published=split))
        return items
