"""What some tests need of the machine that they run on."""

from __future__ import annotations

import shutil

import pytest

from simulate.qemu import qemu_available

ARM_GCC = [
    pytest.mark.arm_gcc,
    pytest.mark.skipif(
        shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing"
    ),
]
GCC = pytest.param("gcc", marks=ARM_GCC)
COMPILERS = ["zig", GCC]
"""For Cortex-M."""

QEMU = [
    pytest.mark.qemu,
    pytest.mark.skipif(not qemu_available(), reason="qemu-system-arm is missing"),
]


def skip_without(core: str) -> None:
    """Skips the test where nothing that is installed runs this core."""
    if core == "cortex-m55" and not qemu_available():
        pytest.skip("only QEMU has this core, and it is not installed")
