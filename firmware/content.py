"""What a firmware file puts into flash: addresses and bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from firmware.errors import FirmwareError

ERASED = 0xFF
"""What flash holds after erasing."""

_SPACE = 1 << 32


@dataclass(frozen=True)
class Content:
    """Bytes of flash by address.

    Attributes:
        segments: (address, bytes), ascending, none empty, none touching the next; made by `join`.
    """

    segments: tuple[tuple[int, bytes], ...]

    @property
    def start(self) -> int:
        """The lowest address."""
        return self.segments[0][0]

    @property
    def end(self) -> int:
        """The address behind the last byte."""
        address, data = self.segments[-1]
        return address + len(data)

    @property
    def size(self) -> int:
        """Bytes, without those between segments."""
        return sum(len(data) for _, data in self.segments)

    def filled(self, granule: int) -> Content:
        """The same with every block of `granule` bytes that is touched filled up with 0xff."""
        blocks: dict[int, bytearray] = {}
        for at, piece in self._pieces(granule):
            block = blocks.setdefault(at - at % granule, bytearray([ERASED]) * granule)
            block[at % granule : at % granule + len(piece)] = piece
        return join((at, bytes(block)) for at, block in blocks.items())

    def _pieces(self, granule: int) -> Iterator[tuple[int, bytes]]:
        """The bytes, cut where a block of `granule` bytes ends."""
        for address, data in self.segments:
            first = granule - address % granule
            cuts = [0, *range(first, len(data), granule), len(data)]
            for begin, end in pairwise(cuts):
                yield address + begin, data[begin:end]


def join(pieces: Iterable[tuple[int, bytes]]) -> Content:
    """Pieces in any order as one content.

    Raises:
        FirmwareError: there are none, two overlap, or one lies outside of 32-bit addresses.
    """
    joined: list[tuple[int, bytearray]] = []
    for address, data in sorted(piece for piece in pieces if piece[1]):
        if address < 0 or address + len(data) > _SPACE:
            raise FirmwareError(
                f"Firmware must lie below 4 GB. Received: {len(data):,} bytes at {address:#x}."
            )
        end = joined[-1][0] + len(joined[-1][1]) if joined else -1
        if address < end:
            raise FirmwareError(
                "Every byte of a firmware file must be given once. "
                f"Received: {address:#010x} more than once."
            )
        if address == end:
            joined[-1][1].extend(data)
        else:
            joined.append((address, bytearray(data)))
    if not joined:
        raise FirmwareError("A firmware file must hold bytes to write. Received: none.")
    return Content(tuple((address, bytes(data)) for address, data in joined))
