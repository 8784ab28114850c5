"""The same ELF on QEMU, where it is installed: a second opinion on Unicorn."""

from __future__ import annotations

import contextlib
import select
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from convert.errors import UserError
from firmware.image import Image

LINE = "chardev:line"
"""How options of QEMU name the socket between the two."""

_PROGRAM = "qemu-system-arm"
_START_S = 30.0
_LOOK_S = 0.2  # how often a QEMU that says nothing is looked at

_Q = TypeVar("_Q", bound="QemuProcess")


def qemu_available() -> bool:
    """Whether this machine has `qemu-system-arm`."""
    return shutil.which(_PROGRAM) is not None


class QemuProcess:
    """A board in QEMU that is switched on and has a line to us. Use with `with`.

    Args:
        image: the firmware.
        options: for QEMU, what is at the board's end of `LINE` among them.

    Raises:
        UserError: QEMU is missing, does not know the board, or does not start.
    """

    def __init__(self, image: Image, options: Sequence[str]) -> None:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise UserError(
                f"Running on QEMU needs {_PROGRAM} on PATH. Received: none. Install QEMU, or "
                "choose a core that is emulated without it."
            )
        machine = image.board.qemu_machine
        if not machine:
            raise UserError(f"QEMU must have the board. Received: {image.board.name}.")
        self._folder = tempfile.TemporaryDirectory(prefix="qemu")
        path = str(Path(self._folder.name) / "line")
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path)
            door.listen(1)
            door.settimeout(_LOOK_S)
            command = [program, "-M", machine, "-nographic", "-monitor", "none"]
            command += ["-chardev", f"socket,id={LINE.removeprefix('chardev:')},path={path}"]
            self._process = subprocess.Popen(
                [*command, *options, "-kernel", str(image.elf)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            self._line = self._accept(door)

    def _accept(self, door: socket.socket) -> socket.socket:
        """QEMU's end of the line, as soon as it is there."""
        end = time.monotonic() + _START_S
        while self._process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(TimeoutError):
                return door.accept()[0]
        self._process.kill()
        words = self._last_words()
        self._folder.cleanup()
        raise UserError(f"QEMU must start. Received: {words or f'nothing for {_START_S} s'}.")

    def __enter__(self: _Q) -> _Q:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Switch the board off."""
        with contextlib.suppress(OSError):
            self._line.close()
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def _last_words(self) -> str:
        """What QEMU has complained of; waits for its end."""
        return self._process.communicate()[1].decode("utf-8", "replace").strip()


class QemuBoard(QemuProcess):
    """A board in QEMU: bytes into its console, lines out of it. Use with `with`.

    Args:
        image: the firmware.
        options: more options for QEMU.

    Raises:
        UserError: QEMU is missing, does not know the board, or does not start.
    """

    def __init__(self, image: Image, options: Sequence[str] = ()) -> None:
        super().__init__(image, [*options, "-serial", LINE])
        self._text = bytearray()

    def send(self, data: bytes | str) -> None:
        """Bytes into the console, or a line without its end."""
        self._line.sendall(data.encode() + b"\n" if isinstance(data, str) else data)

    def receive(self) -> str:
        """The next line; see `simulate.protocol.Line`.

        Raises:
            UserError: none comes in time.
        """
        found = self.lines(1)
        if not found:
            raise UserError(f"The board must answer. Received: {bytes(self._text)!r}.")
        return found[0]

    def lines(self, count: int, timeout_s: float = 30.0) -> tuple[str, ...]:
        """The next `count` lines of the console; fewer when they do not come in time."""
        end = time.monotonic() + timeout_s
        while self._text.count(b"\n") < count:
            left = end - time.monotonic()
            ready, _, _ = select.select([self._line], [], [], max(left, 0))
            data = self._line.recv(65536) if ready else b""
            if not data:
                break
            self._text += data
        *whole, rest = bytes(self._text).split(b"\n")
        self._text = bytearray(b"\n".join([*whole[count:], rest]))
        return tuple(line.decode("utf-8", "replace").rstrip("\r") for line in whole[:count])
