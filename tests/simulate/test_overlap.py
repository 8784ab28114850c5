"""What kernels state about reading and writing, against the addresses that emulated cores touch.

Every operator case is run with its input and output apart, and each access to either is recorded.
From the record follows how near they may come; `convert.overlap` must never allow more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from unicorn import Uc
from unicorn import arm_const as arm
from unicorn import unicorn_const as uc

from convert import emit_aot, memory
from convert.families import Kernels
from convert.generated import GeneratedModel
from convert.graph import Graph
from convert.overlap import Overlap
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.cores import CORES
from simulate.machine import Machine
from tests.lowbit_cases import with_codes
from tests.needs import ARM_GCC
from tests.op_cases import OpCase, op_cases
from tests.simulate.on_cores import sources_of

RUNS = [  # core, compiler, and of the cases every sixth, or all
    ("cortex-m4f", "zig", 6),
    *(
        pytest.param(core, compiler, 1, marks=[pytest.mark.slow, *marks])
        for core in ("cortex-m4f", "cortex-m3", "cortex-m0")
        for compiler, marks in (("zig", ()), ("gcc", ARM_GCC))
    ),
]
Access = tuple[bool, int, int]
Stated = Mapping[int, Sequence[Overlap]]


@dataclass(frozen=True, eq=False)
class Apart:
    """A case as C whose storages share nothing, and what was stated about its operators."""

    case: OpCase
    model: GeneratedModel
    graph: Graph
    plan: memory.Plan
    stated: Stated


@cache
def cases_apart() -> tuple[Apart, ...]:
    """Every case whose operators state anything, for all families."""
    made: list[Apart] = []
    real = memory.plan
    asked: list[tuple[Graph, memory.Plan, Stated]] = []

    def plan(
        graph: Graph, scratch: Mapping[int, int], overlaps: Stated, tails: Mapping[int, int]
    ) -> memory.Plan:
        asked.append((graph, real(graph, scratch, tails=tails), overlaps))
        return asked[-1][1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "plan", plan)
        for number, case in enumerate(op_cases()):
            graph = read(case.model)
            if not case.portable or graph.states:
                continue
            if case.family == "low_bit":
                graph = with_codes(graph)
            kernels: Kernels
            for kernels in ("plain", "dsp", "muls", "mve"):
                prefix = f"case{number}_{kernels}"
                asked.clear()
                model = emit_aot.emit_model(graph, prefix=prefix, kernels=kernels)
                # Of several plans one was taken.
                taken = next(a for a in asked if (*a[1].buffers, *a[1].scratch) == model.buffers)
                again = kernels != "plain" and not any(kernels in name for name in model.kernels)
                if any(taken[2].values()) and not again:
                    made.append(Apart(case, model, *taken))
    return tuple(made)


@dataclass(frozen=True, eq=False)
class Accesses:
    """Of the arena, one by one: is it written, first byte, bytes."""

    written: NDArray[np.bool_]
    start: NDArray[np.int64]
    nbytes: NDArray[np.int64]

    def of(self, offset: int, nbytes: int) -> NDArray[np.bool_]:
        return (self.start >= offset) & (self.start < offset + nbytes)

    def lead(self, source: tuple[int, int], target: tuple[int, int]) -> int:
        """The least distance from the output at which all is read before it is overwritten."""
        read_by = np.where(
            self.of(*source) & ~self.written, self.start - source[0], np.int64(1) << 40
        )
        later = np.minimum.accumulate(read_by[::-1])[::-1]
        ends = self.start + self.nbytes - target[0]
        return int((ends - later)[self.of(*target) & self.written].max(initial=-(1 << 40)))

    def meet(self, source: tuple[int, int], target: tuple[int, int]) -> bool:
        """Whether a byte is read after it was written where both begin at the same byte."""
        last = np.full(max(source[1], target[1]) + 8, -1)
        for step in np.flatnonzero(self.of(*source) & ~self.written):
            begin = self.start[step] - source[0]
            last[begin : begin + self.nbytes[step]] = step
        for step in np.flatnonzero(self.of(*target) & self.written):
            begin = self.start[step] - target[0]
            if (last[begin : begin + self.nbytes[step]] > step).any():
                return True
        return False


def watched(engine: Uc, begin: int, size: int, run: Callable[[], object]) -> list[Access]:
    """Every access to `size` bytes at `begin` while `run` goes on: is it written, where, bytes."""
    found: list[Access] = []

    def on_access(_e: Uc, kind: int, where: int, nbytes: int, _v: int, _u: object) -> None:
        found.append((kind == uc.UC_MEM_WRITE, where, nbytes))
        # Unicorn writes ITSTATE of the accessing instruction into the core before it calls a hook
        # for memory, and translated code, in which it is 0 (qemu/target/arm/translate.c, "the
        # condexec bits"), never clears it again: whatever is executed next would go under the
        # condition of a finished IT block. So 0 goes back, with the T bit beside it.
        engine.reg_write(arm.UC_ARM_REG_EPSR, 1 << 24)

    both = uc.UC_HOOK_MEM_READ | uc.UC_HOOK_MEM_WRITE
    hook = engine.hook_add(both, on_access, begin=begin, end=begin + size - 1)
    run()
    engine.hook_del(hook)
    return found


def record(machine: Machine, function: str, address: int, size: int) -> Accesses:
    found = watched(machine._engine, address, size, lambda: machine.call(function))
    written, start, nbytes = zip(*found, strict=True)
    return Accesses(np.array(written), np.array(start) - address, np.array(nbytes, np.int64))


@pytest.mark.parametrize("watching", [False, True])
def test_watching_changes_nothing(watching: bool) -> None:
    """The shortest program that goes wrong under a hook for memory that only listens."""
    code = bytes.fromhex(
        "0028"  # cmp r0, #0
        "18bf"  # it ne
        "0860"  # strne r0, [r1]
        "9242"  # cmp r2, r2: from here on "ne" is false
        "ffe7"  # b to the next instruction, where another block begins
        "0723"  # movs r3, #7: left out, were the IT block still on
        "00bf"  # nop
    )
    flash, ram = 0x1000, 0x2000_0000
    engine = Uc(uc.UC_ARCH_ARM, uc.UC_MODE_THUMB | uc.UC_MODE_MCLASS)
    engine.ctl_set_cpu_model(arm.UC_CPU_ARM_CORTEX_M3)
    engine.mem_map(flash, 0x1000)
    engine.mem_map(ram, 0x1000)
    engine.mem_write(flash, code)
    engine.reg_write(arm.UC_ARM_REG_R0, 1)
    engine.reg_write(arm.UC_ARM_REG_R1, ram)

    def run() -> None:
        engine.emu_start(flash | 1, flash + len(code) - 2)

    if watching:
        assert watched(engine, ram, 16, run) == [(True, ram, 4)]
    else:
        run()
    assert engine.reg_read(arm.UC_ARM_REG_R3) == 7


@pytest.mark.parametrize(("core", "compiler", "step"), RUNS)
def test_no_kernel_is_nearer_than_stated(
    core: str, compiler: Compiler, step: int, tmp_path: Path
) -> None:
    cases = cases_apart()[::step]
    entries = [slot.function for c in cases for slot in c.model.layers]
    board = replace(load_board("mps2-an386"), core=CORES[core])
    image = build(
        sources_of([c.model for c in cases]),
        board,
        compiler=compiler,
        out_dir=tmp_path,
        name="apart",
        keep=entries,
    )
    machine = Machine(image)
    machine.boot()
    tight, seen = Counter[str](), Counter[str]()
    for c in cases:
        arena = machine.elf.symbols[c.model.arena_symbol]
        view = machine.symbol_view(c.model.arena_symbol, c.model.arena_size)
        view[:] = 0x55
        first = c.model.inputs[0]
        view[first.offset : first.offset + first.nbytes] = c.case.inputs[0].reshape(-1).view("u1")
        for position, (op, slot) in enumerate(zip(c.graph.ops, c.model.layers, strict=True)):
            if not c.stated[position] or c.plan.is_alias(slot.output):
                machine.call(slot.function)
                continue
            accesses = record(machine, slot.function, arena, c.model.arena_size)
            # The storage may be longer than the tensor: scratch memory behind it.
            storage = next(b for b in c.plan.buffers if b.tensor == slot.output)
            target = (slot.offset, storage.nbytes)
            uses = list(zip(op.inputs, c.stated[position], strict=False))
            for index in dict.fromkeys(index for index, _ in uses if index in c.plan):
                # Of a tensor that is read more than once, the planner takes what suits all uses.
                each = [overlap for same, overlap in uses if same == index]
                stated = Overlap(
                    max(overlap.lead for overlap in each), all(o.together for o in each)
                )
                source = (c.plan.offset_of(index), c.graph.tensors[index].nbytes)
                found = accesses.lead(source, target)
                about = (
                    f"{c.case.name}, {c.model.prefix}, layer {position}: {stated}, needs {found}"
                )
                assert stated.lead >= min(found, target[1]), about
                assert not (stated.together and accesses.meet(source, target)), about
                seen[slot.kind] += 1
                tight[slot.kind] += stated.lead == max(found, 0)
    least = 150 // step
    assert seen["CONV_2D"] > least and seen["DEPTHWISE_CONV_2D"] > least
    # Where a kernel reads and writes value by value, not a byte is given away.
    for kind in (
        "ADD",
        "SUB",
        "MUL",
        "AVERAGE_POOL_2D",
        "MAX_POOL_2D",
        "MEAN",
        "QUANTIZE",
        "SOFTMAX",
    ):
        assert 0 < seen[kind] == tight[kind]
