"""An ELF as the simulator needs it: bytes to load, and names for addresses."""

from __future__ import annotations

import bisect
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from convert.errors import UserError


@dataclass(frozen=True)
class Function:
    """One function: its address without the Thumb bit, and its size in bytes."""

    name: str
    address: int
    size: int


class Elf:
    """Segments and symbols of one ELF file.

    Attributes:
        segments: (load address, bytes) of everything that is stored.
        symbols: name -> address, aliases included, function addresses without the Thumb bit.
        functions: one per address, by address.
        code: (first address, end address) of the executable sections.
    """

    def __init__(self, path: Path) -> None:
        """Read the file.

        Raises:
            UserError: it cannot be read or is not an ELF for Arm.
        """
        self.segments: list[tuple[int, bytes]] = []
        self.symbols: dict[str, int] = {}
        sizes: dict[str, int] = {}
        kinds: dict[str, str] = {}
        spans: list[tuple[int, int]] = []
        try:
            with path.open("rb") as file:
                elf = ELFFile(file)
                if elf["e_machine"] != "EM_ARM":
                    raise UserError(f"Firmware must be for Arm. Received: {elf['e_machine']}.")
                for segment in elf.iter_segments("PT_LOAD"):
                    if segment["p_filesz"]:
                        self.segments.append((segment["p_paddr"], segment.data()))
                for section in elf.iter_sections():
                    if section["sh_flags"] & 4 and section["sh_size"]:  # SHF_EXECINSTR
                        spans.append((section["sh_addr"], section["sh_addr"] + section["sh_size"]))
                    if not isinstance(section, SymbolTableSection):
                        continue
                    for entry in section.iter_symbols():
                        kind = entry["st_info"]["type"]
                        if not entry.name or kind in ("STT_FILE", "STT_SECTION"):
                            continue
                        address = entry["st_value"]
                        if kind == "STT_FUNC":
                            address &= ~1
                        self.symbols[entry.name] = address
                        sizes[entry.name] = entry["st_size"]
                        kinds[entry.name] = kind
        except (OSError, ELFError, ValueError, KeyError) as error:
            raise UserError(
                f"Firmware must be a readable ELF file. Received: {path}: {error}."
            ) from error
        if not spans:
            raise UserError(f"Firmware must hold code. Received: {path}, which has none.")
        self.code = (min(a for a, _ in spans), max(b for _, b in spans))
        alone: dict[int, Function] = {}
        named = [
            Function(name, self.symbols[name], sizes[name])
            for name, kind in kinds.items()
            if kind == "STT_FUNC"
        ]
        for function in sorted(named, key=lambda f: (f.address, -f.size, len(f.name), f.name)):
            alone.setdefault(function.address, function)
        self.functions = tuple(alone.values())
        self._starts = [function.address for function in self.functions]
        self._objects = sorted(
            (self.symbols[n], sizes[n], n) for n, k in kinds.items() if k == "STT_OBJECT"
        )

    def function_at(self, address: int) -> Function | None:
        """The function that holds `address`."""
        position = bisect.bisect_right(self._starts, address) - 1
        if position < 0:
            return None
        function = self.functions[position]
        return function if address < function.address + max(function.size, 2) else None

    def locate(self, address: int) -> str:
        """`symbol+0x12` for an address in a function or object, else the address in hex."""
        function = self.function_at(address)
        if function is not None:
            return f"{function.name}+0x{address - function.address:x}"
        for start, size, name in self._objects:
            if start <= address < start + size:
                return f"{name}+0x{address - start:x}"
        return f"0x{address:08x}"
