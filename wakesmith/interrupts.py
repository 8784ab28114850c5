"""Ctrl-C that is not lost.

A KeyboardInterrupt is raised wherever the interpreter happens to be, and libraries swallow it or
turn it into another error: while TensorFlow is imported, in callbacks from C, in destructors. So
the signal is remembered too, and asked for at every report of progress and between stages.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

from wakesmith.blocks import Block


class Interrupts(Block):
    """Within the block, remembers SIGINT; outside of the main thread it does nothing.

    Attributes:
        pressed: whether Ctrl-C was pressed.
    """

    def __init__(self) -> None:
        self.pressed = False
        self._before: Any = None

    def begin(self) -> None:
        """Listen."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._remember)

    def end(self) -> None:
        """Leave the signal to whoever had it."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def check(self) -> None:
        """Raise KeyboardInterrupt if Ctrl-C was pressed and nobody heard."""
        if self.pressed:
            raise KeyboardInterrupt

    def _remember(self, number: int, frame: FrameType | None) -> None:
        self.pressed = True
        raise KeyboardInterrupt
