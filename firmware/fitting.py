"""What to say when an image does not fit its board: who takes how much, and what would fit.

The image is linked once more, for a board with room to spare, and the bytes of its symbols are
added up by the part of the firmware that they come from.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from firmware.board import Board, list_boards, load_board
from firmware.errors import FirmwareError
from firmware.hostbuild import FIRMWARE_DIR, Source

_PARTS = {
    "kernels": "kernels",
    "frontend": "front-end",
    "app": "application",
    "runtime": "runtime",
    "bare": "application",
    "cortexm": "start-up and board",
    "boards": "start-up and board",
    "drivers": "start-up and board",
}
"""Folder of `firmware` -> part of the firmware."""

_FRONTEND_BUFFERS = ("frontend", "rows", "window")
"""What the application holds for the front-end: its state, and the window of rows."""

_OTHER = "libraries and padding"
_DEFINED = re.compile(r"^(?!extern|#|/|\*)[A-Za-z_][^;{}()\[=]*?\b(\w+)\s*[\[(=;]", re.MULTILINE)


@dataclass(frozen=True)
class Share:
    """Bytes that one part of the firmware takes."""

    part: str
    flash: int
    ram: int


@dataclass(frozen=True)
class Need:
    """What a memory has and what the image needs, in bytes."""

    region: str
    has: int
    needs: int


class ImageTooLargeError(FirmwareError):
    """The image does not fit the board.

    Attributes:
        board: that it was linked for.
        needs: of the memories that are too small.
        shares: of all parts, largest first.
    """

    def __init__(self, board: Board, needs: tuple[Need, ...], shares: tuple[Share, ...]) -> None:
        self.board, self.needs, self.shares = board, needs, shares
        told = "; ".join(
            f"{need.region} has {need.has:,} bytes, the image needs {need.needs:,}"
            + _listed(shares, need.region)
            for need in needs
        )
        super().__init__(
            f"The image must fit the memory of {board.name}. Received: {told}. "
            f"{_advice(needs, shares)}{_larger(board, shares)}"
        )


def shares(elf_bytes: bytes, sources: Mapping[str, Source]) -> tuple[Share, ...]:
    """Who takes how much of a linked image, most RAM first; the parts add up to the sections.

    Args:
        elf_bytes: the image.
        sources: the files that were compiled: name -> text or path.
    """
    part_of = {name: _part(source) for name, source in sources.items()}
    owners = {
        symbol: part_of[name]
        for name, source in sources.items()
        if name.endswith(".c")
        for symbol in _DEFINED.findall(_text(source))
    }
    elf = ELFFile(io.BytesIO(elf_bytes))
    flash: dict[str, int] = {}
    ram: dict[str, int] = {}
    places: dict[int, tuple[bool, bool]] = {}
    for index, section in enumerate(elf.iter_sections()):
        if not section["sh_flags"] & 2 or not section["sh_size"]:  # SHF_ALLOC
            continue
        stored, written = section["sh_type"] != "SHT_NOBITS", bool(section["sh_flags"] & 1)
        places[index] = (stored, written)
        stack = section.name == ".stack"
        for room, inside in ((flash, stored), (ram, written or stack)):
            if inside:
                part = "stack" if stack else _OTHER
                room[part] = room.get(part, 0) + section["sh_size"]
    table = elf.get_section_by_name(".symtab")
    assert isinstance(table, SymbolTableSection)
    file, seen = "", set()
    for entry in table.iter_symbols():
        kind, address = entry["st_info"]["type"], entry["st_value"]
        if kind == "STT_FILE":
            file = Path(entry.name).name
        local = entry["st_info"]["bind"] == "STB_LOCAL"
        owner = part_of.get(file) if local else owners.get(entry.name)
        if owner == "application" and entry.name in _FRONTEND_BUFFERS:
            owner = "front-end"
        if kind not in ("STT_FUNC", "STT_OBJECT") or entry["st_shndx"] not in places:
            continue
        if owner is None or address in seen:
            continue
        seen.add(address)
        stored, written = places[entry["st_shndx"]]
        for room, inside in ((flash, stored), (ram, written)):
            if inside:
                room[owner] = room.get(owner, 0) + entry["st_size"]
                room[_OTHER] -= entry["st_size"]
    parts = {*flash, *ram}
    found = [Share(part, flash.get(part, 0), ram.get(part, 0)) for part in parts]
    return tuple(sorted(found, key=lambda share: (-share.ram, -share.flash, share.part)))


def _text(source: Source) -> str:
    return source if isinstance(source, str) else source.read_text(encoding="utf-8")


def _part(source: Source) -> str:
    """Generated files are the model's, but for the front-end's tables."""
    if isinstance(source, str):
        return "front-end" if "ws_fe_" in source or "WS_FE_" in source else "model"
    try:
        folder = source.resolve().relative_to(FIRMWARE_DIR).parts[0]
    except ValueError:
        return "model"
    return _PARTS.get(folder, _OTHER)


def _listed(found: tuple[Share, ...], region: str) -> str:
    sizes = [(s.flash if region == "FLASH" else s.ram, s.part) for s in found]
    told = [f"{part} {size:,}" for size, part in sorted(sizes, reverse=True) if size]
    return f" ({', '.join(told)})" if told else ""


def _advice(needs: tuple[Need, ...], found: tuple[Share, ...]) -> str:
    """What shrinks the largest part of what is over."""
    over = {need.region for need in needs}
    model = next((share for share in found if share.part == "model"), Share("model", 0, 0))
    front = next((share for share in found if share.part == "front-end"), Share("", 0, 0))
    told = []
    if "RAM" in over and model.ram >= front.ram:
        told.append("a model with smaller activations (fewer channels, earlier strides)")
    elif "RAM" in over:
        told.append("a front-end with fewer bands or a shorter window of clips")
    if "FLASH" in over:
        told.append("fewer or 4-bit weights (linear_int4, log4)")
    return f"Choose {' and '.join(told)}, or a larger board" if told else "Choose a larger board"


def _larger(board: Board, found: tuple[Share, ...]) -> str:
    """Names the smallest boards that the same image would fit; a tenth is left as a margin."""
    flash, ram = sum(s.flash for s in found), sum(s.ram for s in found)
    fitting = [
        other
        for other in map(load_board, list_boards())
        if other.name != board.name
        and other.flash_size * 9 >= flash * 10
        and (other.ram_size - other.stack_size + board.stack_size) * 9 >= ram * 10
    ]
    fitting.sort(key=lambda other: (other.ram_size, other.flash_size, other.name))
    told = ", ".join(
        f"{other.name} ({other.flash_size // 1024:,} kB flash, {other.ram_size // 1024:,} kB RAM)"
        for other in fitting[:2]
    )
    return f": {told}." if told else "."
