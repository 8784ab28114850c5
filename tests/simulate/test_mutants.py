"""Changed models: refused in one sentence, or exact everywhere and clean under sanitizers."""

from __future__ import annotations

import random
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.emit_aot import emit_model
from convert.errors import ModelError
from convert.families import Kernels
from convert.generated import GeneratedModel
from convert.graph import Graph
from convert.passes import prepare
from convert.supported import check
from convert.tflite_reader import read
from firmware.hostbuild import HostCompiler, build_host_executable
from simulate.backend import Trace, clip_shape
from simulate.compare import compare
from simulate.hostlib import HostLibrary
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.firmware.generated_cases import runner_input, runner_sources, trace_bytes
from tests.firmware.test_kernels import ASAN
from tests.mutants import mutant
from tests.op_cases import op_cases

CHIPS: tuple[Kernels, ...] = ("plain", "dsp", "muls", "mve")
STEPS, CLIPS = 3, 4
_MOST_BYTES = 1 << 20  # of a mutant's activations; the largest are no better proof than others


@dataclass(frozen=True, eq=False)
class Mutant:
    """A changed model that was not refused; by `seed` and `name` of what was changed."""

    seed: int
    name: str
    data: bytes
    graph: Graph

    @property
    def label(self) -> str:
        return f"{self.name}, seed {self.seed}"


def accepted(seeds: Sequence[int]) -> list[Mutant]:
    """One mutant per seed, without those that are refused."""
    cases = op_cases()
    found = []
    for seed in seeds:
        draw = random.Random(seed)
        case = draw.choice(cases)
        data = mutant(case.model, draw)
        try:
            graph = read(data)
            check(graph)
        except ModelError as error:
            assert "\n" not in str(error) and len(str(error)) < 900, (case.name, seed)
            continue
        found.append(Mutant(seed, case.name, data, graph))
    return found


def runnable(mutants: Sequence[Mutant]) -> list[Mutant]:
    """Those that the runner can show: one input, small, no tensor written twice in one run."""
    found = []
    for one in mutants:
        written = [index for op in prepare(one.graph).ops for index in op.outputs]
        large = sum(one.graph.tensors[i].nbytes for i in {*one.graph.inputs, *written})
        if len(one.graph.inputs) == 1 and len(set(written)) == len(written) and large < _MOST_BYTES:
            found.append(one)
    return found


def inputs_of(one: Mutant) -> NDArray[np.generic]:
    """Noise, all lowest, and all highest."""
    source = one.graph.tensors[one.graph.inputs[0]]
    lead = (CLIPS, STEPS) if one.graph.states else (CLIPS,)
    rng = np.random.default_rng(one.seed)
    shape = (*lead, *clip_shape(source.shape))
    if source.dtype == "float32":
        return rng.normal(0, 2, shape).astype(np.float32)
    limits = np.iinfo(source.dtype)
    values = rng.integers(limits.min, limits.max, shape, endpoint=True, dtype=source.dtype)
    values[0], values[1] = limits.min, limits.max
    return values


def wheel_equals(one: Mutant, inputs: NDArray[np.generic], trace: Trace, guard: bool) -> bool:
    """Whether TFLite Micro runs it, and then with the same bytes."""
    try:
        expected = TflmBackend(one.data, guard=guard).run(inputs)
    except ModelError:
        return False
    found = compare(expected, trace, one.graph, ("tflm", "reference"))
    assert found.equal, f"{one.label}: {found}"
    return True


def generated(one: Mutant, prefix: str, family: Kernels) -> GeneratedModel:
    steps = STEPS if one.graph.states else 1
    return emit_model(one.graph, prefix=prefix, kernels=family, steps=steps)


def prove_vectors(mutants: Sequence[Mutant]) -> None:
    """The same with the kernels that this machine's own vector instructions are for."""
    models = [generated(one, f"m{number}", "host") for number, one in enumerate(mutants)]
    library = HostLibrary(models)
    for model, one in zip(models, mutants, strict=True):
        values = inputs_of(one)
        trace = library.backends[model.prefix].run(values)
        wanted = ReferenceBackend(one.graph).run(values)
        found = compare(wanted, trace, one.graph, ("reference", "host"))
        assert found.equal, f"{one.label}: {found}"


def prove(mutants: Sequence[Mutant], compiler: HostCompiler, *, guard: bool) -> int:
    """Run all of them with every family of kernels for chips; how many TFLite Micro confirms."""
    models: list[tuple[str, GeneratedModel]] = []
    inputs, wanted = [], []
    confirmed = 0
    for number, one in enumerate(mutants):
        values = inputs_of(one)
        trace = ReferenceBackend(one.graph).run(values)
        confirmed += wheel_equals(one, values, trace, guard)
        for family in CHIPS:
            model = generated(one, f"m{number}_{family}", family)
            if family == "plain" or any(kernel.startswith(family) for kernel in model.kernels):
                models.append((f"{one.label}, {family}", model))
                inputs.append(values)
                wanted.append(trace_bytes(model, trace))
    program = build_host_executable(runner_sources(models), sanitize=True, compiler=compiler)
    done = subprocess.run([program], input=runner_input(inputs), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    start = 0
    for (label, _), expected in zip(models, wanted, strict=True):
        assert done.stdout[start : start + len(expected)] == expected, label
        start += len(expected)
    assert start == len(done.stdout)
    return confirmed


def test_some_mutants() -> None:
    """No guard: what the wheel aborts on must have been refused before."""
    seeds = range(80)
    found = accepted(seeds)
    mutants = runnable(found)
    assert 30 < len(mutants) <= len(found) < 60
    assert prove(mutants, "zig", guard=False) > len(mutants) - 5


@pytest.mark.slow
@pytest.mark.parametrize("compiler", [ASAN])
def test_many_mutants(compiler: HostCompiler) -> None:
    confirmed = proven = 0
    for first in range(1000, 2000, 250):
        mutants = runnable(accepted(range(first, first + 250)))
        confirmed += prove(mutants, compiler, guard=True)
        prove_vectors(mutants)
        proven += len(mutants)
    assert proven > 400 and confirmed > 0.95 * proven
