"""What the public sets share: where they come from and how they land on this machine."""

from __future__ import annotations

from dataclasses import dataclass

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
        from train.download import check_sha256

        check_sha256(self.sha256)
