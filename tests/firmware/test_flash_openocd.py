"""OpenOCD's command line, as far as it goes without a probe.

`fake.cfg` gives the commands that need a probe as Tcl procedures, so that the real OpenOCD reads
and runs our script; without it, it really looks for a probe and finds none.
"""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest

from firmware import flash_openocd
from firmware.board import Board, load_board
from firmware.board_flash import FlashSpec, Identity
from firmware.content import join
from firmware.errors import FirmwareError
from firmware.formats import read_content

CONTENT = join([(0, bytes(range(100))), (0x1000, b"more")])
FAKE = """
proc init {} {}
proc reset {how} { echo "did reset $how" }
proc read_memory {address width count} {
    if {$address == 0xe000ed00} { return 0x410fc241 }
    if {$address == 0x10000100} { return PART }
    error "no memory"
}
proc flash {args} { echo "did flash $args"; file copy firmware.hex TAKEN }
proc verify_image {file} { VERIFY }
"""
needs_openocd = pytest.mark.skipif(shutil.which("openocd") is None, reason="openocd is missing")


def board(*configs: str) -> Board:
    return dataclasses.replace(
        load_board("mps2-an386"),
        name="nrf-board",
        flash=FlashSpec(
            method="openocd",
            openocd=configs,
            identity=Identity(0x10000100, 0xFFFFFFFF, 0x52840),
        ),
    )


def flash(board: Board, probe: str | None = None) -> str:
    return flash_openocd.flash(CONTENT, board, probe=probe, progress=lambda *_: None)


def fake(tmp_path: Path, part: str = "0x52840", verify: str = "") -> Board:
    text = FAKE.replace("PART", part).replace("VERIFY", verify)
    (tmp_path / "fake.cfg").write_text(text.replace("TAKEN", str(tmp_path / "taken.hex")))
    return board(str(tmp_path / "fake.cfg"))


@needs_openocd
def test_script_runs_in_openocd(tmp_path: Path) -> None:
    said = flash(fake(tmp_path))
    assert said == "nrf-board: 104 bytes written by OpenOCD, verified, started."
    assert read_content(tmp_path / "taken.hex", base=0) == CONTENT


@needs_openocd
def test_wrong_chip_is_not_written(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"Received: 0x00052832\. Nothing was written"):
        flash(fake(tmp_path, part="0x52832"))
    assert not (tmp_path / "taken.hex").exists()


@needs_openocd
def test_verify_mismatch(tmp_path: Path) -> None:
    verify = 'error "** Verify Failed **"'
    with pytest.raises(FirmwareError, match=r"must hold what was written\. Received: other bytes"):
        flash(fake(tmp_path, verify=verify))


@needs_openocd
def test_memory_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="no memory"):
        flash(fake(tmp_path, part='[error "no memory"]'))


@needs_openocd
@pytest.mark.parametrize(
    "configs",
    [
        ("board/stm32f4discovery.cfg",),
        ("board/st_nucleo_l4.cfg",),
        ("interface/cmsis-dap.cfg", "target/rp2040.cfg"),
        ("interface/cmsis-dap.cfg", "target/nrf51.cfg"),
        ("interface/jlink.cfg", "transport select swd", "target/nrf52.cfg"),
    ],
)
@pytest.mark.parametrize("probe", [None, "683010001"])
def test_openocd_finds_no_probe(configs: tuple[str, ...], probe: str | None) -> None:
    with pytest.raises(FirmwareError, match=r"A debug probe must be connected") as caught:
        flash(board(*configs), probe)
    assert ("683010001" in str(caught.value)) == (probe is not None)


@needs_openocd
def test_configuration_that_openocd_does_not_have() -> None:
    with pytest.raises(FirmwareError, match=r"must know target/none\.cfg\. .*Can't find target/n"):
        flash(board("target/none.cfg"))


def test_openocd_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError, match="apt install openocd"):
        flash(board("x.cfg"))


@pytest.mark.parametrize(
    ("prints", "words"),
    [
        ("Error: multiple devices found, specify serial", "One debug probe must be chosen"),
        ("Error: init mode failed (unable to connect to the target)", "chip must answer as"),
        ("Error: something new", r"must flash nrf-board with a\.cfg\. Received: something new\."),
        ("", r"Received: nothing\."),
    ],
)
def test_what_openocd_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prints: str, words: str
) -> None:
    (tmp_path / "openocd").write_text(f"#!/bin/sh\necho '{prints}' >&2\nexit 1\n")
    (tmp_path / "openocd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError, match=words):
        flash(board("a.cfg"))


def test_openocd_that_is_too_old_to_read_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "openocd").write_text("#!/bin/sh\nexit 0\n")
    (tmp_path / "openocd").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError, match=r"0xe000ed00\. Received: none\. OpenOCD 0\.12"):
        flash(board("a.cfg"))


@pytest.mark.parametrize("serial", ["a; shutdown", "[exit]", "", "a b"])
def test_serial_numbers_are_no_scripts(serial: str) -> None:
    with pytest.raises(FirmwareError, match="--probe must be a serial number"):
        flash_openocd.command(board("a.cfg"), probe=serial, read=(), write=True)
