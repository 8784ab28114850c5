"""The CRC of the RP2040's second boot stage, written into the linked ELF."""

from __future__ import annotations

import io

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile

from firmware.errors import FirmwareError

_SECTION, _SIZE = ".boot", 256


def boot_crc(data: bytes) -> int:
    """CRC-32 as the boot ROM computes it: polynomial 0x04C11DB7, from ones, nothing reflected.

    RP2040 Datasheet, 2.8.1.3.1 "Checksum".
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte << 24
        for _ in range(8):
            crc = (crc << 1 ^ (0x04C11DB7 if crc & 0x80000000 else 0)) & 0xFFFFFFFF
    return crc


def fill_boot_crc(elf_bytes: bytes) -> bytes:
    """The ELF with the CRC in the last word of its boot stage; the same ELF when it has none.

    Raises:
        FirmwareError: the ELF cannot be read, or its boot stage is not 256 bytes long.
    """
    try:
        section = ELFFile(io.BytesIO(elf_bytes)).get_section_by_name(_SECTION)
    except (ELFError, KeyError, ValueError) as error:
        raise FirmwareError(f"An ELF must be readable. Received: {error}.") from error
    if section is None or section["sh_size"] == 0:
        return elf_bytes
    if section["sh_size"] != _SIZE:
        raise FirmwareError(
            f"A second boot stage must have {_SIZE} bytes. Received: {section['sh_size']}."
        )
    end = section["sh_offset"] + _SIZE - 4
    crc = boot_crc(elf_bytes[section["sh_offset"] : end])
    return elf_bytes[:end] + crc.to_bytes(4, "little") + elf_bytes[end + 4 :]
