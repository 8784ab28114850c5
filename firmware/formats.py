"""Firmware files: ELF, Intel HEX, BIN and UF2 to addresses and bytes, and back to HEX."""

from __future__ import annotations

import io
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from intelhex import IntelHex, IntelHexError

from firmware.content import Content, join
from firmware.errors import FirmwareError
from firmware.uf2 import read_uf2

_LARGEST = 32 << 20
"""Bytes of the largest file that is read: an Intel HEX of 11 MB."""


def read_content(path: Path, *, base: int, family: int = 0) -> Content:
    """What a file puts into flash, by its suffix: .elf, .hex, .bin or .uf2.

    Args:
        path: the file.
        base: where a .bin begins.
        family: of a .uf2, 0 for any.

    Raises:
        FirmwareError: the file cannot be read or is damaged.
    """
    readers = {
        ".elf": read_elf,
        ".hex": read_hex,
        ".bin": lambda data: join([(base, data)]),
        ".uf2": lambda data: read_uf2(data, family).content,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise FirmwareError(
            f"A firmware file must be named .elf, .hex, .bin or .uf2. Received: {path}."
        )
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise FirmwareError(
            f"A firmware file must be readable. Received: {path}: {error.strerror}."
        ) from error
    if len(data) > _LARGEST:
        raise FirmwareError(
            f"A firmware file must have at most {_LARGEST:,} bytes. Received: {path}, with more."
        )
    try:
        return reader(data)
    except FirmwareError as error:
        raise FirmwareError(f"{path}: {error}") from error


def read_elf(data: bytes) -> Content:
    """The bytes that an Arm ELF loads, at their load addresses (p_paddr).

    Raises:
        FirmwareError: it is not an ELF for Arm, or damaged.
    """
    try:
        elf = ELFFile(io.BytesIO(data))
        if elf["e_machine"] != "EM_ARM":
            raise FirmwareError(f"An ELF must be for Arm. Received: {elf['e_machine']}.")
        pieces = []
        for segment in elf.iter_segments("PT_LOAD"):
            size = segment["p_filesz"]
            if size > len(data):
                raise FirmwareError("An ELF must be whole. Received: a segment beyond its end.")
            piece = segment.data()
            if len(piece) != size:
                raise FirmwareError("An ELF must be whole. Received: a segment beyond its end.")
            pieces.append((segment["p_paddr"], piece))
    # pyelftools trusts the tables of a file: whatever a damaged one leads to is the file's mistake.
    except (ELFError, ArithmeticError, LookupError, TypeError, ValueError, MemoryError) as error:
        raise FirmwareError(
            f"An ELF must be readable. Received: {str(error) or type(error).__name__}."
        ) from error
    return join(pieces)


def read_hex(data: bytes) -> Content:
    """The bytes of an Intel HEX file.

    Raises:
        FirmwareError: a record is damaged, or two give the same address.
    """
    parsed = IntelHex()
    try:
        text = data.decode("ascii")
        if ":00000001FF" not in text.upper():
            raise FirmwareError(
                "An Intel HEX file must end with the record :00000001FF. Received: none. "
                "The file may be cut off."
            )
        parsed.loadhex(io.StringIO(text))
    except (UnicodeDecodeError, IntelHexError) as error:
        raise FirmwareError(
            f"An Intel HEX file must be readable. Received: {str(error).rstrip('.')}."
        ) from error
    return join(
        (start, parsed.tobinstr(start=start, size=end - start)) for start, end in parsed.segments()
    )


def write_hex(content: Content) -> str:
    """The text of an Intel HEX file."""
    file, text = IntelHex(), io.StringIO()
    for address, data in content.segments:
        file.frombytes(data, address)
    file.write_hex_file(text)
    return text.getvalue()
