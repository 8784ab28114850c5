"""An emulated board at the other end of a serial line."""

from __future__ import annotations

from convert.errors import UserError
from simulate.machine import Machine

_LIMIT = 100_000_000_000  # instructions of one answer


class MachineLine:
    """Lines to and from the console of a machine; see `simulate.protocol.Line`.

    Args:
        machine: booted.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._read = len(machine.console.sent)

    def send(self, line: str) -> None:
        """One line, without its end; the board works until it waits for the next."""
        self.feed(line.encode() + b"\n")

    def feed(self, data: bytes, patience_ms: int = 0) -> None:
        """Any bytes, then silence for some emulated time."""
        self.machine.console.feed(data)
        self.machine.run(limit=_LIMIT, patience_ms=patience_ms)

    def receive(self) -> str:
        """The next line.

        Raises:
            UserError: the board has said nothing more.
        """
        sent = self.machine.console.sent
        end = sent.find(b"\n", self._read)
        if end < 0:
            rest = bytes(sent[self._read :])
            raise UserError(f"The board must answer. Received: {rest!r}.")
        line = bytes(sent[self._read : end])
        self._read = end + 1
        return line.decode("utf-8", "replace")

    def rest(self) -> tuple[str, ...]:
        """All that has not been read."""
        text = bytes(self.machine.console.sent[self._read :])
        self._read = len(self.machine.console.sent)
        return tuple(text.decode("utf-8", "replace").splitlines())
