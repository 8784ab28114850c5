"""Firmware for a core that only QEMU has: its self-test runs there.

The firmware carries two windows and the answers of the definitions to them; noise that it makes
itself goes through the front-end. See docs/SPEC.md, "Serial protocol".
"""

from __future__ import annotations

from firmware.image import Image
from simulate.cores import EMULATED
from simulate.protocol import Board, BoardError
from simulate.qemu import QemuBoard, qemu_available
from wakesmith.results import Proof

_BOOT_SECONDS = 120.0
_CRC_BYTES = 4


def runs_in_qemu_only(image: Image) -> bool:
    """Whether QEMU is installed and has the board, and the emulator has not."""
    board = image.board
    return board.core.name not in EMULATED and bool(board.qemu_machine) and qemu_available()


def self_test_in_qemu(image: Image) -> Proof:
    """Start the firmware in QEMU and let it check image, features and scores.

    Raises:
        UserError: QEMU does not start, or the firmware does not answer.
    """
    with QemuBoard(image) as qemu:
        said: list[str] = []
        while not said or not said[-1].startswith(("ready", "error")):
            lines = qemu.lines(1, timeout_s=_BOOT_SECONDS)
            if not lines:
                break
            said += lines
        try:
            if not said or not said[-1].startswith("ready"):
                raise BoardError(f"The firmware must get ready. Received: {' '.join(said)!r}.")
            checks, first = len(Board(qemu).ask("selftest")), ""
        except BoardError as error:
            checks, first = 1, f"reference and qemu part in the self-test: {error}"
    compared = checks * _CRC_BYTES
    return Proof(
        what="self-test, by CRC",
        backends=("reference", "qemu"),
        clips=checks,
        compared=compared,
        mismatches=compared if first else 0,
        first=first,
    )
