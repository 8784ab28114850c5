"""Flash with OpenOCD, for boards and probes that pyOCD does not know."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from firmware.board import Board
from firmware.content import Content
from firmware.errors import FirmwareError
from firmware.flashing import Progress, check_chip
from firmware.formats import write_hex

_TIMEOUT_S = 300
_IMAGE = "firmware.hex"

_CAUSES = (
    # What OpenOCD 0.11 and 0.12 print, and what it means.
    (
        r"unable to find a matching|no device found|open failed|No J-Link device found|"
        r"unable to open .* device|cannot find.*adapter|libusb_open\(\) failed",
        "A debug probe must be connected{with_serial}. Received: none that OpenOCD can open. "
        "Check the USB cable, who may use the device (udev rules on Linux) and --probe",
    ),
    (
        r"(?i)multiple .*(devices|probes|adapters)|more than one",
        "One debug probe must be chosen. Received: several. Choose one with --probe SERIAL",
    ),
    (
        r"checksum mismatch|\*\* Verify Failed|contents differ|verify failed",
        "The flash must hold what was written. Received: other bytes on reading back. Flash again",
    ),
    (
        r"init mode failed|unable to connect to the target|Error connecting DP|"
        r"Could not find MEM-AP|target not examined|UNEXPECTED idcode|Target voltage",
        "The chip must answer as that of {board}. Received: it does not. Check the board, its "
        "power and the cable",
    ),
    (
        r"Can't find [^\n]*|couldn't open [^\n]*",
        "OpenOCD must know {configs}. Received: it does not. Install a newer OpenOCD",
    ),
)


def command(board: Board, *, probe: str | None, read: Sequence[int], write: bool) -> list[str]:
    """OpenOCD's arguments, for a run in the folder of firmware.hex.

    Args:
        board: whose `flash.openocd` are the configuration files and commands.
        probe: serial number of the probe.
        read: addresses of words to print, before anything else, as `word <address> <value>`.
        write: whether to write, verify and start firmware.hex.

    Raises:
        FirmwareError: the serial number has characters that no serial number has.
    """
    arguments: list[str] = []
    for entry in board.flash.openocd:
        arguments += ["-f" if entry.endswith(".cfg") else "-c", entry]
    if probe is not None:
        if not re.fullmatch(r"[\w.:-]+", probe):
            raise FirmwareError(
                "--probe must be a serial number of letters, digits and . : _ - for OpenOCD. "
                f"Received: {probe!r}."
            )
        arguments += ["-c", f"adapter serial {probe}"]
    script = ["init", "reset halt"]
    script += [f"echo [format {{word %#x %#x}} {at:#x} [read_memory {at:#x} 32 1]]" for at in read]
    if write:
        script += [f"flash write_image erase {_IMAGE}", f"verify_image {_IMAGE}", "reset run"]
    return [*arguments, "-c", "; ".join([*script, "shutdown"])]


def flash(content: Content, board: Board, *, probe: str | None, progress: Progress) -> str:
    """Look at the chip, write, verify and start.

    Args:
        content: what to write; it lies in the board's flash.
        board: the board.
        probe: serial number; None for the only one.
        progress: called between the steps.

    Returns:
        A sentence for the user.

    Raises:
        FirmwareError: OpenOCD is missing, finds no probe, meets another chip, or writing failed.
    """
    program = shutil.which("openocd")
    if program is None:
        raise FirmwareError(
            "The method openocd needs openocd on PATH. Received: none. "
            "Install it (apt install openocd)."
        )
    identity = board.flash.identity
    asked = [0xE000ED00] + ([identity.address] if identity else [])
    with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
        (Path(folder) / _IMAGE).write_text(write_hex(content), encoding="ascii")
        progress(0.0, "looking at the chip")
        said = _run(
            [program, *command(board, probe=probe, read=asked, write=False)], folder, board, probe
        )
        words = {int(a, 0): int(v, 0) for a, v in re.findall(r"word (0x\w+|0) (0x\w+|0)", said)}
        missing = [at for at in asked if at not in words]
        if missing:
            raise FirmwareError(
                f"OpenOCD must read the chip's word at {missing[0]:#010x}. Received: none. "
                "OpenOCD 0.12 or newer is needed."
            )
        check_chip(board, words.__getitem__)
        progress(0.1, "writing")
        _run([program, *command(board, probe=probe, read=(), write=True)], folder, board, probe)
    progress(1.0, "verified")
    return f"{board.name}: {content.size:,} bytes written by OpenOCD, verified, started."


def _run(call: list[str], folder: str, board: Board, probe: str | None) -> str:
    """What OpenOCD printed.

    Raises:
        FirmwareError: it failed or did not come back.
    """
    try:
        done = subprocess.run(
            call,
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TIMEOUT_S,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise FirmwareError(
            f"OpenOCD must end within {_TIMEOUT_S} s. Received: no answer. "
            "Unplug the probe, plug it in and repeat."
        ) from error
    except OSError as error:
        raise FirmwareError(f"openocd must run. Received: {error.strerror}.") from error
    said = done.stdout + done.stderr
    if done.returncode == 0:
        return said
    names = {
        "board": board.name,
        "configs": ", ".join(board.flash.openocd),
        "with_serial": f" with the serial number {probe}" if probe else "",
    }
    errors = [line.removeprefix("Error: ") for line in said.splitlines() if "Error" in line]
    lines = [line for line in said.splitlines() if line.strip()]
    told = (errors or lines or ["nothing"])[-1].rstrip(". ")
    for pattern, sentence in _CAUSES:
        if re.search(pattern, said):
            raise FirmwareError(f"{sentence.format(**names)}. OpenOCD says: {told}.")
    raise FirmwareError(
        f"OpenOCD must flash {board.name} with {names['configs']}. Received: {told}."
    )
