"""The vector kernels of the host equal TFLite Micro, whichever instructions the processor has."""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.generated import GeneratedModel
from convert.tflite_reader import read
from firmware.hostbuild import HOST_KERNELS, KERNEL_DIR, HostCompiler
from simulate.compare import compare
from simulate.hostlib import HostBackend, HostLibrary
from simulate.tflm import TflmBackend
from tests.firmware.generated_cases import (
    GeneratedCase,
    run_sanitized,
    trace_bytes,
)
from tests.firmware.test_kernels import SANITIZED
from tests.op_cases import op_cases
from tests.public_models import PUBLIC

# AVX2 without AVX-512 is a level of its own on x86.
PROCESSORS = ["baseline", "native"]
if platform.machine().lower() in ("x86_64", "amd64"):
    PROCESSORS.insert(1, "x86_64_v3")


@cache
def _cases() -> tuple[GeneratedCase, ...]:
    """The operator cases in which host kernels have something to do."""
    made = []
    for number, case in enumerate(op_cases()):
        graph = read(case.model)
        if case.portable and not graph.states:
            model = emit_model(graph, prefix=f"case{number}", kernels="host")
            if _kernels(model):
                made.append(GeneratedCase(case, graph, model))
    return tuple(made)


def _kernels(model: GeneratedModel) -> set[str]:
    return {name for name in model.kernels if name.startswith(HOST_KERNELS)}


def _runs(processor: str) -> bool:
    """Whether this machine can execute code for a processor."""
    if processor != "x86_64_v3":
        return True
    flags = Path("/proc/cpuinfo")
    return flags.exists() and " avx2 " in flags.read_text()


@pytest.mark.parametrize("processor", PROCESSORS)
def test_every_operator_case_equals_tflm(processor: str) -> None:
    if not _runs(processor):
        pytest.skip(f"this processor is older than {processor}")
    cases = _cases()
    assert len(cases) > 100
    assert {k for c in cases for k in _kernels(c.generated)} == {
        f"{HOST_KERNELS}{path.name}" for path in (KERNEL_DIR / HOST_KERNELS).glob("*.c")
    }
    library = HostLibrary([c.generated for c in cases], processor)
    failures = []
    for c in cases:
        host = library.backends[c.generated.prefix].run(c.case.inputs)
        tflm = TflmBackend(c.case.model, guard=False).run(c.case.inputs)
        found = compare(host, tflm, c.graph, ("host", "tflm"))
        if not found.equal:
            failures.append(f"{c.case.name}: {found}")
    assert not failures, "\n".join(failures)


@pytest.mark.parametrize("compiler", SANITIZED)
def test_every_operator_case_under_sanitizers(compiler: HostCompiler) -> None:
    cases = _cases()
    found = run_sanitized(
        [(c.case.name, c.generated) for c in cases], [c.case.inputs for c in cases], compiler
    )
    library = HostLibrary([c.generated for c in cases])
    wanted = [
        trace_bytes(c.generated, library.backends[c.generated.prefix].run(c.case.inputs))
        for c in cases
    ]
    assert found == b"".join(wanted)


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models_equal_tflm_in_every_layer(path: Path) -> None:
    model = path.read_bytes()
    graph = read(model)
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    inputs = np.random.default_rng(5).integers(-128, 128, (100, *shape)).astype(np.int8)
    host = HostBackend.quick(graph)
    assert _kernels(host.generated)
    found = compare(host.run(inputs), TflmBackend(model).run(inputs), graph, ("host", "tflm"))
    assert found.equal, found


def test_largest_sums_fit_vectors() -> None:
    """-128 by -128 and 127, of both halves that AVX2 takes, and of an odd number of values."""
    source = """
    #include "ws_host.h"
    void dot(const uint8_t *x, const int8_t *w, int32_t *sums);
    void dot(const uint8_t *x, const int8_t *w, int32_t *sums) {
        ws_i32x16 sum = ws_load_i32x16(sums);
        sum = ws_dot4(sum, ws_load_u8x64(x), ws_load_i8x64(w));
        memcpy(sums, &sum, sizeof sum);
    }
    """
    from firmware.hostbuild import build_shared

    rng = np.random.default_rng(1)
    extremes = np.array([-128, -127, -1, 0, 1, 127], np.int8)
    for processor in filter(_runs, PROCESSORS):
        library = ctypes.CDLL(str(build_shared({"dot.c": source}, processor=processor)))
        for _ in range(200):
            x = rng.choice(np.array([0, 1, 2, 127, 128, 254, 255], np.uint8), 64)
            w = rng.choice(extremes, 64)
            start = rng.integers(-(2**31), 2**31, 16).astype(np.int32)
            sums = start.copy()
            library.dot(
                ctypes.c_void_p(x.ctypes.data),
                ctypes.c_void_p(w.ctypes.data),
                ctypes.c_void_p(sums.ctypes.data),
            )
            products = (x.astype(np.int64) * w).reshape(16, 4).sum(axis=1)
            np.testing.assert_array_equal(sums, (start + products).astype(np.int32), processor)
