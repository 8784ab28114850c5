"""The image's CRC: computed over what will lie in flash, written into the linked ELF."""

from __future__ import annotations

import io
import zlib

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from firmware.errors import FirmwareError

_START, _END, _WORD = "__image_start", "__image_end", "ws_image_crc"


def fill_crc(elf_bytes: bytes) -> bytes:
    """The ELF with the CRC-32 (IEEE 802.3, as `zlib.crc32`) of its image in `ws_image_crc`.

    The image is everything from `__image_start` to `__image_end` by load address, without the word
    itself; firmware/cortexm/integrity.c computes the same.

    Raises:
        FirmwareError: the ELF cannot be read, lacks one of the symbols, or its image has gaps.
    """
    try:
        elf = ELFFile(io.BytesIO(elf_bytes))
        symbols = _symbols(elf)
        missing = [name for name in (_START, _END, _WORD) if name not in symbols]
        if missing:
            raise FirmwareError(
                f"An image must define {_START}, {_END} and {_WORD}. Received: no {missing[0]}. "
                "A linker script of one's own must have them, see firmware/cortexm/sections.ld."
            )
        start, end, word = symbols[_START], symbols[_END], symbols[_WORD]
        parts = sorted(
            (s["p_paddr"], s["p_offset"], s["p_filesz"])
            for s in elf.iter_segments("PT_LOAD")
            if s["p_filesz"]
        )
    except (ELFError, KeyError, ValueError) as error:
        raise FirmwareError(f"An ELF must be readable. Received: {error}.") from error
    flat, at = bytearray(), start
    word_offset = -1
    for address, offset, size in parts:
        # The first segment may bring the ELF's own header, below the image.
        skipped = max(at - address, 0)
        if address + size <= at or address >= end:
            continue
        if address > at:
            raise FirmwareError(
                "An image must have no gaps. "
                f"Received: nothing between 0x{at:08x} and 0x{address:08x}."
            )
        taken = min(address + size, end) - at
        if at <= word < at + taken:
            word_offset = offset + skipped + word - at
        flat += elf_bytes[offset + skipped : offset + skipped + taken]
        at += taken
    if at != end or word_offset < 0:
        raise FirmwareError(
            f"An image must reach from {_START} to {_END} and hold {_WORD}. "
            f"Received: 0x{start:08x} to 0x{at:08x}."
        )
    crc = zlib.crc32(flat[word - start + 4 :], zlib.crc32(flat[: word - start]))
    return elf_bytes[:word_offset] + crc.to_bytes(4, "little") + elf_bytes[word_offset + 4 :]


def _symbols(elf: ELFFile) -> dict[str, int]:
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        return {}
    return {
        symbol.name: symbol["st_value"]
        for symbol in table.iter_symbols()
        if symbol.name in (_START, _END, _WORD)
    }
