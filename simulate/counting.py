"""Exact instruction counts inside Unicorn, by function and by scope.

The counting is done by a small C library (cortexm_hooks.c), compiled at first use by the host
builder and cached. Unicorn calls it directly; Python only reads the results. There is no slower
fallback: a compiler that cannot make the library is an error.
"""

from __future__ import annotations

import ctypes
import functools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from unicorn import Uc
from unicorn.arm_const import UC_ARM_REG_LR, UC_ARM_REG_R0, UC_ARM_REG_SP
from unicorn.unicorn_const import UC_HOOK_BLOCK, UC_HOOK_CODE
from unicorn.unicorn_py3.unicorn import uclib

from firmware.hostbuild import build_shared
from simulate.elf import Elf

LIMIT, ZERO_DIVISION, TOO_DEEP, EVENT = 1, 2, 3, 4
"""Why the library stopped the machine."""

NEVER = 2**64 - 1
"""For `Counter.stop_at`."""


class _Head(ctypes.Structure):
    """The public head of `counter_t` in cortexm_hooks.c."""

    _fields_ = (
        ("total", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("bound", ctypes.c_uint64),
        ("elsewhere", ctypes.c_uint64),
        ("stopped", ctypes.c_uint32),
        ("trap_zero", ctypes.c_uint32),
        ("masked", ctypes.c_uint32),
    )


@dataclass(frozen=True)
class Scope:
    """A function to be counted with everything it calls.

    Attributes:
        address: of its first instruction.
        source: host address of memory to copy at its return, or 0.
        target: host address to copy to.
        nbytes: how much.
    """

    address: int
    source: int = 0
    target: int = 0
    nbytes: int = 0


@functools.cache
def _library() -> ctypes.CDLL:
    source = Path(__file__).with_name("cortexm_hooks.c")
    library = ctypes.CDLL(str(build_shared({source.name: source})))
    pointer, number, wide = ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint64
    signed = ctypes.c_int32
    library.ws_counter_new.restype = ctypes.POINTER(_Head)
    library.ws_counter_new.argtypes = (
        *(pointer, number, number, number, pointer, pointer),
        *(signed, signed, signed),
    )
    library.ws_scope.argtypes = (pointer, number, number, pointer, pointer, wide)
    library.ws_scope.restype = signed
    for name in ("ws_counter_free", "ws_counter_clear", "ws_close_scopes", "ws_drop_scopes"):
        getattr(library, name).argtypes = (pointer,)
        getattr(library, name).restype = None
    library.ws_scope_counts.argtypes = (pointer, pointer, pointer)
    library.ws_scope_counts.restype = None
    library.ws_slot_counts.argtypes = (pointer, pointer)
    library.ws_slot_counts.restype = None
    return library


class Counter:
    """Counts everything that one Unicorn engine executes.

    Args:
        engine: the engine; it must not outlive this object.
        elf: for the extent of the code.
        flash: the bytes of the memory that holds the code, as mapped.
        flash_origin: where that memory begins.
        scopes: functions to be counted with their callees.
    """

    def __init__(
        self,
        engine: Uc,
        elf: Elf,
        flash: NDArray[np.uint8],
        flash_origin: int,
        scopes: Sequence[Scope] = (),
    ) -> None:
        self._lib = _library()
        self._flash = flash
        self._base, end = elf.code
        self._bytes = end - self._base
        self._scopes = len(scopes)
        offset = self._base - flash_origin
        self._head = self._lib.ws_counter_new(
            flash.ctypes.data + offset,
            self._base,
            self._bytes,
            len(scopes),
            ctypes.cast(uclib.uc_emu_stop, ctypes.c_void_p),
            ctypes.cast(uclib.uc_reg_read, ctypes.c_void_p),
            *(UC_ARM_REG_SP, UC_ARM_REG_LR, UC_ARM_REG_R0),
        )
        if not self._head:
            raise MemoryError("no memory for instruction counts")
        weakref.finalize(self, self._lib.ws_counter_free, self._head)
        for index, scope in enumerate(scopes):
            made = self._lib.ws_scope(
                *(self._head, index, scope.address, scope.source, scope.target, scope.nbytes)
            )
            if not made:
                raise ValueError(f"scope at 0x{scope.address:x} is outside the code")
        self._cleared = 0
        self._limit = self._stop = NEVER
        self._hook(engine, UC_HOOK_BLOCK, self._lib.ws_block, 1, 0)
        # Thumb-2 SDIV and UDIV: 11111011 10x1 nnnn, 1111 dddd 1111 mmmm (Armv7-M ARM A5.3.17).
        halves = flash[offset : offset + self._bytes // 2 * 2].view("<u2")
        first = (halves[:-1] & 0xFFD0) == 0xFB90
        second = (halves[1:] & 0xF0F0) == 0xF0F0
        for position in np.flatnonzero(first & second):
            address = self._base + 2 * int(position)
            self._hook(engine, UC_HOOK_CODE, self._lib.ws_divide, address, address)
        # CPSIE (B5.2.1, T1), and MSR to PRIMASK, BASEPRI, BASEPRI_MAX or FAULTMASK (B5.2.3, T1).
        opens = (halves & 0xFFFC) == 0xB660
        opens[:-1] |= ((halves[:-1] & 0xFFF0) == 0xF380) & ((halves[1:] & 0xFFF8) == 0x8810)
        for position in np.flatnonzero(opens):
            address = self._base + 2 * int(position)
            self._hook(engine, UC_HOOK_CODE, self._lib.ws_unmask, address, address)

    def _hook(self, engine: Uc, kind: int, function: object, begin: int, end: int) -> None:
        handle = ctypes.c_size_t()
        callback = ctypes.cast(function, ctypes.c_void_p)  # type: ignore[arg-type]
        user = ctypes.cast(self._head, ctypes.c_void_p)
        status = uclib.uc_hook_add(
            *(engine._uch, ctypes.byref(handle), kind, callback, user, begin, end)
        )
        if status != 0:
            raise RuntimeError(f"Unicorn refused a hook with status {status}")

    @property
    def total(self) -> int:
        """Instructions since the last `clear`."""
        return int(self._head.contents.total)

    @property
    def elapsed(self) -> int:
        """Instructions since the machine was made, whatever was cleared."""
        return self._cleared + self.total

    @property
    def stopped(self) -> int:
        """0, or why the library stopped the machine."""
        return int(self._head.contents.stopped)

    def arm(self, limit: int) -> None:
        """Allow `limit` more instructions and forget why the machine was stopped before."""
        self._limit = min(self.elapsed + limit, NEVER)
        self.resume()

    def resume(self) -> None:
        """Forget why the machine was stopped before."""
        self._head.contents.stopped = 0
        self._bind()

    def stop_at(self, elapsed: int) -> None:
        """Stop with EVENT before the first block that begins at this count or later."""
        self._stop = elapsed
        self._bind()

    def _bind(self) -> None:
        head = self._head.contents
        head.limit = max(self._limit - self._cleared, 0)
        head.bound = max(min(self._stop, self._limit + 1) - self._cleared, 0)

    def trap_zero(self, on: bool) -> None:
        """Stop at a division by zero, as CCR.DIV_0_TRP asks."""
        self._head.contents.trap_zero = int(on)

    def stop_at_unmask(self, on: bool) -> None:
        """Stop with EVENT behind the next instruction that may change PRIMASK and the like."""
        self._head.contents.masked = int(on)

    def clear(self) -> None:
        """Forget all counts."""
        self._cleared += self.total
        self._lib.ws_counter_clear(self._head)
        self._bind()

    def close_scopes(self) -> None:
        """The outermost call has returned."""
        self._lib.ws_close_scopes(self._head)

    def drop_scopes(self) -> None:
        """The run was broken off."""
        self._lib.ws_drop_scopes(self._head)

    def scopes(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """(instructions, calls) of every scope."""
        instructions = np.zeros(self._scopes + 1, np.uint64)
        calls = np.zeros(self._scopes + 1, np.uint64)
        self._lib.ws_scope_counts(self._head, instructions.ctypes.data, calls.ctypes.data)
        return instructions[:-1], calls[:-1]

    def by_function(self, elf: Elf) -> dict[str, int]:
        """Function -> instructions executed in its own code, largest first; zeros left out."""
        counts = np.zeros(self._bytes // 2 + 1, np.uint64)
        self._lib.ws_slot_counts(self._head, counts.ctypes.data)
        totals: dict[str, int] = {}
        for position in np.flatnonzero(counts):
            address = self._base + 2 * int(position)
            function = elf.function_at(address)
            name = function.name if function else f"0x{address:08x}"
            totals[name] = totals.get(name, 0) + int(counts[position])
        elsewhere = int(self._head.contents.elsewhere)
        if elsewhere:
            totals["code outside flash"] = elsewhere
        return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0])))
