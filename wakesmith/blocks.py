"""Things that a `with` block begins and ends."""

from __future__ import annotations

from types import TracebackType
from typing import TypeVar

_Self = TypeVar("_Self", bound="Block")


class Block:
    """Begun and ended by a `with` block, however that is left."""

    def begin(self) -> None:
        """What the block begins with."""

    def end(self) -> None:
        """What it ends with."""

    def __enter__(self: _Self) -> _Self:
        self.begin()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()
