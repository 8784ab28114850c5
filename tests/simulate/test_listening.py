"""`listen` on an emulated board with a microphone that the test makes."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from convert.detector import Detector
from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board, read_board
from firmware.image import Image
from simulate.listening import listening_sources
from simulate.machine import Machine
from simulate.machine_line import MachineLine
from simulate.memory import HOST_WINDOW
from simulate.protocol import Board
from tests.keyword_net import LABELS, WORDS, keyword_model, keyword_tflite
from tests.simulate.test_cortexm import clips
from tests.simulate.test_detector import heard_here

DETECT = Detector(every_ms=100, average=2, threshold=0.35, refractory_ms=200)

# Blocks lie in the emulator's window: a number of samples and the samples, or with bit 31 set a
# number of samples lost. The test calls `microphone_block` in the place of the interrupt.
MICROPHONE = r"""
#include "ws_board.h"
#include "ws_capture.h"
#include "ws_cortexm.h"
static const uint32_t *next;
static uint32_t on;
int ws_board_listen(void) {
    next = (const uint32_t *)(uintptr_t)WINDOW;
    on = 1;
    return 1;
}
void ws_board_mute(void) {
    on = 0;
}
void microphone_block(void);
WS_ENTRY(microphone_block) void microphone_block(void) {
    if (on && *next != 0) {
        const uint32_t count = *next++;
        if (count >> 31) {
            ws_capture_lost(count & 0x7FFFFFFFu);
        } else {
            ws_capture_put((const int16_t *)(const void *)next, count);
            next += (count + 1u) / 2u;
        }
    }
}
"""


def blocks(*parts: np.ndarray | int) -> bytes:
    """Samples in blocks of up to 256 or, as one block each, of more; numbers are samples lost."""
    made = bytearray()
    for part in parts:
        if isinstance(part, int):
            made += (part | 1 << 31).to_bytes(4, "little")
            continue
        for start in range(0, part.size, 256):
            block = part[start : start + 256].astype("<i2").tobytes()
            made += (len(block) // 2).to_bytes(4, "little") + block + bytes(-len(block) % 4)
    return bytes(made) + bytes(4)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    """The application on a board with a microphone."""
    home = tmp_path_factory.mktemp("boards")
    folder = home / "mps2-with-microphone"
    shutil.copytree(load_board("mps2-an386").folder, folder)
    (folder / "microphone.c").write_text(f"#define WINDOW 0x{HOST_WINDOW:08x}u\n{MICROPHONE}")
    model = keyword_model()
    more = listening_sources(
        read(keyword_tflite()), LABELS, FrontEnd(), 16000, words=WORDS, detect=DETECT
    )
    return build_application(
        model.files,
        emit_frontend(FrontEnd()),
        read_board(folder),
        listening=more,
        out_dir=home,
        kernels=model.kernels,
    )


class Listening:
    """A board that listens to what is laid out in the window."""

    def __init__(self, image: Image, data: bytes) -> None:
        self.machine = Machine(image)
        self.machine.view(HOST_WINDOW, len(data))[:] = np.frombuffer(data, np.uint8)
        self.machine.boot()
        self.line = MachineLine(self.machine)
        self.line.rest()

    def hear(self, count: int) -> None:
        """The interrupt brings blocks, and main works off what they hold."""
        for _ in range(count):
            self._interrupt()
            self.machine.run(patience_ms=1)  # out of the sleep in which main is

    def flood(self, count: int) -> None:
        """Blocks come while main is held up."""
        for _ in range(count):
            self._interrupt()
        self.machine.run(patience_ms=1)

    def _interrupt(self) -> None:
        """Main's registers are as before, like after an exception."""
        engine = self.machine._engine
        before = engine.context_save()
        self.machine.call("microphone_block")
        engine.context_restore(before)

    def said(self) -> tuple[str, ...]:
        return self.line.rest()


def events(pcm: np.ndarray) -> tuple[str, ...]:
    return tuple(str(result.event) for result in heard_here(pcm, DETECT) if result.event)


def test_a_board_with_a_microphone_listens_from_the_start(image: Image) -> None:
    parts = clips(4)
    pcm = np.concatenate([parts[0], parts[1], parts[0]])
    board = Listening(image, blocks(pcm))
    assert "ready samples 16000\nok listen\n" in board.machine.text()
    board.hear(pcm.size // 256 + 1)
    expected = events(pcm)
    assert board.said() == expected and expected
    told = Board(board.line).ask("stop")
    assert told == (f"heard 3000 events {len(expected)} overruns 0",)


@pytest.mark.fault
def test_lost_samples_are_told_and_never_joined(image: Image) -> None:
    parts = clips(4)
    board = Listening(image, blocks(parts[0], 5000, parts[1]))
    board.hear(2 * (16_000 // 256 + 1) + 1)
    lines = board.said()
    first = events(parts[0])
    place = lines.index("error overrun 1: 5000 samples lost at 1000 ms")
    assert lines[:place] == first
    later = 1312  # milliseconds: 16,000 samples and 5,000 lost
    for told, mine in zip(lines[place + 1 :], events(parts[1]), strict=True):
        word, when, rest = told.split(" ", 2)
        assert (word, int(when) - later, rest) == (
            "event",
            int(mine.split(" ")[1]),
            mine.split(" ", 2)[2],
        )
    assert Board(board.line).ask("stop")[0].endswith("overruns 1")


@pytest.mark.fault
def test_a_ring_that_runs_over_is_told(image: Image) -> None:
    pcm = np.concatenate(clips(4)[:2])
    board = Listening(image, blocks(pcm))
    board.flood(pcm.size // 256)  # 32,000 samples; 8,192 fit, 25 hops of them are heard
    assert board.said() == ("error overrun 1: 24000 samples lost at 500 ms",)
    assert Board(board.line).ask("stop") == ("heard 2000 events 0 overruns 1",)


@pytest.mark.fault
@pytest.mark.parametrize("value", [0, -32768, 77])
def test_a_stuck_microphone_is_told_and_nothing_detected(image: Image, value: int) -> None:
    stuck = np.full(40_000, value, np.int16)
    good = clips(1)[0]
    board = Listening(image, blocks(stuck, good))
    board.hear((stuck.size + good.size) // 256 + 2)
    told, *rest = board.said()
    assert told == (
        f"error the microphone must not give one value for a second. Received: {value} at 1000 ms"
    )
    assert tuple(rest) == events(np.concatenate([stuck, good]))  # it goes on by itself


@pytest.mark.fault
def test_a_microphone_that_gives_nothing_is_told_once(image: Image) -> None:
    board = Listening(image, blocks(clips(1)[0][:4000]))
    board.hear(20)
    board.machine.run(patience_ms=900)
    assert board.said() == ()
    board.machine.run(patience_ms=3000)
    assert board.said() == ("error the microphone must give samples. Received: none for a second",)


def test_other_commands_end_listening(image: Image) -> None:
    board = Listening(image, blocks(clips(1)[0]))
    host = Board(board.line)
    assert len(host.ask("selftest")) == 4
    board.hear(70)
    assert board.said() == ()
    assert host.ask("listen") == ()
    board.hear(64)
    count = len(events(clips(1)[0]))
    assert host.ask("stop") == (f"heard 1000 events {count} overruns 0",)
