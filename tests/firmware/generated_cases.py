"""The operator cases as C: generated once per process, and what the C runner needs."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from convert import cwriter
from convert.emit_aot import GeneratedModel, emit_model
from convert.families import Kernels
from convert.graph import Graph
from convert.tflite_reader import read
from firmware.hostbuild import KERNEL_DIR, HostCompiler, Source, build_host_executable
from simulate.backend import step_count
from tests.lowbit_cases import with_codes
from tests.mve_cases import mve_cases
from tests.op_cases import OpCase, op_cases
from tests.striped_cases import striped_cases

FAST: tuple[Kernels, ...] = ("dsp", "muls", "mve")
RUNNER = Path(__file__).parent / "c" / "run_cases.c"


@dataclass(frozen=True, eq=False)
class GeneratedCase:
    case: OpCase
    graph: Graph
    generated: GeneratedModel


@cache
def generated_cases() -> tuple[GeneratedCase, ...]:
    """Every portable operator case; once more with each fast family that has something to do.

    Then cases for the kernels for Helium only, and networks with layers in stripes.
    """
    made = []
    for number, case in enumerate(op_cases()):
        if case.portable:
            graph = read(case.model)
            if case.family == "low_bit":
                graph = with_codes(graph)
            shape = graph.tensors[graph.inputs[0]].shape
            steps = step_count(case.inputs, shape) if graph.states else 1
            model = emit_model(graph, prefix=f"case{number}", steps=steps)
            made.append(GeneratedCase(case, graph, model))
            for family in FAST:
                name = f"case{number}_{family}"
                fast = emit_model(graph, prefix=name, steps=steps, kernels=family)
                if any(kernel.startswith(f"{family}_") for kernel in fast.kernels):
                    made.append(GeneratedCase(case, graph, fast))
    for number, case in enumerate(mve_cases()):
        graph = read(case.model)
        wide = emit_model(graph, prefix=f"wide{number}_mve", kernels="mve")
        made.append(GeneratedCase(case, graph, wide))
    made += [GeneratedCase(*striped) for striped in striped_cases()]
    return tuple(made)


def runner_sources(models: Sequence[tuple[str, GeneratedModel]]) -> dict[str, Source]:
    """The C runner, the named models in one unit with it, and the kernels they need."""
    sources: dict[str, Source] = {"run_cases.c": RUNNER}
    rows = []
    for name, model in models:
        for file, text in model.files.items():
            sources[file.replace(".c", ".inc")] = text
        numbers = [
            model.arena_size,
            len(model.layers),
            model.inputs[0].offset,
            model.inputs[0].nbytes,
            model.outputs[0].offset,
            model.outputs[0].nbytes,
            sum(layer.nbytes for layer in model.layers),
        ]
        numbers.append(model.steps)
        own = [(s.offset, s.nbytes) for s in model.states] + list(model.scratch)[:1]
        if len(model.layers) == 1:
            own += _behind_output(model)
        states = ", ".join(f"{{{offset}, {nbytes}}}" for offset, nbytes in own)
        arena = f"(int8_t *){model.arena_symbol}"
        parts = [cwriter.string_literal(name), arena, *map(str, numbers)]
        parts.append(f"{{{states or '{0, 0}'}}}")
        parts += [f"{model.prefix}_init", f"{model.prefix}_invoke"]
        rows.append(f"    {{{', '.join(parts)}}},\n")
    includes = "".join(f'#include "{model.prefix}.inc"\n' for _, model in models)
    sources["cases.inc"] = f"{includes}static const ws_case cases[] = {{\n{''.join(rows)}}};\n"
    kernels = {kernel for _, model in models for kernel in model.kernels}
    sources.update({kernel: KERNEL_DIR / kernel for kernel in sorted(kernels)})
    return sources


def _behind_output(model: GeneratedModel) -> list[tuple[int, int]]:
    """(offset, bytes) of memory behind the only layer's output that its kernel works in."""
    layer = model.layers[0]
    return [
        (layer.offset + layer.nbytes, storage.nbytes - layer.nbytes)
        for storage in model.buffers
        if storage.tensor == layer.output and storage.nbytes > layer.nbytes
    ]


def runner_input(batches: Sequence[np.ndarray]) -> bytes:
    """What the runner reads from stdin."""
    return b"".join(np.int32(len(b)).tobytes() + np.ascontiguousarray(b).tobytes() for b in batches)


def run_sanitized(
    models: Sequence[tuple[str, GeneratedModel]],
    batches: Sequence[np.ndarray],
    compiler: HostCompiler,
) -> bytes:
    """What the named models write for their batches, under the sanitizers of a compiler."""
    program = build_host_executable(runner_sources(models), sanitize=True, compiler=compiler)
    done = subprocess.run([program], input=runner_input(batches), capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]
    return done.stdout


def trace_bytes(model: GeneratedModel, trace: dict[int, np.ndarray]) -> bytes:
    """What the runner writes for a trace: all layers of the first run, then of the second..."""
    parts = [
        np.ascontiguousarray(trace[layer.output]).view(np.uint8).reshape(-1, layer.nbytes)
        for layer in model.layers
    ]
    return np.concatenate(parts, axis=1).tobytes() if parts else b""
