"""What a fault is: the words of the architecture, and the exception that tells of one."""

from __future__ import annotations

from dataclasses import dataclass

# CFSR bits, Armv7-M ARM B3.2.15.
DACCVIOL, MSTKERR = 1 << 1 | 1 << 7, 1 << 4  # with MMARVALID
PRECISERR = 1 << 9 | 1 << 15  # with BFARVALID
IBUSERR, STKERR = 1 << 8, 1 << 12
UNDEFINSTR, INVSTATE, INVPC, DIVBYZERO = 1 << 16, 1 << 17, 1 << 18, 1 << 25
STKOF = 1 << 20  # Armv8-M only


class CortexMFault(Exception):  # noqa: N818 (fault is the architecture's word)
    """The emulated firmware did something that stops a real one.

    It is not a `UserError`: whether the generated C or a user's own is at fault is for the reader
    of the symbol to say, and a bug keeps its traceback.

    Attributes:
        reason: what happened, in words.
        pc: address of the instruction.
        symbol: `function+0x12` of that address.
        address: the data or code address that was touched, or None.
        report: what the firmware's fault handler printed.
    """

    def __init__(
        self, reason: str, pc: int, symbol: str, address: int | None, caller: str, report: str
    ) -> None:
        self.reason, self.pc, self.symbol = reason, pc, symbol
        self.address, self.caller, self.report = address, caller, report
        text = f"{reason} in {symbol} (pc 0x{pc:08x}, called from {caller})"
        super().__init__(f"{text}\n{report.strip()}" if report else text)


@dataclass(frozen=True)
class Trouble:
    """What Unicorn said, in the words of the architecture."""

    reason: str
    exception: int  # 4 MemManage, 5 BusFault, 6 UsageFault
    cfsr: int
    address: int | None = None
    hfsr: int = 0
