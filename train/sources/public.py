"""What the public sets share: where they come from and how they land on this machine."""

from __future__ import annotations

import re
from dataclasses import dataclass

from convert.errors import SpecError
from train.sources.base import Source


@dataclass(frozen=True, kw_only=True)
class PublicSource(Source):
    """Fields of every source that is fetched.

    Attributes:
        url: a mirror to fetch from instead of the official home; the checksum stays.
        sha256: checksum of the archive; needed where none is pinned, and replaces the pinned one.
        path: a folder with the unpacked set, or the archive's file, to use instead of fetching.
    """

    url: str = ""
    sha256: str = ""
    path: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_sha256(self.sha256)


def _check_sha256(value: str) -> None:
    """Raise SpecError unless `value` is empty or 64 hexadecimal digits."""
    if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
        raise SpecError(f"sha256 must be 64 hexadecimal digits. Received: {value!r}.")
