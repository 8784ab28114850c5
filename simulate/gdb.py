"""A board in QEMU, moved as a debugger moves one: memory, calls of functions, instruction counts.

QEMU's own debug stub is used (GDB Remote Serial Protocol, appendix E of the GDB manual), so the
firmware is the one that is flashed and nothing is added to it.

Counts: with `-icount shift=5` every instruction takes 32 ns of virtual time, and the system counter
of Arm's SSE-300 counts with 32 MHz on board AN547: 1.024 ticks per instruction. A difference of two
readings tells the number of instructions to one more or less. `sleep=off` and a SysTick that is off
keep virtual time from passing while the board is stopped: QEMU then lets it jump to the next timer,
and there is none.
"""

from __future__ import annotations

import time

from convert.errors import ModelError, UserError
from firmware.image import Image
from simulate.elf import Elf
from simulate.qemu import LINE, QemuProcess

_SLEEP = "ws_board_sleep"
_LR, _PC = 14, 15
_CHUNK = 1024  # bytes per packet; QEMU takes packets of 4096 characters
_START_S, _CALL_S = 30.0, 600.0
_TRIES = 4
_SHIFT = 5
_CONTROL, _VALUE = 0x5810_0000, 0x5810_0008  # SSE-300 TRM, "System counter": CNTCR, CNTCV
_SYSTICK = 0xE000_E010  # Armv8-M ARM, SYST_CSR
_TICKS_PER_SECOND = 32_000_000
_STORE = b"\x01\x60\x70\x47"  # str r1, [r0]; bx lr


class GdbBoard(QemuProcess):
    """A board in QEMU that has booted and waits; use with `with`.

    Args:
        image: firmware whose `main` ends up in `ws_board_sleep`, which is where it is stopped.
        counting: give every instruction the same virtual time; slower, and needed for `call` to
            count.

    Attributes:
        elf: for addresses of symbols.

    Raises:
        UserError: QEMU is missing, does not know the board, does not start, or the firmware does
            not get ready.
    """

    def __init__(self, image: Image, counting: bool = False) -> None:
        options = ["-serial", "null", "-S", "-gdb", LINE]
        if counting:
            options += ["-icount", f"shift={_SHIFT},sleep=off"]
        super().__init__(image, options)
        self.elf = Elf(image.elf)
        self._counting = counting
        self._image_end = image.board.ram_origin + image.board.ram_size
        self._buffer = bytearray()
        try:
            self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self) -> None:
        self._home = self.elf.symbols[_SLEEP]
        # QEMU knows single registers once somebody has asked for their names.
        self._ask("qXfer:features:read:target.xml:0,800")
        self._ask(f"Z0,{self._home:x},2")
        self._go(_START_S)
        if self._counting:
            # A debugger's writes do not reach devices in QEMU; the processor's do.
            place = self._image_end - len(_STORE)
            self.write(place, _STORE)
            self._call(place, _CONTROL, 1)
            self._call(place, _SYSTICK, 0)
            self._settle()

    def _settle(self) -> None:
        """Until a call that executes nothing counts nothing."""
        for _ in range(_TRIES):
            if self.call(_SLEEP) == 0:
                return
        raise ModelError(
            "QEMU's virtual time must stand still while the board is stopped. Received: time that "
            "passes. Use QEMU 7.2 or newer."
        )

    # --- what a debugger does ---

    def read(self, address: int, nbytes: int) -> bytes:
        """Bytes of the board's memory."""
        parts = []
        for start in range(0, nbytes, _CHUNK):
            count = min(_CHUNK, nbytes - start)
            parts.append(bytes.fromhex(self._ask(f"m{address + start:x},{count:x}")))
        return b"".join(parts)

    def write(self, address: int, data: bytes) -> None:
        """Change the board's memory."""
        for start in range(0, len(data), _CHUNK):
            part = data[start : start + _CHUNK]
            self._ask(f"M{address + start:x},{len(part):x}:{part.hex()}")

    def call(self, name: str, *arguments: int, seconds: float = _CALL_S) -> int:
        """Call a function without a result as `main` would; its instructions, 0 without `counting`.

        Args:
            name: symbol of the function.
            arguments: up to four 32-bit values.
            seconds: wall-clock time after which it counts as lost.

        Raises:
            KeyError: the firmware has no such function.
            ModelError: it does not come back: it faults, or runs on and on.
        """
        before = self._ticks()
        self._call(self.elf.symbols[name], *arguments, seconds=seconds)
        nanoseconds = (self._ticks() - before) * 1_000_000_000 // _TICKS_PER_SECOND
        return nanoseconds + (1 << _SHIFT) // 2 >> _SHIFT

    def _call(self, address: int, *arguments: int, seconds: float = _CALL_S) -> None:
        for number, value in enumerate(arguments):
            self._set(number, value)
        self._set(_LR, self._home | 1)
        self._set(_PC, address)
        self._go(seconds)

    def _ticks(self) -> int:
        if not self._counting:
            return 0
        return int.from_bytes(self.read(_VALUE, 8), "little")

    def _set(self, register: int, value: int) -> None:
        self._ask(f"P{register:x}={value.to_bytes(4, 'little').hex()}")

    def _go(self, timeout_s: float) -> None:
        """Run up to the breakpoint."""
        self._send("c")
        try:
            answer = self._receive(timeout_s)
        except TimeoutError:  # where is it?
            self._line.sendall(b"\x03")
            answer = self._receive(_START_S)
        here = int.from_bytes(bytes.fromhex(self._ask(f"p{_PC:x}")), "little")
        if here != self._home:
            raise ModelError(
                "Firmware must come back to where it waits on the emulated board. Received: "
                f"{answer} at {self.elf.locate(here)}."
            )

    # --- packets ---

    def _ask(self, command: str) -> str:
        self._send(command)
        answer = self._receive(_START_S)
        if answer.startswith("E") and len(answer) == 3:
            raise ModelError(f"QEMU must take {command[:40]!r}. Received: {answer}.")
        return answer

    def _send(self, command: str) -> None:
        data = command.encode()
        self._line.sendall(b"$" + data + b"#%02x" % (sum(data) & 0xFF))

    def _receive(self, timeout_s: float) -> str:
        """The next packet, acknowledged.

        Raises:
            TimeoutError: none comes in time.
            UserError: QEMU has ended.
        """
        end = time.monotonic() + timeout_s
        while True:
            start = self._buffer.find(b"$")
            stop = self._buffer.find(b"#", start + 1) if start >= 0 else -1
            if stop >= 0 and len(self._buffer) >= stop + 3:
                text = bytes(self._buffer[start + 1 : stop]).decode("latin-1")
                del self._buffer[: stop + 3]
                self._line.sendall(b"+")
                return text
            self._line.settimeout(max(end - time.monotonic(), 0.001))
            data = self._line.recv(65536)
            if not data:
                words = self._last_words()
                raise UserError(f"QEMU must go on until it is told to end. Received: {words!r}.")
            self._buffer += data
