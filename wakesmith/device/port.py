"""Serial ports: which there are, and lines over one of them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import serial
from serial.tools import list_ports

from convert.errors import UserError

BAUD = 115_200
_MOST_LINE = 4096


def ports() -> tuple[str, ...]:
    """Names of the serial ports of this machine, those of USB devices first."""
    found = sorted(list_ports.comports(), key=lambda port: (port.vid is None, port.device))
    return tuple(port.device for port in found)


def _here() -> str:
    names = ports()
    return f"Ports here: {', '.join(names)}." if names else "There is no serial port here."


def choose_port(name: str | None) -> str:
    """The port that was asked for, or the only one of a USB device.

    Raises:
        UserError: none was asked for and there is none or more than one.
    """
    if name:
        return name
    usb = [port.device for port in list_ports.comports() if port.vid is not None]
    if len(usb) == 1:
        return usb[0]
    raise UserError(
        f"--port must name the board's serial port. Received: none, and {len(usb)} USB ports to "
        f"choose from. {_here()}"
    )


class SerialLine:
    """Lines to and from a serial port; see `simulate.protocol.Line`.

    Args:
        port: open.
        name: of the port.
        patience_s: how long a line may take.
    """

    def __init__(self, port: serial.Serial, name: str, patience_s: float) -> None:
        self._port = port
        self._name = name
        self._patience = patience_s
        self._bytes = bytearray()

    def send(self, line: str) -> None:
        """One line, without its end.

        Raises:
            UserError: the board went away.
        """
        with self._present():
            self._port.write(line.encode() + b"\n")

    def receive(self) -> str:
        """The next line that is not empty, without its end.

        Raises:
            UserError: none comes in time, it never ends, or the board went away.
        """
        end = time.monotonic() + self._patience
        while True:
            line = self._take()
            if line:
                return line
            if line is None and not self._wait(end - time.monotonic()):
                raise UserError(
                    f"The board must answer within {self._patience:g} s. Received: "
                    f"{bytes(self._bytes[-60:])!r} from {self._name}. Check the port, reset the "
                    "board, or wait longer with --timeout."
                )

    def arrived(self, seconds: float) -> str | None:
        """A line, if one is there or comes in time.

        Raises:
            UserError: the board went away.
        """
        end = time.monotonic() + seconds
        while True:
            line = self._take()
            if line is not None:
                return line
            if not self._wait(end - time.monotonic()):
                return None

    def drain(self) -> None:
        """Forget what the board said before it was asked."""
        with self._present():
            self._port.reset_input_buffer()
        self._bytes.clear()

    def _take(self) -> str | None:
        end = self._bytes.find(b"\n")
        if end < 0:
            if len(self._bytes) > _MOST_LINE:
                raise UserError(
                    f"The board must send lines. Received: {len(self._bytes)} bytes without an "
                    f"end from {self._name}. Check the port and the baud rate."
                )
            return None
        line = bytes(self._bytes[:end])
        del self._bytes[: end + 1]
        return line.decode("utf-8", "replace").rstrip("\r")

    def _wait(self, seconds: float) -> bool:
        if seconds <= 0:
            return False
        with self._present():
            self._port.timeout = min(seconds, 0.2)
            self._bytes += self._port.read(max(1, self._port.in_waiting))
        return True

    @contextlib.contextmanager
    def _present(self) -> Iterator[None]:
        try:
            yield
        except (serial.SerialException, OSError) as error:
            raise UserError(
                f"The board must stay connected. Received: {self._name} went away ({error})."
            ) from error


@contextlib.contextmanager
def open_line(
    name: str | None, *, baud: int = BAUD, patience_s: float = 10.0
) -> Iterator[SerialLine]:
    """A serial port as lines.

    Args:
        name: of the port; the only one of a USB device when None.
        baud: bits per second.
        patience_s: how long a line may take.

    Raises:
        UserError: there is no such port, or it is in use.
    """
    chosen = choose_port(name)
    try:
        port = serial.Serial(chosen, baud, timeout=0.2, write_timeout=patience_s, exclusive=True)
    except (serial.SerialException, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(
            f"--port must be a serial port that is free. Received: {chosen} ({reason}). {_here()}"
        ) from error
    with port:
        yield SerialLine(port, chosen, patience_s)
