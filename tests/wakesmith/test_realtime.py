from __future__ import annotations

import dataclasses

import pytest

from convert.detector import Detector
from convert.frontend import FrontEnd
from firmware.board import load_board
from simulate.timing import cycles_per_instruction
from wakesmith.realtime import real_time

BOARD = load_board("mps2-an386")
COUNTS = {"samples": 16_000, "per_frame": 30_000, "features": 49 * 30_000 + 50_000}


def test_by_hand() -> None:
    assert (BOARD.clock_hz, cycles_per_instruction("cortex-m4f")) == (25_000_000, 1.5)
    timing = real_time(BOARD, FrontEnd(), Detector(every_ms=200), model=1_000_000, **COUNTS)
    # 25 MHz at 1.5 cycles: 16,667 instructions per ms; 30,000 of 333,333 per hop.
    assert timing.features == pytest.approx(0.09 + 50_000 / (200 * 16_666.667), rel=1e-4)
    assert timing.model == pytest.approx(0.3, rel=1e-4)
    assert timing.share < 1 and "too slow" not in timing.sentence()
    assert (
        "25 MHz and 1.5 cycles per instruction (assumed), without the microphone's driver"
        in timing.sentence()
    )
    # 63 ms of every run besides the 9 % of features.
    assert timing.least_every_ms == 80


def test_too_slow_says_what_to_do() -> None:
    timing = real_time(BOARD, FrontEnd(), Detector(), model=3_000_000, **COUNTS)
    assert timing.share > 1
    assert f"set detect.every_ms to {timing.least_every_ms} or more" in timing.sentence()
    enough = Detector(every_ms=timing.least_every_ms)
    assert real_time(BOARD, FrontEnd(), enough, model=3_000_000, **COUNTS).share <= 1
    less = Detector(every_ms=timing.least_every_ms - FrontEnd().hop_ms)
    assert real_time(BOARD, FrontEnd(), less, model=3_000_000, **COUNTS).share > 1


def test_features_alone_are_too_much() -> None:
    slow = dataclasses.replace(BOARD, clock_hz=1_000_000)
    timing = real_time(slow, FrontEnd(), Detector(), model=1000, **COUNTS)
    assert timing.least_every_ms == 0 and "too slow even for the features" in timing.sentence()
