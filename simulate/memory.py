"""The memory of an emulated board: flash, RAM, and a window that only the host knows."""

from __future__ import annotations

import mmap

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc
from unicorn import unicorn_const as uc

from firmware.board import Board
from simulate.elf import Elf

HOST_WINDOW = 0x9000_0000
"""Extra memory for arguments of `Machine.call`, in the external RAM range, not on any board."""

HOST_WINDOW_SIZE = 0x0020_0000


class Memory:
    """Bytes that the core and Python share.

    Args:
        engine: where they are mapped.
        board: says where flash and RAM are.
        elf: what lies in the flash.

    Raises:
        ValueError: the ELF has bytes outside the board's flash.
    """

    def __init__(self, engine: Uc, board: Board, elf: Elf) -> None:
        self.flash = _zeros(board.flash_size)
        self.ram = _zeros(board.ram_size)
        read, write, run = uc.UC_PROT_READ, uc.UC_PROT_WRITE, uc.UC_PROT_EXEC
        regions = (
            (board.ram_origin, self.ram, read | write | run),
            (board.flash_origin, self.flash, read | run),
            (HOST_WINDOW, _zeros(HOST_WINDOW_SIZE), read | write),
        )
        for origin, memory, access in regions:
            engine.mem_map_ptr(origin, memory.size, access, memory.ctypes.data)
        self._regions = tuple((origin, memory) for origin, memory, _ in regions)
        for address, data in elf.segments:
            start = address - board.flash_origin
            if not 0 <= start <= self.flash.size - len(data):
                raise ValueError(f"0x{address:08x} is outside the flash of {board.name}")
            self.flash[start : start + len(data)] = np.frombuffer(data, np.uint8)

    def view(self, address: int, nbytes: int) -> NDArray[np.uint8]:
        """The bytes at `address` in RAM, flash or the host window, not copied.

        Raises:
            ValueError: there is no memory.
        """
        for origin, memory in self._regions:
            start = address - origin
            if start >= 0 and start + nbytes <= memory.size:
                return memory[start : start + nbytes]
        raise ValueError(f"0x{address:08x} plus {nbytes} bytes is not in the board's memory")


def _zeros(size: int) -> NDArray[np.uint8]:
    """Zeroed, page-aligned, not touched until used."""
    return np.frombuffer(mmap.mmap(-1, size), np.uint8)
