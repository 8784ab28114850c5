"""Instructions of the C front-end on Cortex-M4 and Cortex-M0, counted exactly in Unicorn.

Run from the repository's root: `python -m benchmarks.frontend`. Add `gcc` to count
arm-none-eabi-gcc's code too. Tests gate on `count`.
"""

from __future__ import annotations

import argparse
import bisect
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from numpy.typing import NDArray
from unicorn import UC_ARCH_ARM, UC_HOOK_CODE, UC_MODE_MCLASS, UC_MODE_THUMB, Uc
from unicorn import arm_const as arm

from convert.frontend import FrontEnd
from firmware.hostbuild import FIRMWARE_DIR, WARNINGS
from simulate.hostfrontend import frontend_sources

ROM, RAM, STOP = 0x0, 0x20000000, 0x000F0000
_STATE, _HOP, _ROW, _WINDOW, _RING = 0x0, 0x2000, 0x3000, 0x3800, 0x4000
_FEATURES, _STACK = 0x8000, 0x20000

_SCRIPT = """
MEMORY { ROM (rx) : ORIGIN = 0x0, LENGTH = 512K
RAM (rwx) : ORIGIN = 0x20000000, LENGTH = 128K }
SECTIONS { .text : { *(.text*) *(.rodata*) } > ROM
.data : { *(.data*) *(.bss*) } > RAM
/DISCARD/ : { *(.ARM.*) *(.comment) *(.note*) } }
"""
_CORES = {
    "M4": ("cortex_m4+vfp4d16sp-soft_float", "cortex-m4", arm.UC_CPU_ARM_CORTEX_M4),
    "M0": ("cortex_m0", "cortex-m0", arm.UC_CPU_ARM_CORTEX_M0),
}


@dataclass(frozen=True)
class Count:
    """One compiled front-end, run over a clip."""

    per_frame: int  # instructions of ws_frontend_push with a row out; the most of all frames
    normalise: int  # instructions of ws_window_features over the clip's window
    by_function: dict[str, int]  # of the last frame
    rows: NDArray[np.int16]  # (frames, mels)
    features: NDArray[np.int8]  # (frames, width)
    code_bytes: int  # functions
    table_bytes: int  # constants
    stack_bytes: int


def compile_elf(fe: FrontEnd, core: str, compiler: str, folder: Path, optimize: str) -> Path:
    """Compile and link the front-end for a core, without start-up code."""
    zig_cpu, gcc_cpu, _ = _CORES[core]
    sources = {**frontend_sources(fe), "memfns.c": FIRMWARE_DIR / "cortexm" / "memfns.c"}
    for name, source in sources.items():
        text = source if isinstance(source, str) else source.read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "image.ld").write_text(_SCRIPT, encoding="utf-8")
    if compiler == "zig":
        command = [sys.executable, "-m", "ziglang", "cc", "-fno-sanitize=undefined"]
        hard = "hf" if core == "M4" else ""
        command += ["-target", f"thumb-freestanding-eabi{hard}", f"-mcpu={zig_cpu}"]
    else:
        command = ["arm-none-eabi-gcc", f"-mcpu={gcc_cpu}", "-mthumb"]
    command += [f"-{optimize}", "-std=c99", "-fhosted", "-g0", "-ffunction-sections", *WARNINGS]
    command += ["-fomit-frame-pointer", "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]
    command += [f"-I{FIRMWARE_DIR / 'cortexm' / 'include'}"]
    command += ["-nostdlib", "-Wl,--gc-sections", "-T", "image.ld", "-Wl,-e,ws_frontend_push"]
    command += ["-Wl,-u,ws_window_features", "-Wl,-u,ws_window_push", "-o", "image.elf"]
    command += sorted(name for name in sources if name.endswith(".c"))
    command += ["-lcompiler_rt" if compiler == "zig" else "-lgcc"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr)
    return folder / "image.elf"


def count(
    clip: NDArray[np.int16],
    fe: FrontEnd,
    core: str = "M4",
    compiler: str = "zig",
    optimize: str = "O2",
) -> Count:
    """Run a clip through the compiled front-end and count.

    Args:
        clip: (samples,) int16 at 16 kHz; whole hops are used.
        fe: the front-end.
        core: "M4" or "M0".
        compiler: "zig" or "gcc" (arm-none-eabi-gcc, which must be installed).
        optimize: "O2", "O3", "Os".
    """
    with tempfile.TemporaryDirectory() as folder:
        path = compile_elf(fe, core, compiler, Path(folder), optimize)
        with path.open("rb") as file:
            elf = ELFFile(file)
            segments = [(s["p_vaddr"], s.data()) for s in elf.iter_segments() if s["p_filesz"]]
            table = elf.get_section_by_name(".symtab")
            assert isinstance(table, SymbolTableSection)
            symbols = {
                s.name: (s["st_value"] & ~1, s["st_size"])
                for s in table.iter_symbols()
                if s["st_size"]
            }
    return _Run(segments, symbols, core).clip(clip, fe)


class _Run:
    """An emulated core with the code loaded."""

    def __init__(
        self, segments: list[tuple[int, bytes]], symbols: dict[str, tuple[int, int]], core: str
    ) -> None:
        self.symbols = symbols
        self.uc = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.uc.ctl_set_cpu_model(_CORES[core][2])
        self.uc.mem_map(ROM, 0x100000)
        self.uc.mem_map(RAM, _STACK)
        self.uc.mem_write(RAM, b"\xa5" * _STACK)
        for address, data in segments:
            self.uc.mem_write(address, bytes(data))
        self.hits: dict[int, int] = {}
        self.uc.hook_add(UC_HOOK_CODE, self._hit)

    def _hit(self, _uc: Uc, address: int, _size: int, _data: object) -> None:
        self.hits[address] = self.hits.get(address, 0) + 1

    def call(self, name: str, *arguments: int) -> tuple[int, int]:
        """Call a function; its result and the instructions it took."""
        self.hits.clear()
        registers = (arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R1, arm.UC_ARM_REG_R2)
        for register, value in zip(registers, arguments, strict=False):
            self.uc.reg_write(register, value)
        self.uc.reg_write(arm.UC_ARM_REG_SP, RAM + _STACK)
        self.uc.reg_write(arm.UC_ARM_REG_LR, STOP | 1)
        self.uc.emu_start(self.symbols[name][0] | 1, STOP)
        return self.uc.reg_read(arm.UC_ARM_REG_R0), sum(self.hits.values())

    def by_function(self) -> dict[str, int]:
        """Instructions of the last call by symbol."""
        starts = sorted((start, name) for name, (start, _) in self.symbols.items())
        result: dict[str, int] = {}
        for address, times in self.hits.items():
            name = starts[bisect.bisect(starts, (address, "\xff")) - 1][1]
            result[name] = result.get(name, 0) + times
        return dict(sorted(result.items(), key=lambda item: -item[1]))

    def clip(self, clip: NDArray[np.int16], fe: FrontEnd) -> Count:
        frames = (clip.size - fe.window) // fe.hop + 1
        hops = clip.size // fe.hop
        assert frames * fe.mels * 2 <= _FEATURES - _RING
        if "ws_frontend_init" in self.symbols:
            self.call("ws_frontend_init", RAM + _STATE)
        else:  # inlined or dropped
            self.uc.mem_write(RAM + _STATE, bytes(_HOP))
        window = np.array([RAM + _RING, frames], dtype="<u4").tobytes() + bytes(4)
        self.uc.mem_write(RAM + _WINDOW, window)
        rows, most, split = [], 0, {}
        for i in range(hops):
            hop = clip[i * fe.hop : (i + 1) * fe.hop].astype("<i2").tobytes()
            self.uc.mem_write(RAM + _HOP, hop)
            ready, taken = self.call("ws_frontend_push", RAM + _STATE, RAM + _HOP, RAM + _ROW)
            if ready:
                most, split = max(most, taken), self.by_function()
                data = bytes(self.uc.mem_read(RAM + _ROW, 2 * fe.mels))
                rows.append(np.frombuffer(data, dtype="<i2").astype(np.int16))
                self.call("ws_window_push", RAM + _WINDOW, RAM + _ROW)
        done, normalise = self.call("ws_window_features", RAM + _WINDOW, RAM + _FEATURES)
        assert done == 1, "the window must be full after the clip's last whole hop"
        data = bytes(self.uc.mem_read(RAM + _FEATURES, frames * fe.width))
        ram = bytes(self.uc.mem_read(RAM + 0x10000, _STACK - 0x10000))
        sizes = {name: size for name, (_, size) in self.symbols.items()}
        tables = sum(size for name, size in sizes.items() if name.startswith("ws_fe_"))
        return Count(
            per_frame=most,
            normalise=normalise,
            by_function=split,
            rows=np.stack(rows),
            features=np.frombuffer(data, dtype=np.int8).reshape(frames, fe.width),
            code_bytes=sum(sizes.values()) - tables,
            table_bytes=tables,
            stack_bytes=len(ram.lstrip(b"\xa5")),
        )


def main() -> None:
    """Print a line per core and compiler."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("compilers", nargs="*", default=["zig"], choices=["zig", "gcc"])
    parser.add_argument("-O", dest="optimize", default="O2")
    parser.add_argument("--kind", default="log_mel", choices=["log_mel", "mfcc"])
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    clip = (rng.standard_normal(16000) * 3000).astype(np.int16)
    fe = FrontEnd(kind=options.kind)
    for compiler in options.compilers:
        for core in _CORES:
            c = count(clip, fe, core, compiler, options.optimize)
            print(
                f"{core} {compiler} -{options.optimize}: {c.per_frame:,} instructions per frame, "
                f"{c.normalise:,} per window of {len(c.rows)} frames, {c.code_bytes:,} bytes of "
                f"code, {c.table_bytes:,} of tables, {c.stack_bytes} of stack"
            )
            print("   ", ", ".join(f"{name} {n:,}" for name, n in c.by_function.items()))


if __name__ == "__main__":
    main()
