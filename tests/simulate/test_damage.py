"""Faults on purpose in image and stack: each ends in a reported error, none in a wrong answer."""

from __future__ import annotations

import dataclasses
import io
import zlib
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.checksum import fill_crc
from firmware.errors import FirmwareError
from firmware.image import Image
from simulate.devices.device import DeviceError
from simulate.elf import Elf
from simulate.faults import CortexMFault
from simulate.machine import Machine
from simulate.qemu import QemuBoard
from tests.board_clips import application
from tests.firmware.faulty import SOURCE
from tests.needs import COMPILERS, QEMU

pytestmark = pytest.mark.fault

WRONG = "the image must have the CRC of its build"
ENOUGH = 60_000_000  # instructions; a start takes a tenth of it

# Pushes four words near the end of the stack, without leaving it, and goes on as if nothing had
# happened.
NEAR = r"""
#include "ws_cortexm.h"
#include "ws_text.h"
int main(void) {
    ws_put_text("hello\n");
    ws_stack_check();
    ws_put_text("good so far\n");
    __asm volatile("mov r4, sp\n\t"
                   "mov sp, %0\n\t"
                   "push {r0-r3}\n\t"
                   "mov sp, r4"
                   :
                   : "r"((uintptr_t)__stack_limit + 40u)
                   : "r4", "memory");
    ws_stack_check();
    ws_put_text("went on\n");
    for (;;) {
    }
}
"""


@pytest.fixture(scope="module", params=["mps2-an386", "microbit"])
def firmware(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Image:
    return application(load_board(request.param), "zig", tmp_path_factory.mktemp("whole"))


def flipped(image: Image, address: int, bit: int, folder: Path) -> Image:
    """A copy of the image with one bit of its flash flipped."""
    data = bytearray(image.elf.read_bytes())
    for segment in ELFFile(io.BytesIO(bytes(data))).iter_segments("PT_LOAD"):
        offset = address - segment["p_paddr"]
        if 0 <= offset < segment["p_filesz"]:
            data[segment["p_offset"] + offset] ^= 1 << bit
            path = folder / "flipped.elf"
            path.write_bytes(data)
            return dataclasses.replace(image, elf=path)
    raise AssertionError(f"0x{address:x} is not in the image")


def differing(line: str, beginning: str) -> int:
    """Characters: the flipped bit may be one of the very words that report it."""
    return sum(a != b for a, b in zip(line.ljust(len(beginning)), beginning, strict=False))


def outcome(image: Image) -> str:
    """How a start ends: "refused", "fault", "stuck" or "ready"."""
    machine = Machine(image)
    try:
        machine.boot(ENOUGH)
    except CortexMFault as fault:
        return "fault" if "fault " in fault.report else "stuck"
    except DeviceError:  # a wild write that the model of a device does not stand for
        return "stuck"
    text = machine.text()
    if "\nready" in text:
        return "ready"
    if any(differing(line, f"error {WRONG}") <= 1 for line in text.splitlines()):
        return "refused"
    return "fault" if "fault " in text else "stuck"


def test_an_image_as_built_is_ready(firmware: Image) -> None:
    assert outcome(firmware) == "ready"
    machine = Machine(firmware)
    machine.boot()
    names = Elf(firmware.elf).symbols
    start, end, word = (names[n] for n in ("__image_start", "__image_end", "ws_image_crc"))
    flash = machine.view(start, end - start).tobytes()
    assert start == firmware.board.flash_origin and end - start == firmware.flash_bytes
    crc = zlib.crc32(flash[word - start + 4 :], zlib.crc32(flash[: word - start]))
    assert int.from_bytes(flash[word - start : word - start + 4], "little") == crc
    assert machine.call("ws_integrity_crc") == crc
    binary = firmware.bin.read_bytes()
    assert binary[word - start : word - start + 4] == crc.to_bytes(4, "little")


def test_flipped_bits_of_weights_and_constants_are_refused(firmware: Image, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    (constants,) = (s for s in firmware.sections if s.name == ".rodata")
    for _ in range(12):
        address = constants.load_address + int(rng.integers(constants.size))
        assert outcome(flipped(firmware, address, int(rng.integers(8)), tmp_path)) == "refused"


def test_flipped_bits_anywhere_never_go_unnoticed(firmware: Image, tmp_path: Path) -> None:
    """But in the comparison itself and in `main`, which acts on it: docs/SPEC.md says so."""
    rng = np.random.default_rng(5)
    elf = Elf(firmware.elf)
    found = []
    while len(found) < 40:
        address = firmware.board.flash_origin + int(rng.integers(firmware.flash_bytes))
        if elf.locate(address).split("+")[0] not in ("ws_integrity_ok", "main"):
            found.append(outcome(flipped(firmware, address, int(rng.integers(8)), tmp_path)))
    assert "ready" not in found
    # What stops before it can speak is left to the watchdog; it is the few bytes of start-up.
    assert found.count("stuck") <= 2 and found.count("refused") >= 30, found


def test_the_crc_itself_flipped_is_refused(firmware: Image, tmp_path: Path) -> None:
    word = Elf(firmware.elf).symbols["ws_image_crc"]
    assert outcome(flipped(firmware, word + 2, 3, tmp_path)) == "refused"


def test_an_image_must_be_one_to_get_a_crc(firmware: Image, tmp_path: Path) -> None:
    data = firmware.elf.read_bytes()
    assert fill_crc(data) == data
    assert (
        fill_crc(flipped(firmware, firmware.board.flash_origin, 0, tmp_path).elf.read_bytes())
        != data
    )
    with pytest.raises(FirmwareError, match="must define __image_start"):
        fill_crc(data.replace(b"__image_start", b"__image_stort"))
    with pytest.raises(FirmwareError, match="readable"):
        fill_crc(data[:1000])


# --- stack ---

OVERFLOW = {
    "mps2-an385": "stack overflow: write of",
    "mps2-an386": "stack overflow: write of",
    "mps2-an500": "stack overflow: write of",
    "mps2-an505": "stack overflow: the stack pointer passed its limit",
    "microbit": "the core locks up",
}


@pytest.mark.parametrize("name", OVERFLOW)
def test_stack_overflow_is_caught(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    image = build({"main.c": SOURCE}, board, out_dir=tmp_path, name="x", defines=("FAULT=7",))
    with pytest.raises(CortexMFault) as caught:
        Machine(image).boot()
    assert OVERFLOW[name] in caught.value.reason
    # An M0 that finds no room for the frame of its HardFault cannot say anything: it locks up,
    # which resets an nRF51, whose next start says so.
    assert ("fault stack overflow" in caught.value.report) == (name != "microbit")


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", OVERFLOW)
def test_a_stack_that_was_used_to_the_end_is_reported(
    name: str, compiler: Compiler, tmp_path: Path
) -> None:
    image = build(
        {"main.c": NEAR},
        load_board(name),
        compiler=compiler,
        out_dir=tmp_path,
        name="x",
    )
    machine = Machine(image)
    with pytest.raises(CortexMFault, match="no end"):
        machine.boot(3_000_000)
    assert machine.text() == "hello\ngood so far\n\nfault stack overflow\n"


@pytest.mark.parametrize("kind", [pytest.param(kind, marks=QEMU) for kind in (4, 7)])
@pytest.mark.parametrize("name", ["mps2-an385", "mps2-an500", "mps2-an505", "mps3-an547"])
def test_faults_are_reported_on_qemu(name: str, kind: int, tmp_path: Path) -> None:
    board = load_board(name)
    image = build({"main.c": SOURCE}, board, out_dir=tmp_path, name="x", defines=(f"FAULT={kind}",))
    with QemuBoard(image) as qemu:
        lines = qemu.lines(4)
    assert lines[0] == "hello" and lines[2].startswith("fault ")
    if kind == 7:
        word = "UsageFault cfsr=00100000" if board.core.architecture == "armv8-m" else "MemManage"
        assert lines[2].startswith(f"fault {word}") and lines[3] == "fault stack overflow"
    else:
        assert lines[2].startswith("fault UsageFault cfsr=00010000")
        assert lines[3].startswith("fault r0=")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=QEMU) for name in ("mps2-an385", "mps3-an547")]
)
def test_a_hang_is_reported_and_ends_on_qemu(name: str, tmp_path: Path) -> None:
    board = load_board(name)
    assert board.watchdog is not None
    hasty = dataclasses.replace(board, watchdog=dataclasses.replace(board.watchdog, timeout_ms=300))
    source = """
    #include "ws_board.h"
    #include "ws_text.h"
    int main(void) {
        ws_put_text("hello\\n");
        ws_board_watch();
        for (;;) {
        }
    }
    """
    image = build({"main.c": source}, hasty, out_dir=tmp_path, name="x")
    with QemuBoard(image) as qemu:
        lines = qemu.lines(6)
    assert lines[0] == "hello" and lines[2].startswith("fault NMI") and lines[5] == "hello", lines
