from __future__ import annotations

import re
import shutil
import subprocess
import sys

import pytest

from firmware.cores import CORES, Core

# ACLE (IHI 0053): architecture, Thumb instruction set, 32-bit SIMD, MVE and floating point; the
# least of these bits of __ARM_FP that must be set (4: single precision).
EXPECTED = {
    "cortex-m0": (6, 1, 0, 0, 0),
    "cortex-m0plus": (6, 1, 0, 0, 0),
    "cortex-m3": (7, 2, 0, 0, 0),
    "cortex-m4f": (7, 2, 1, 0, 4),
    "cortex-m7f": (7, 2, 1, 0, 4),
    "cortex-m33f": (8, 2, 1, 0, 4),
    "cortex-m55": (8, 2, 1, 1, 4),
}
GCC = shutil.which("arm-none-eabi-gcc")


def facts(command: list[str]) -> tuple[int, ...]:
    """What the compiler says it compiles for."""
    done = subprocess.run(
        [*command, "-dM", "-E", "-x", "c", "-"],
        input="",
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    macros = dict(re.findall(r"#define (\w+) (.*)", done.stdout))
    names = (
        "__ARM_ARCH",
        "__ARM_ARCH_ISA_THUMB",
        "__ARM_FEATURE_DSP",
        "__ARM_FEATURE_MVE",
        "__ARM_FP",
    )
    found = [int(macros.get(name, "0"), 0) for name in names]
    assert ("__ARM_PCS_VFP" in macros) == (found[4] != 0)
    assert ("__SOFTFP__" in macros) == (found[4] == 0)
    return (*found[:4], found[4] & 4)


def test_all_cores_are_expected() -> None:
    assert set(CORES) == set(EXPECTED)
    for core in CORES.values():
        assert core.architecture == f"armv{EXPECTED[core.name][0]}-m"


@pytest.mark.parametrize("core", CORES.values(), ids=lambda core: core.name)
def test_zig(core: Core) -> None:
    command = [sys.executable, "-m", "ziglang", "cc", "-target", core.zig_target]
    assert facts([*command, f"-mcpu={core.zig_cpu}"]) == EXPECTED[core.name]


@pytest.mark.arm_gcc
@pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc is missing")
@pytest.mark.parametrize("core", CORES.values(), ids=lambda core: core.name)
def test_gcc(core: Core) -> None:
    assert GCC is not None
    assert facts([GCC, *core.gcc_flags]) == EXPECTED[core.name]
