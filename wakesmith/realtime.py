"""How much of real time a board needs to listen: exact instruction counts, one assumption.

What the microphone's driver takes is not counted, because it needs a model of the chip's
peripherals: `wakesmith simulate` runs it and says how busy the core was with everything.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from convert.detector import Detector
from convert.frontend import FrontEnd
from firmware.board import Board
from simulate.timing import cycles_per_instruction


@dataclass(frozen=True)
class RealTime:
    """Shares of the processor's time while the board listens; 1 is all of it.

    Attributes:
        features: from samples to the model's input.
        model: its runs.
        cycles_per_instruction: assumed for the core (`simulate.timing`), not measured.
        clock_hz: of the board's processor.
        every_ms: time between two runs of the model.
        least_every_ms: the least time between two runs that the board keeps up with, a multiple of
            the front-end's hop; 0 where features alone take all.
    """

    features: float
    model: float
    cycles_per_instruction: float
    clock_hz: int
    every_ms: int
    least_every_ms: int

    @property
    def share(self) -> float:
        """Of all together."""
        return self.features + self.model

    def sentence(self) -> str:
        """What stands beside the share."""
        told = (
            f"features {self.features:.1%}, model {self.model:.1%} every {self.every_ms} ms, at "
            f"{self.clock_hz / 1e6:g} MHz and {self.cycles_per_instruction:g} cycles per "
            "instruction (assumed), without the microphone's driver"
        )
        if self.share <= 1:
            return told
        if not self.least_every_ms:
            return f"{told}; too slow even for the features"
        return f"{told}; too slow: set detect.every_ms to {self.least_every_ms} or more"


def real_time(
    board: Board,
    fe: FrontEnd,
    detect: Detector,
    *,
    samples: int,
    per_frame: int,
    features: int,
    model: int,
) -> RealTime:
    """The share of real time that listening takes.

    Args:
        board: for its clock and core.
        fe: the front-end.
        detect: for the time between two runs of the model.
        samples: of the model's window.
        per_frame: instructions from a hop's samples to a log-mel row.
        features: instructions of a whole window's features; what is beyond its rows is done anew
            for each run of the model.
        model: instructions of a run.
    """
    per = cycles_per_instruction(board.core.name)
    hop = float(per_frame * per) / (board.clock_hz * fe.hop_ms / 1000)
    again = max(0, features - per_frame * fe.frames(samples))
    run_ms = float((model + again) * per) / board.clock_hz * 1000
    least = 0
    if hop < 1:
        least = math.ceil(run_ms / (1 - hop) / fe.hop_ms) * fe.hop_ms
    per_ms = board.clock_hz / 1000 / float(per)
    return RealTime(
        features=hop + again / per_ms / detect.every_ms,
        model=model / per_ms / detect.every_ms,
        cycles_per_instruction=float(per),
        clock_hz=board.clock_hz,
        every_ms=detect.every_ms,
        least_every_ms=max(least, fe.hop_ms) if hop < 1 else 0,
    )
