"""What the emulated microphone hears."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 16_000


class Sound:
    """A recording that begins when the driver first listens, and silence after it.

    Attributes:
        origin: cycle at which the first sample was there; None before.
    """

    def __init__(self) -> None:
        self._pcm: NDArray[np.int16] = np.zeros(0, np.int16)
        self.origin: int | None = None

    def play(self, pcm: NDArray[np.int16]) -> None:
        """Play 16 kHz mono int16 from the next start of the microphone on."""
        self._pcm = pcm
        self.origin = None

    def start(self, cycle: int, hz: int) -> int:
        """The driver listens from `cycle` of a clock of `hz` on; the number of the next sample."""
        if self.origin is None:
            self.origin = cycle
        return -(-(cycle - self.origin) * SAMPLE_RATE_HZ // hz)

    def take(self, first: int, count: int) -> NDArray[np.int16]:
        """`count` samples from number `first` on, zeros beyond the end."""
        out = np.zeros(count, np.int16)
        part = self._pcm[first : first + count]
        out[: part.size] = part
        return out
