"""An emulated board behind a pseudo-terminal: what talks to boards can talk to it."""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from collections.abc import Callable, Iterator

from simulate.machine import Machine

Exchange = Callable[[bytes], bytes]
"""Bytes into the board -> what it sends back until it waits again."""

_LIMIT = 100_000_000_000


def machine_exchange(machine: Machine) -> Exchange:
    """For a machine that has booted; time stands still between the bytes."""

    def exchange(data: bytes) -> bytes:
        before = len(machine.console.sent)
        machine.console.feed(data)
        machine.run(limit=_LIMIT)
        return bytes(machine.console.sent[before:])

    return exchange


@contextlib.contextmanager
def pseudo_terminal(exchange: Exchange) -> Iterator[str]:
    """Name of a terminal with a board at its other end, as long as the block lasts.

    What the board raises is raised at the end of the block.
    """
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    attributes = termios.tcgetattr(theirs)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    stop, wake = os.pipe()
    raised: list[BaseException] = []

    def serve() -> None:
        try:
            while True:
                ready, _, _ = select.select([ours, stop], [], [])
                if stop in ready:
                    return
                answer = exchange(os.read(ours, 4096))
                while answer:
                    answer = answer[os.write(ours, answer) :]
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        os.write(wake, b"x")
        thread.join()
        for handle in (ours, theirs, stop, wake):
            os.close(handle)
    if raised:
        raise raised[0]
