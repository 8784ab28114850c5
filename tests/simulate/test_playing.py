"""Sound through the microphone of real boards' models: the same events as on the host."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from convert.detector import Detector
from convert.emit_frontend import emit_frontend
from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import list_boards, load_board
from firmware.image import Image
from simulate.cortexm import CortexMBackend
from simulate.devices.chips import CHIPS, MICROPHONES
from simulate.devices.device import Surroundings
from simulate.devices.stm32f4_audio import Modulator
from simulate.hostfrontend import HostFrontEnd
from simulate.hostlib import HostBackend
from simulate.listening import detector_plan, listening_sources
from simulate.machine import Machine
from simulate.playing import play, sound_of
from simulate.stream import stream
from tests.firmware.test_pdm import decimate
from tests.keyword_net import LABELS, keyword_image, keyword_model, keyword_tflite

DETECT = Detector(threshold=0.25, average=2, refractory_ms=300, release=0.9)
"""Low enough for a network with drawn weights to make events of chirps."""

TAIL_MS = 500


def sounds(seconds: int, seed: int = 2) -> np.ndarray:
    """Chirps and noises of half a second with pauses of soft noise between them."""
    rng = np.random.default_rng(seed)
    pcm = rng.normal(0, 12, seconds * 16000)
    t = np.arange(8000)
    for second in range(seconds):
        loud = 9000 * np.sin(2e-5 * rng.uniform(1, 30) * t**1.5) * np.hanning(8000)
        if second % 3 == 2:
            loud = rng.normal(0, 3000, 8000) * np.hanning(8000)
        pcm[second * 16000 + 4000 : second * 16000 + 12000] += loud
    return pcm.clip(-32768, 32767).astype(np.int16)


def digitised(board: str, pcm: np.ndarray) -> np.ndarray:
    """What the board's converter and driver make of it."""
    if board.startswith("raspberry-pi-pico"):
        return pcm >> 4 << 4
    if board == "stm32f407-discovery":
        silence = np.zeros(TAIL_MS * 16, np.int16)
        return decimate(Modulator().bits(np.concatenate([pcm, silence])))[: pcm.size]
    return pcm


def on_host(pcm: np.ndarray) -> tuple[str, ...]:
    """The events, as the host's detector gives them."""
    graph = read(keyword_tflite())
    plan = detector_plan(graph, LABELS, FrontEnd(), words=LABELS, detect=DETECT)
    backend = HostBackend(keyword_model())

    def posteriors(features: np.ndarray) -> np.ndarray:
        trace = backend.run(features[..., np.newaxis])
        return np.asarray(trace[graph.outputs[0]])

    heard = np.concatenate([pcm, np.zeros(TAIL_MS * 16, np.int16)])
    results = stream(
        heard, FrontEnd(), plan, window=16000, ears=HostFrontEnd(FrontEnd()), posteriors=posteriors
    )
    return tuple(str(result.event) for result in results if result.event)


def image_of(board: str, folder: Path) -> Image:
    model, fe = keyword_model(), FrontEnd()
    listening = listening_sources(
        read(keyword_tflite()), LABELS, fe, 16000, words=LABELS, detect=DETECT
    )
    return build_application(
        model.files,
        emit_frontend(fe),
        load_board(board),
        listening=listening,
        out_dir=folder,
        kernels=model.kernels,
    )


def same_events(board: str, seconds: int, folder: Path) -> None:
    pcm = sounds(seconds)
    played = play(image_of(board, folder), pcm, TAIL_MS)
    expected = on_host(digitised(board, pcm))
    assert expected  # or the test shows nothing
    # What the last block before the end of the run holds is not heard any more.
    last = (seconds * 1000 + TAIL_MS) - 2 * 100
    assert tuple(e for e in played.events if int(e.split()[1]) <= last) == tuple(
        e for e in expected if int(e.split()[1]) <= last
    )
    assert played.errors == () and played.resets == ()
    assert played.seconds == pytest.approx(seconds + TAIL_MS / 1000, abs=0.01)
    assert 0.01 < played.busy < 0.9
    for line in played.lines:
        if line.text.startswith("event "):  # told soon after the window's end
            assert 0 < line.seconds - int(line.text.split()[1]) / 1000 < 0.15
    print(f"{board}: {len(played.events)} events in {seconds} s, busy {played.busy:.1%}")


def hold_interrupts(machine: Machine, milliseconds: int) -> None:
    """What code with interrupts masked would do: none is taken for a while."""
    end = machine.clock.now() + milliseconds * machine.clock.hz // 1000
    enabled = machine._interrupts._enabled
    kept = set(enabled)
    enabled.clear()

    def release() -> None:
        enabled.update(kept)
        machine.clock.stop_soon()

    machine.clock.at(end, release)


BOARDS = ("nrf52840dk", "raspberry-pi-pico", "raspberry-pi-pico2", "stm32f407-discovery")


@pytest.mark.parametrize("board", list_boards())
def test_which_boards_have_a_microphone_is_known(board: str) -> None:
    around = Surroundings(*[lambda *_: None] * 5)  # type: ignore[arg-type, list-item]
    chip = load_board(board).chip
    assert (CHIPS[chip](load_board(board), around).sound is not None) == (chip in MICROPHONES)


@pytest.mark.parametrize("board", BOARDS)
def test_events_equal_the_host_s(board: str, tmp_path: Path) -> None:
    same_events(board, 6, tmp_path)


def test_a_board_without_a_microphone_is_refused(tmp_path: Path) -> None:
    image = keyword_image(tmp_path)
    with pytest.raises(UserError, match=r"microphone .* Received: mps2-an386\. .*: .*nrf52840dk"):
        play(image, sounds(1))
    with pytest.raises(UserError, match="Received: 0 samples"):
        play(image, np.zeros(0, np.int16))


@pytest.mark.parametrize("board", ["nrf52840dk", "raspberry-pi-pico"])
def test_progress_is_told_and_changes_nothing(
    board: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, pcm, told = image_of(board, tmp_path), sounds(2), []
    played = play(image, pcm, progress=lambda done, whole: told.append((done, whole)))
    assert told == [(done, 2500) for done in range(0, 2500, 200)]
    monkeypatch.setattr("simulate.playing._TOLD_MS", 10**9)
    assert play(image, pcm) == played


@pytest.mark.fault
def test_a_microphone_that_gives_nothing_is_told(tmp_path: Path) -> None:
    played = play(image_of("nrf52840dk", tmp_path), np.zeros(24000, np.int16))
    assert played.events == ()
    assert any("must not give one value for a second" in error for error in played.errors)


@pytest.mark.fault
@pytest.mark.parametrize("board", BOARDS)
def test_an_overrun_is_reported_and_survived(board: str, tmp_path: Path) -> None:
    """Interrupts stay masked for a tenth of a second, in the middle of the sound."""
    pcm = sounds(3)
    machine = Machine(image_of(board, tmp_path))
    sound_of(machine).play(pcm)
    machine.reset()
    machine.run_for(1500)
    assert "error" not in machine.text()
    hold_interrupts(machine, 100)
    machine.run_for(1500)
    told = [line for line in machine.text().splitlines() if line.startswith("error ")]
    assert len(told) == 1
    found = re.fullmatch(r"error overrun 1: ([0-9]+) samples lost at ([0-9]+) ms", told[0])
    assert found is not None, told
    # The tenth of a second, a block of up to 16 ms that it cut, and less than the hop of 20 ms that
    # had gathered before it.
    assert 0.06 * 16000 <= int(found.group(1)) < 0.136 * 16000
    machine.console.feed(b"stop\n")
    machine.run_for(100)
    heard = re.search(r"heard ([0-9]+) events [0-9]+ overruns 1\nok stop\n$", machine.text())
    assert heard is not None, machine.text()
    # Time went on through the gap: what was lost is counted as heard. What `stop` drops are the
    # last blocks, and what waited in the ring.
    assert 2900 <= int(heard.group(1)) <= 3100


def test_the_board_s_features_are_the_host_s(tmp_path: Path) -> None:
    image = image_of("nrf52840dk", tmp_path)
    pcm = sounds(2).reshape(2, -1)
    found = CortexMBackend(image, keyword_model(), threads=1).features(pcm)
    assert np.array_equal(found[..., 0], HostFrontEnd(FrontEnd()).features(pcm))
