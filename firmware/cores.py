"""Processor cores: how the two compilers are told about each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Architecture = Literal["armv6-m", "armv7-m", "armv8-m"]
Kernels = Literal["plain", "dsp", "muls", "mve"]


@dataclass(frozen=True)
class Core:
    """One processor core.

    Attributes:
        name: what `board.toml` calls it; a final f says that its FPU is used.
        architecture: decides on start-up, fault handlers and stack guard.
        zig_target: target of the clang in the `ziglang` wheel.
        zig_cpu: processor and features.
        gcc_flags: the same for `arm-none-eabi-gcc`.
        kernels: the family of kernels that is best on it; "dsp" is made for the DSP instructions,
            "muls" for cores with no longer product than MULS, "mve" for Helium, and all run
            anywhere.
    """

    name: str
    architecture: Architecture
    zig_target: str
    zig_cpu: str
    gcc_flags: tuple[str, ...]
    kernels: Kernels


def _soft(name: str, architecture: Architecture, zig_cpu: str, gcc_cpu: str) -> Core:
    flags = (f"-mcpu={gcc_cpu}", "-mthumb", "-mfloat-abi=soft")
    kernels: Kernels = "muls" if architecture == "armv6-m" else "dsp"
    return Core(name, architecture, "thumb-freestanding-eabi", zig_cpu, flags, kernels)


def _hard(
    name: str,
    architecture: Architecture,
    zig_cpu: str,
    gcc_cpu: str,
    fpu: str = "auto",
    kernels: Kernels = "dsp",
) -> Core:
    """`-soft_float` takes the emulation of floating point away, which zig's processors have on.

    Without it there is no FPU whatever else is named, and `-mfpu` is ignored by the clang of the
    ziglang wheel.
    """
    flags = (f"-mcpu={gcc_cpu}", "-mthumb", f"-mfpu={fpu}", "-mfloat-abi=hard")
    target, cpu = "thumb-freestanding-eabihf", f"{zig_cpu}-soft_float"
    return Core(name, architecture, target, cpu, flags, kernels)


CORES: Mapping[str, Core] = {
    core.name: core
    for core in (
        _soft("cortex-m0", "armv6-m", "cortex_m0", "cortex-m0"),
        _soft("cortex-m0plus", "armv6-m", "cortex_m0plus", "cortex-m0plus"),
        _soft("cortex-m3", "armv7-m", "cortex_m3", "cortex-m3"),
        _hard("cortex-m4f", "armv7-m", "cortex_m4+vfp4d16sp", "cortex-m4", "fpv4-sp-d16"),
        _hard("cortex-m7f", "armv7-m", "cortex_m7+fp_armv8d16sp", "cortex-m7", "fpv5-sp-d16"),
        # The DSP extension is an option of this core that zig leaves out unless it is named.
        _hard(
            "cortex-m33f", "armv8-m", "cortex_m33+dsp+fp_armv8d16sp", "cortex-m33", "fpv5-sp-d16"
        ),
        # Integer MVE (Helium) and scalar floating point; `nomve.fp` leaves vectors of floats out.
        _hard(
            "cortex-m55",
            "armv8-m",
            "cortex_m55+mve+fp_armv8d16sp",
            "cortex-m55+nomve.fp",
            kernels="mve",
        ),
    )
}
"""Cores by the name that `board.toml` uses."""
