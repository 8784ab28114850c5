"""What a build leaves: an ELF, its BIN and HEX, and where every byte of flash and RAM went."""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from intelhex import IntelHex

from firmware.board import Board
from firmware.boot2 import fill_boot_crc
from firmware.checksum import fill_crc
from firmware.content import join
from firmware.errors import FirmwareError
from firmware.uf2 import write_uf2

Place = Literal["code", "constant", "data", "zero", "stack"]
"""code and constant lie in flash; data in flash and RAM; zero and stack in RAM."""

_PLACES: dict[str, Place] = {
    ".boot": "code",
    ".vectors": "constant",
    ".text": "code",
    ".rodata": "constant",
    ".data": "data",
    ".bss": "zero",
    ".stack": "stack",
}


@dataclass(frozen=True)
class Section:
    """One section of the memory map. `load_address` differs from `address` for initialised data."""

    name: str
    place: Place
    address: int
    load_address: int
    size: int


@dataclass(frozen=True)
class Symbol:
    """One function or object, with its size in bytes."""

    name: str
    place: Place
    address: int
    size: int


@dataclass(frozen=True)
class Image:
    """A linked firmware image. Sizes in bytes.

    Attributes:
        flash_bytes: code, constants and the initial values of data.
        ram_bytes: static RAM (data and zero-initialised data), without the stack.
        stack_bytes: what the linker reserved for the stack.
        sections: the memory map, by address.
        symbols: functions and objects, by address.
        sha256: of the ELF file.
    """

    board: Board
    elf: Path
    bin: Path
    hex: Path
    flash_bytes: int
    ram_bytes: int
    stack_bytes: int
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    sha256: str

    def symbol(self, name: str) -> Symbol:
        """The symbol of this name.

        Raises:
            KeyError: there is none.
        """
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise KeyError(name)


def write_image(elf_bytes: bytes, board: Board, out_dir: Path, name: str) -> Image:
    """Write `name`.elf, .bin and .hex into `out_dir`, each whole or not at all, with their CRC.

    For boards whose bootloader takes it, `name`.uf2 too.

    Raises:
        FirmwareError: the ELF cannot be read or a file cannot be written.
    """
    elf_bytes = fill_boot_crc(fill_crc(elf_bytes))
    sections, symbols, contents = _read(elf_bytes)
    hex_file = IntelHex()
    base = min(section.load_address for section, _ in contents)
    end = max(section.load_address + len(data) for section, data in contents)
    flat = bytearray(b"\xff" * (end - base))
    for section, data in contents:
        start = section.load_address - base
        flat[start : start + len(data)] = data
        hex_file.frombytes(data, section.load_address)
    text = io.StringIO()
    hex_file.write_hex_file(text)
    paths = {suffix: out_dir / f"{name}.{suffix}" for suffix in ("elf", "bin", "hex")}
    _write(paths["elf"], elf_bytes)
    _write(paths["bin"], bytes(flat))
    _write(paths["hex"], text.getvalue().encode("ascii"))
    if board.flash.family:
        content = join((section.load_address, data) for section, data in contents)
        _write(out_dir / f"{name}.uf2", write_uf2(content, board.flash.family))
    return _image(paths["elf"], board, elf_bytes, sections, symbols)


def open_image(elf: Path, board: Board) -> Image:
    """The image of an ELF that was built before; its BIN and HEX lie beside it.

    Raises:
        FirmwareError: the file cannot be read or is not an ELF for Arm.
    """
    try:
        data = elf.read_bytes()
    except OSError as error:
        raise FirmwareError(
            f"An ELF must be readable. Received: {elf}: {error.strerror}."
        ) from error
    sections, symbols, _ = _read(data)
    return _image(elf, board, data, sections, symbols)


def _image(
    elf: Path,
    board: Board,
    data: bytes,
    sections: tuple[Section, ...],
    symbols: tuple[Symbol, ...],
) -> Image:
    sizes: dict[Place, int] = dict.fromkeys(("code", "constant", "data", "zero", "stack"), 0)
    for section in sections:
        sizes[section.place] += section.size
    return Image(
        board=board,
        elf=elf,
        bin=elf.with_suffix(".bin"),
        hex=elf.with_suffix(".hex"),
        flash_bytes=sizes["code"] + sizes["constant"] + sizes["data"],
        ram_bytes=sizes["data"] + sizes["zero"],
        stack_bytes=sizes["stack"],
        sections=sections,
        symbols=symbols,
        sha256=hashlib.sha256(data).hexdigest(),
    )


def _read(
    elf_bytes: bytes,
) -> tuple[tuple[Section, ...], tuple[Symbol, ...], list[tuple[Section, bytes]]]:
    """Sections, sized symbols, and the sections that are stored in flash with their bytes."""
    try:
        elf = ELFFile(io.BytesIO(elf_bytes))
        if elf["e_machine"] != "EM_ARM":
            raise FirmwareError(f"An ELF must be for Arm. Received: {elf['e_machine']}.")
        loads = [s.header for s in elf.iter_segments("PT_LOAD")]
        sections: list[Section] = []
        contents: list[tuple[Section, bytes]] = []
        place_of: dict[int, Place] = {}
        for index, part in enumerate(elf.iter_sections()):
            header = part.header
            if not header["sh_flags"] & 2 or header["sh_size"] == 0:  # SHF_ALLOC
                continue
            stored = header["sh_type"] != "SHT_NOBITS"
            load = header["sh_addr"]
            for segment in loads:
                offset = header["sh_addr"] - segment["p_vaddr"]
                if 0 <= offset < max(segment["p_memsz"], 1):
                    load = segment["p_paddr"] + offset
            writable = bool(header["sh_flags"] & 1)
            default: Place = ("data" if writable else "constant") if stored else "zero"
            place = _PLACES.get(part.name, default)
            place_of[index] = place
            section = Section(part.name, place, header["sh_addr"], load, header["sh_size"])
            sections.append(section)
            if stored:
                contents.append((section, part.data()))
        table = elf.get_section_by_name(".symtab")
        symbols: dict[tuple[int, str], Symbol] = {}
        if isinstance(table, SymbolTableSection):
            for entry in table.iter_symbols():
                kind = entry["st_info"]["type"]
                if kind not in ("STT_FUNC", "STT_OBJECT") or entry["st_shndx"] not in place_of:
                    continue
                address = entry["st_value"] & ~1 if kind == "STT_FUNC" else entry["st_value"]
                symbols[address, entry.name] = Symbol(
                    entry.name, place_of[entry["st_shndx"]], address, entry["st_size"]
                )
    except (ELFError, KeyError, ValueError) as error:
        raise FirmwareError(f"An ELF must be readable. Received: {error}.") from error
    if not contents:
        raise FirmwareError("An ELF must hold code. Received: no section that is loaded.")
    # Aliases share an address: the shortest name stands for all, so that sizes can be added up.
    alone: dict[int, Symbol] = {}
    for symbol in sorted(symbols.values(), key=lambda s: (s.address, -s.size, len(s.name), s.name)):
        alone.setdefault(symbol.address, symbol)
    ordered = tuple(alone.values())
    return tuple(sorted(sections, key=lambda s: s.address)), ordered, contents


def _write(path: Path, data: bytes) -> None:
    """The whole file or none."""
    temporary = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".tmp")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise FirmwareError(
            f"Writing must be possible at {path}. Received: {error.strerror or error}. "
            "Free some space or choose another folder."
        ) from error
