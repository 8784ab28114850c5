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
from types import TracebackType

from convert.errors import UserError
from firmware.image import Image

_PROGRAM = "qemu-system-arm"


def qemu_available() -> bool:
    """Whether this machine has `qemu-system-arm`."""
    return shutil.which(_PROGRAM) is not None


class QemuBoard:
    """A board in QEMU: bytes into its console, lines out of it. Use with `with`.

    Args:
        image: the firmware.
        options: more options for QEMU.

    Raises:
        UserError: QEMU is missing, does not know the board, or does not start.
    """

    def __init__(self, image: Image, options: Sequence[str] = ()) -> None:
        program = shutil.which(_PROGRAM)
        if program is None:
            raise UserError(
                f"Running on QEMU needs {_PROGRAM} on PATH. Received: none. "
                "Install QEMU, or use the cortex-m back end."
            )
        machine = image.board.qemu_machine
        if not machine:
            raise UserError(f"QEMU must have the board. Received: {image.board.name}.")
        self._folder = tempfile.TemporaryDirectory(prefix="qemu")
        path = str(Path(self._folder.name) / "console")
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(path)
            door.listen(1)
            door.settimeout(20)
            command = [program, "-M", machine, "-nographic", "-monitor", "none", *options]
            serial = ["-serial", f"unix:{path}"]
            self._process = subprocess.Popen(
                [*command, *serial, "-kernel", str(image.elf)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
            )
            try:
                self._console, _ = door.accept()
            except TimeoutError as error:
                self._process.kill()
                words = self._process.communicate()[1].decode("utf-8", "replace").strip()
                self._folder.cleanup()
                raise UserError(f"QEMU must start. Received: {words or error}.") from error
        self._text = bytearray()

    def __enter__(self) -> QemuBoard:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Switch the board off."""
        with contextlib.suppress(OSError):
            self._console.close()
        self._process.kill()
        self._process.communicate()
        self._folder.cleanup()

    def send(self, data: bytes | str) -> None:
        """Bytes into the console, or a line without its end."""
        self._console.sendall(data.encode() + b"\n" if isinstance(data, str) else data)

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
            ready, _, _ = select.select([self._console], [], [], max(left, 0))
            data = self._console.recv(65536) if ready else b""
            if not data:
                break
            self._text += data
        *whole, rest = bytes(self._text).split(b"\n")
        self._text = bytearray(b"\n".join([*whole[count:], rest]))
        return tuple(line.decode("utf-8", "replace").rstrip("\r") for line in whole[:count])
