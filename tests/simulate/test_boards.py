"""The drivers of real boards against models of their chips: no model knows of a driver's making."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware.board import load_board
from firmware.build import build
from simulate.devices.device import DeviceError
from simulate.devices.sound import SAMPLE_RATE_HZ
from simulate.machine import Machine
from tests.needs import COMPILERS
from tests.simulate.microphones import SOURCE

PICOS = ("raspberry-pi-pico", "raspberry-pi-pico2")
BOARDS = ("nrf52840dk", "arduino-nano33ble-sense", *PICOS)
CONSOLES = (*BOARDS, "stm32f407-discovery")

PCM = np.random.default_rng(3).integers(-20000, 20000, 12000).astype(np.int16)


def machine_of(board: str, folder: Path, compiler: str = "zig", source: str = SOURCE) -> Machine:
    image = build(
        {"main.c": source},
        load_board(board),
        compiler=compiler,  # type: ignore[arg-type]
        out_dir=folder,
        name="x",
    )
    machine = Machine(image)
    assert machine.boot() == ("hello\n" if source is SOURCE else "")
    return machine


def number(machine: Machine, name: str) -> int:
    return int(machine.symbol_view(name, 4).view("<u4")[0])


def heard(machine: Machine) -> np.ndarray:
    return machine.symbol_view("kept", 32000).view("<i2")[: number(machine, "count")].copy()


def expected(board: str) -> np.ndarray:
    """What a driver makes of PCM."""
    if board in PICOS:
        return PCM >> 4 << 4  # 12 bits
    return PCM


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("board", BOARDS)
def test_every_sample_arrives_in_time(board: str, compiler: str, tmp_path: Path) -> None:
    machine = machine_of(board, tmp_path, compiler)
    machine.chip.sound.play(PCM)
    machine.console.feed(b"l")
    machine.run_for(500)
    pcm = heard(machine)
    assert 0.46 * SAMPLE_RATE_HZ < pcm.size <= 0.5 * SAMPLE_RATE_HZ
    assert np.array_equal(pcm, expected(board)[: pcm.size])
    assert number(machine, "lost") == 0
    # The clock is the emulated one: a block is late by no more than itself.
    assert machine.chip.sound.origin is not None
    passed = (machine.clock.now() - machine.chip.sound.origin) * SAMPLE_RATE_HZ
    assert 0 <= passed // machine.clock.hz - pcm.size <= pcm.size // number(machine, "blocks")


@pytest.mark.fault
@pytest.mark.parametrize("board", BOARDS)
def test_overruns_are_counted_to_the_sample(board: str, tmp_path: Path) -> None:
    machine = machine_of(board, tmp_path)
    machine.chip.sound.play(PCM)
    machine.console.feed(b"l")
    machine.run_for(100)
    before = heard(machine)
    machine.console.feed(b"h")
    machine.run_for(200)
    lost, pcm = number(machine, "lost"), heard(machine)
    assert SAMPLE_RATE_HZ * 0.06 <= lost < SAMPLE_RATE_HZ * 0.1
    all_of = expected(board)
    # What was kept is whole blocks of what was played, in order, with one gap of `lost` samples.
    gap = next(i for i in range(before.size, pcm.size) if pcm[i] != all_of[i])
    assert np.array_equal(pcm[:gap], all_of[:gap])
    assert np.array_equal(pcm[gap:], all_of[gap + lost : pcm.size + lost])


@pytest.mark.parametrize("board", BOARDS)
def test_mute_and_listen_again(board: str, tmp_path: Path) -> None:
    machine = machine_of(board, tmp_path)
    machine.chip.sound.play(PCM)
    machine.console.feed(b"l")
    machine.run_for(100)
    machine.console.feed(b"m")
    machine.run_for(10)
    kept = number(machine, "count")
    machine.run_for(100)
    assert number(machine, "count") == kept > 0
    machine.console.feed(b"l")
    machine.run_for(100)
    again = heard(machine)[kept:]
    assert again.size > 0.06 * SAMPLE_RATE_HZ and number(machine, "lost") == 0
    all_of = expected(board)
    start = next(
        i for i in range(kept, all_of.size) if np.array_equal(all_of[i : i + 8], again[:8])
    )
    assert np.array_equal(again, all_of[start : start + again.size])
    assert start / SAMPLE_RATE_HZ == pytest.approx(0.21, abs=0.02)  # time went on while muted


@pytest.mark.parametrize("board", (*CONSOLES, "nucleo-l4r5zi"))
def test_console_takes_bytes_at_the_line_s_speed(board: str, tmp_path: Path) -> None:
    machine = machine_of(board, tmp_path)
    begin = machine.clock.now()
    text = bytes(range(0x20, 0x60)) + b"\n"
    machine.console.feed(text)
    machine.run()
    assert machine.text() == "hello\n" + text.decode()
    seconds = (machine.clock.now() - begin) / machine.clock.hz
    assert len(text) * 10 / 115200 == pytest.approx(seconds, rel=0.1)


@pytest.mark.fault
@pytest.mark.parametrize("board", CONSOLES)
def test_watchdog_ends_an_endless_loop(board: str, tmp_path: Path) -> None:
    machine = machine_of(board, tmp_path)
    machine.console.feed(b"l")
    machine.run_for(100)
    machine.console.feed(b"x")
    machine.run_for(9000)
    assert machine.resets == ["the watchdog was not fed"]
    assert machine.text() == "hello\nlhello\n"
    machine.chip.sound.play(PCM)
    machine.console.feed(b"l")
    machine.run_for(100)
    assert number(machine, "count") > 0.06 * SAMPLE_RATE_HZ


def test_models_refuse_what_the_manual_forbids(tmp_path: Path) -> None:
    source = r"""
#include "ws_board.h"
#include "ws_cortexm.h"
int main(void) {
    (void)ws_board_listen();
    WS_REG32(0x4001D504u) = 0x08400000u; /* PDMCLKCTRL: not 16 kHz */
    WS_REG32(0x4001D000u) = 1u;
    for (;;) {
    }
}
"""
    with pytest.raises(DeviceError, match=r"run at 16000 Hz \(PDMCLKCTRL, RATIO\)"):
        machine_of("nrf52840dk", tmp_path, source=source)
    with pytest.raises(DeviceError, match="NrfPdm has nothing to read at 0x700"):
        machine_of("nrf52840dk", tmp_path, source=source.replace("4001D504u) =", "4001D700u) +="))
