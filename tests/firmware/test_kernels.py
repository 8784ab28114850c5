"""The C kernels equal the reference interpreter and TFLite Micro, and behave under sanitizers."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.hostbuild import HostCompiler
from simulate.compare import compare
from simulate.hostlib import HostBackend, HostLibrary
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.firmware.generated_cases import (
    generated_cases,
    run_sanitized,
    trace_bytes,
)
from tests.public_models import PUBLIC

ASAN = pytest.param(
    "gcc",
    id="gcc-address-undefined",
    marks=pytest.mark.skipif(
        shutil.which("gcc") is None,
        reason="the zig wheel has no AddressSanitizer runtime and there is no gcc",
    ),
)
SANITIZED = [pytest.param("zig", id="zig-undefined"), ASAN]


def test_every_operator_case_equals_reference_and_tflm() -> None:
    cases = generated_cases()
    library = HostLibrary([c.generated for c in cases])
    failures = []
    for c in cases:
        host = library.backends[c.generated.prefix].run(c.case.inputs)
        others = {
            "reference": ReferenceBackend(c.graph).run(c.case.inputs),
            "tflm": TflmBackend(c.case.model, guard=False).run(c.case.inputs),
        }
        for name, other in others.items():
            found = compare(host, other, c.graph, ("host", name))
            if not found.equal:
                failures.append(f"{c.case.name}: {found}")
    assert not failures, "\n".join(failures)


def test_cases_cover_every_kernel() -> None:
    used = Counter(kernel for c in generated_cases() for kernel in c.generated.kernels)
    from firmware.hostbuild import KERNEL_DIR

    assert set(used) == {path.name for path in KERNEL_DIR.glob("*.c")}
    assert min(used.values()) >= 5
    assert len(generated_cases()) >= 400


@pytest.mark.parametrize("compiler", SANITIZED)
def test_every_operator_case_under_sanitizers(compiler: HostCompiler) -> None:
    cases = generated_cases()
    expected = [
        trace_bytes(c.generated, ReferenceBackend(c.graph).run(c.case.inputs)) for c in cases
    ]
    found = run_sanitized(
        [(c.case.name, c.generated) for c in cases], [c.case.inputs for c in cases], compiler
    )
    start = 0
    for c, wanted in zip(cases, expected, strict=True):
        got = found[start : start + len(wanted)]
        assert got == wanted, c.case.name
        start += len(wanted)
    assert start == len(found)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_model_equals_tflm_in_every_layer(path: Path) -> None:
    model = path.read_bytes()
    graph = read(model)
    inputs = _inputs(graph.tensors[graph.inputs[0]].shape[1:], 100)
    host = HostBackend.from_graph(graph)
    trace = host.run(inputs)
    assert len(trace) == len(graph.ops) + 1
    found = compare(trace, TflmBackend(model).run(inputs), graph, ("host", "tflm"))
    assert found.equal, found
    np.testing.assert_array_equal(host.predict(inputs), trace[graph.outputs[0]])


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("compiler", SANITIZED)
def test_public_model_under_sanitizers(compiler: HostCompiler, path: Path) -> None:
    graph = read(path.read_bytes())
    inputs = _inputs(graph.tensors[graph.inputs[0]].shape[1:], 3)
    generated = emit_model(graph)
    found = run_sanitized([(path.stem, generated)], [inputs], compiler)
    assert found == trace_bytes(generated, HostBackend(generated).run(inputs))


def _inputs(shape: tuple[int, ...], count: int) -> np.ndarray:
    """Random inputs, and the extremes."""
    rng = np.random.default_rng(7)
    extremes = np.stack([np.full(shape, v, np.int8) for v in (-128, 0, 127)])
    drawn = rng.integers(-128, 128, (count, *shape)).astype(np.int8)
    return np.concatenate([drawn, extremes])
