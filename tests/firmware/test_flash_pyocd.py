"""pyOCD itself, with a probe and a chip made of registers (fake_probe.py) in the place of USB."""

from __future__ import annotations

import dataclasses
import random
import sys
from collections.abc import Iterator

import pytest

from firmware.board import Board, load_board
from firmware.board_flash import FlashSpec, Identity
from firmware.content import Content, join
from firmware.cores import CORES
from firmware.errors import FirmwareError

pytest.importorskip("pyocd", reason="pyocd is missing")

from pyocd.probe.aggregator import PROBE_CLASSES

from firmware import flash_pyocd
from tests.firmware.fake_probe import DESK, PAGE, Chip, FakeProbe

NRF = dataclasses.replace(
    load_board("mps2-an386"),
    name="nrf-board",
    flash_size=1 << 20,
    flash=FlashSpec(
        method="pyocd",
        target="nrf52840",
        identity=Identity(0x10000100, 0xFFFFFFFF, 0x52840),
    ),
)
CONTENT = join([(0, random.Random(1).randbytes(2 * PAGE + 1001)), (5 * PAGE, b"constants")])


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Chip]]:
    for name in list(PROBE_CLASSES):
        monkeypatch.delitem(PROBE_CLASSES, name)
    monkeypatch.setitem(PROBE_CLASSES, "desk", FakeProbe)
    DESK.chips.clear()
    yield DESK.chips
    DESK.chips.clear()


def flash(
    content: Content = CONTENT, board: Board = NRF, probe: str | None = None, unlock: bool = False
) -> str:
    return flash_pyocd.flash(
        content, board, probe=probe, unlock=unlock, progress=lambda share, text: None
    )


def test_flash_algorithm_runs_and_flash_is_right(desk: dict[str, Chip]) -> None:
    chip = desk["683010001"] = Chip()
    before = random.Random(2).randbytes(8 * PAGE)
    chip.flash[: 8 * PAGE] = before
    shares: list[float] = []
    said = flash_pyocd.flash(
        CONTENT, NRF, probe=None, unlock=False, progress=lambda s, _: shares.append(s)
    )
    assert said == (
        f"nrf-board: {CONTENT.size:,} bytes written through 683010001 "
        "(Desk probe of registers), read back equal, started."
    )
    for address, data in CONTENT.segments:
        assert chip.flash[address : address + len(data)] == data
    assert sorted(chip.erased_pages) == [0, 1, 2, 5]
    assert chip.flash[3 * PAGE : 5 * PAGE] == before[3 * PAGE : 5 * PAGE]
    assert chip.resets >= 2 and not chip.halted
    assert shares == sorted(shares) and shares[-1] == 1


def test_second_time_and_shorter(desk: dict[str, Chip]) -> None:
    chip = desk["1"] = Chip()
    flash()
    flash(join([(0, b"short")]))
    assert chip.flash[:5] == b"short"


def test_no_probe(desk: dict[str, Chip]) -> None:
    assert flash_pyocd.list_probes() == ()
    with pytest.raises(FirmwareError, match=r"must be connected\. Received: none\. Check the USB"):
        flash()


def test_two_probes(desk: dict[str, Chip]) -> None:
    desk["683010001"], desk["683010002"], desk["99"] = Chip(), Chip(), Chip()
    assert [probe.serial for probe in flash_pyocd.list_probes()] == sorted(desk)
    for wanted in (None, "6830"):
        with pytest.raises(FirmwareError, match=r"683010001 .*683010002 .*--probe SERIAL"):
            flash(probe=wanted)
    with pytest.raises(FirmwareError, match=r"Received: 77\. Connected: 683010001 "):
        flash(probe="77")
    assert all(not chip.erased_pages for chip in desk.values())
    flash(probe="0002")
    assert [serial for serial, chip in desk.items() if chip.erased_pages] == ["683010002"]


@pytest.mark.parametrize(
    ("chip", "words"),
    [
        (Chip(part=0x52832), r"0x00052840 in the word at 0x10000100 .*Received: 0x00052832"),
        (Chip(cpuid=0x410CC601), r"a cortex-m4f\. Received: a Cortex-M0PLUS"),
        (Chip(cpuid=0x411FC272), r"Received: a Cortex-M7"),
    ],
)
def test_wrong_chip_keeps_its_flash(desk: dict[str, Chip], chip: Chip, words: str) -> None:
    desk["1"] = chip
    with pytest.raises(FirmwareError, match=words + r".*Nothing was written"):
        flash()
    assert not chip.erased_pages and set(chip.flash) == {0xFF}


def test_chip_with_other_access_ports(desk: dict[str, Chip]) -> None:
    desk["1"] = Chip(ports=1)
    with pytest.raises(FirmwareError, match="must answer as nrf52840, that of nrf-board"):
        flash()


def test_protected_chip_is_erased_only_when_asked(desk: dict[str, Chip]) -> None:
    chip = desk["1"] = Chip()
    chip.locked = True
    chip.flash[:4] = b"kept"
    with pytest.raises(FirmwareError, match="--unlock"):
        flash()
    assert chip.locked and chip.flash[:4] == b"kept"
    flash(unlock=True)
    assert not chip.locked and chip.flash[:PAGE] == CONTENT.segments[0][1][:PAGE]


def test_worn_flash_is_noticed(desk: dict[str, Chip]) -> None:
    chip = desk["1"] = Chip()
    at = PAGE + 77
    chip.stuck.add(at)
    with pytest.raises(
        FirmwareError, match=rf"Received: 0xff in place of 0x\w\w at {at:#010x}\. Flash again"
    ):
        flash()


@pytest.mark.parametrize("after", [60, 600, 1500])
def test_unplugged(desk: dict[str, Chip], after: int) -> None:
    desk["1"] = Chip()
    desk["1"].unplug_after = after
    with pytest.raises(FirmwareError, match="USB device is gone"):
        flash()


def test_target_that_pyocd_does_not_know(desk: dict[str, Chip]) -> None:
    desk["1"] = Chip()
    board = dataclasses.replace(NRF, flash=dataclasses.replace(NRF.flash, target="stm32f407vgtx"))
    with pytest.raises(FirmwareError, match="pyocd pack install stm32f407vgtx"):
        flash(board=board)


def test_pyocd_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyocd.core.helpers", None)
    for call in (flash_pyocd.list_probes, flash):
        with pytest.raises(FirmwareError, match=r"pip install 'wakesmith\[flash\]'"):
            call()


def test_every_core_has_its_number() -> None:
    from firmware.flashing import _PARTS, _short

    assert {_short(name) for name in CORES} == set(_PARTS)
