"""Sound into the microphone of an emulated board, whose own driver and application listen."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from firmware.board import Board, list_boards, load_board
from firmware.image import Image
from simulate.devices.chips import MICROPHONES
from simulate.devices.sound import SAMPLE_RATE_HZ, Sound
from simulate.machine import Machine

_MOST_SECONDS = 3600
_TOLD_MS = 200  # emulated time between two reports of progress


@dataclass(frozen=True)
class Line:
    """One line that the firmware printed, and the emulated time at its end.

    Attributes:
        seconds: since the first sample of the sound.
        text: the line.
    """

    seconds: float
    text: str


@dataclass(frozen=True)
class Played:
    """What came of it.

    Attributes:
        lines: everything that was printed while the sound played.
        seconds: of emulated time.
        instructions: executed in that time.
        busy: share of the time in which the core did not sleep, at the assumed number of cycles
            per instruction (`simulate.timing`).
        resets: reasons for which the chip was reset.
    """

    lines: tuple[Line, ...]
    seconds: float
    instructions: int
    busy: float
    resets: tuple[str, ...]

    @property
    def events(self) -> tuple[str, ...]:
        """The events, as the firmware tells them."""
        return tuple(line.text for line in self.lines if line.text.startswith("event "))

    @property
    def errors(self) -> tuple[str, ...]:
        """What the firmware had to complain about, overruns among it."""
        return tuple(line.text for line in self.lines if line.text.startswith("error "))


def require_microphone(board: Board) -> None:
    """Nothing, where the board has a microphone that is modelled.

    Raises:
        UserError: it has none.
    """
    if board.chip not in MICROPHONES:
        others = ", ".join(n for n in list_boards() if load_board(n).chip in MICROPHONES)
        raise UserError(
            "The board must have a microphone that the simulator models. Received: "
            f"{board.name}. Choose another with --board: {others}."
        )


def sound_of(machine: Machine) -> Sound:
    """What the board's microphone hears.

    Raises:
        UserError: the board has none that is modelled.
    """
    require_microphone(machine.image.board)
    sound = machine.chip.sound
    assert sound is not None
    return sound


def play(
    image: Image,
    pcm: NDArray[np.int16],
    tail_ms: int = 500,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Played:
    """Reset the board, play the sound from the moment its driver listens, and some silence.

    Args:
        image: an application, which listens at once.
        pcm: 16 kHz mono int16.
        tail_ms: of silence after it.
        progress: told milliseconds that were emulated, and all of them; nothing depends on it.

    Raises:
        UserError: the board has no microphone, or the sound is empty or longer than an hour.
        CortexMFault: the firmware faults.
        DeviceError: the driver does what a device's manual forbids.
    """
    if not 0 < pcm.size <= _MOST_SECONDS * SAMPLE_RATE_HZ:
        raise UserError(
            f"Sound must have 1 sample to {_MOST_SECONDS} seconds. Received: {pcm.size} samples."
        )
    machine = Machine(image)
    sound = sound_of(machine)
    sound.play(pcm)
    machine.reset()
    machine.run()
    clock = machine.clock
    if sound.origin is None:
        raise UserError(
            "Firmware must listen when it has started. Received: "
            f"{machine.text().strip().splitlines()[-1:]}."
        )
    begun, before = clock.now(), machine.counter.elapsed
    whole = pcm.size * 1000 // SAMPLE_RATE_HZ + tail_ms
    for done in range(0, whole, _TOLD_MS):
        told = functools.partial(progress, done, whole)
        clock.at(begun + done * clock.hz // 1000, told, outlives_reset=True)
    machine.run_for(whole)
    seconds = (clock.now() - begun) / clock.hz
    instructions = machine.counter.elapsed - before
    lines, start = [], 0
    for end, cycle in machine.console.line_ends:
        text = bytes(machine.console.sent[start : end - 1]).decode("utf-8", "replace")
        lines.append(Line((cycle - sound.origin) / clock.hz, text))
        start = end
    return Played(
        lines=tuple(lines),
        seconds=seconds,
        instructions=instructions,
        busy=float(instructions * clock.per_instruction / clock.hz / seconds),
        resets=tuple(machine.resets),
    )
