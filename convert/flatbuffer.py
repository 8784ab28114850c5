"""Reads FlatBuffers from strangers: every offset and length is checked before it is followed.

The official Python reader trusts its input: damaged files raise any exception, read negative
indices from the wrong end or build huge lists. Here what does not fit raises `ModelError`.

A FlatBuffer may point to the same bytes many times, so a small file can describe a gigantic object.
Each byte that is decoded is therefore charged to a budget of a few times the file size, which
bounds time and memory to a multiple of the file, whatever is in it. Numbers are only viewed, not
copied.

Format: https://flatbuffers.dev/internals (tables, vtables, vectors; all little-endian).
"""

from __future__ import annotations

import struct

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError

_BUDGET_FACTOR = 4  # a file without sharing is decoded once at most
_BUDGET_BASE = 4096
_TABLE_COST = 8

_U16 = struct.Struct("<H")
_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_SCALARS = {
    code: struct.Struct("<" + code) for code in ("b", "B", "h", "H", "i", "I", "q", "Q", "f", "d")
}


class Source:
    """The bytes of a file and what may still be decoded of them."""

    def __init__(self, data: bytes, what: str) -> None:
        """`what` names the file's kind in messages, e.g. "A .tflite"."""
        self.data = data
        self.what = what
        self._budget = _BUDGET_FACTOR * len(data) + _BUDGET_BASE

    def damaged(self, detail: str) -> ModelError:
        """The error for a file that contradicts itself."""
        return ModelError(
            f"{self.what} must be undamaged. Received: {len(self.data)} bytes in which {detail}. "
            "Make or download the file again."
        )

    def charge(self, nbytes: int) -> None:
        """Count decoded bytes.

        Raises:
            ModelError: much more was decoded than the file holds.
        """
        self._budget -= nbytes
        if self._budget < 0:
            raise self.damaged("many parts point to the same bytes")

    def need(self, position: int, nbytes: int, part: str) -> None:
        """Raises ModelError unless `nbytes` at `position` lie inside the file."""
        if position < 0 or nbytes < 0 or position + nbytes > len(self.data):
            raise self.damaged(f"{part} lies outside of the file")

    def root(self, identifier: bytes) -> Table:
        """The root table.

        Raises:
            ModelError: too short, another identifier, or a root outside of the file.
        """
        if len(self.data) < 8:
            raise ModelError(
                f"{self.what} must have 8 bytes or more. Received: {len(self.data)} bytes."
            )
        found = self.data[4:8]
        if found != identifier:
            raise ModelError(
                f"{self.what} must carry the identifier {identifier.decode('ascii')} in bytes 4 to "
                f"7. Received: {ascii(found)[2:-1]}. Is it another kind of file?"
            )
        return Table(self, _U32.unpack_from(self.data, 0)[0], "the root table")


class Table:
    """One table; fields are asked for by slot (the field's id in the schema)."""

    __slots__ = ("_part", "_position", "_size", "_slots", "_source", "_vtable")

    def __init__(self, source: Source, position: int, part: str) -> None:
        source.charge(_TABLE_COST)
        source.need(position, 4, part)
        vtable = position - _I32.unpack_from(source.data, position)[0]
        source.need(vtable, 4, f"the field list of {part}")
        length, size = struct.unpack_from("<HH", source.data, vtable)
        source.need(vtable, length, f"the field list of {part}")
        source.need(position, size, part)
        if length < 4 or length % 2 or size < 4:
            raise source.damaged(f"the field list of {part} has an impossible size")
        self._source = source
        self._position = position
        self._part = part
        self._vtable = vtable
        self._slots = (length - 4) // 2
        self._size = size

    def _field(self, slot: int, nbytes: int) -> int | None:
        """Position in the file of a field, None when it is absent."""
        if slot >= self._slots:
            return None
        offset: int = _U16.unpack_from(self._source.data, self._vtable + 4 + 2 * slot)[0]
        if offset == 0:
            return None
        if offset < 4 or offset + nbytes > self._size:
            raise self._source.damaged(f"field {slot} of {self._part} lies outside of it")
        return self._position + offset

    def has(self, slot: int) -> bool:
        """True when the field is present."""
        return self._field(slot, 1) is not None

    def integer(self, slot: int, code: str, default: int = 0) -> int:
        """An integer; `code` as in `struct`."""
        layout = _SCALARS[code]
        position = self._field(slot, layout.size)
        return (
            default if position is None else int(layout.unpack_from(self._source.data, position)[0])
        )

    def real(self, slot: int, default: float = 0.0) -> float:
        """A float32."""
        position = self._field(slot, 4)
        if position is None:
            return default
        return float(_SCALARS["f"].unpack_from(self._source.data, position)[0])

    def boolean(self, slot: int, default: bool = False) -> bool:
        """A bool; anything but 0 is true."""
        return self.integer(slot, "B", int(default)) != 0

    def _target(self, slot: int) -> int | None:
        position = self._field(slot, 4)
        if position is None:
            return None
        return position + int(_U32.unpack_from(self._source.data, position)[0])

    def table(self, slot: int, part: str) -> Table | None:
        """A table, None when absent."""
        target = self._target(slot)
        return None if target is None else Table(self._source, target, part)

    def _vector(self, slot: int, item: int, part: str) -> tuple[int, int] | None:
        """Position of the first item and number of items, None when absent."""
        target = self._target(slot)
        if target is None:
            return None
        self._source.need(target, 4, part)
        count = int(_U32.unpack_from(self._source.data, target)[0])
        self._source.need(target + 4, count * item, part)
        return target + 4, count

    def numbers(self, slot: int, dtype: str, part: str) -> NDArray[np.generic]:
        """A read-only view of a vector of numbers, empty when absent; `dtype` as in NumPy."""
        kind = np.dtype(dtype)
        found = self._vector(slot, kind.itemsize, part)
        if found is None or found[1] == 0:
            return np.empty(0, kind)
        return np.frombuffer(self._source.data, kind, found[1], found[0])

    def integers(self, slot: int, dtype: str, part: str) -> tuple[int, ...]:
        """A vector of numbers as a tuple of int, empty when absent."""
        view = self.numbers(slot, dtype, part)
        self._source.charge(view.nbytes)
        return tuple(view.tolist())

    def reals(self, slot: int, part: str) -> tuple[float, ...]:
        """A vector of float32 as a tuple of float, empty when absent."""
        view = self.numbers(slot, "<f4", part)
        self._source.charge(view.nbytes)
        return tuple(view.tolist())

    def text(self, slot: int, part: str) -> str:
        """A string, empty when absent; bytes that are not UTF-8 are replaced."""
        found = self._vector(slot, 1, part)
        if found is None:
            return ""
        position, count = found
        self._source.charge(count)
        return self._source.data[position : position + count].decode("utf-8", "replace")

    def tables(self, slot: int, part: str) -> list[Table]:
        """A vector of tables, empty when absent. `part` names one of them, e.g. "tensor"."""
        found = self._vector(slot, 4, f"the list of {part}s")
        if found is None:
            return []
        start, count = found
        self._source.charge(4 * count)
        offsets = np.frombuffer(self._source.data, "<u4", count, start).tolist() if count else []
        return [
            Table(self._source, start + 4 * i + offset, f"{part} {i}")
            for i, offset in enumerate(offsets)
        ]
