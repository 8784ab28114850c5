"""The reference interpreter equals TFLite Micro, operator by operator."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from convert.tflite_reader import read
from simulate.compare import compare
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb
from tests.op_cases import FAMILIES, op_cases


@pytest.mark.parametrize("family", FAMILIES)
def test_operator_family_equals_tflm(family: str) -> None:
    failures = []
    for case in op_cases(family):
        graph = read(case.model)
        found = compare(
            ReferenceBackend(graph).run(case.inputs),
            TflmBackend(case.model, guard=False).run(case.inputs),
            graph,
            ("reference", "tflm"),
        )
        if not found.equal:
            failures.append(f"{case.name}: {found}")
    assert not failures, f"{len(failures)} of {len(op_cases(family))}:\n" + "\n".join(failures)


def test_case_names_are_distinct_and_many() -> None:
    names = [case.name for case in op_cases()]
    assert len(set(names)) == len(names) >= 400


def test_expand_dims_and_squeeze_are_copies() -> None:
    x = tb.activation_tensor("x", (1, 4, 3))
    y = tb.activation_tensor("y", (1, 4, 1, 3))
    expand = tb.build_model(
        [tb.OpSpec("EXPAND_DIMS", (0, 2), (1,))], [x, y, tb.constant("axis", [2])], [0], [1]
    )
    squeeze = tb.build_model([tb.OpSpec("SQUEEZE", (0,), (1,))], [y, x])
    values = np.arange(24).astype(np.int8).reshape(2, 4, 3)
    trace = ReferenceBackend(read(expand)).run(values)
    assert np.array_equal(trace[1], TflmBackend(expand, guard=False).run(values)[1])
    back = ReferenceBackend(read(squeeze)).run(trace[1])[1]
    assert np.array_equal(back, values)


def test_memory_of_many_clips_is_bounded() -> None:
    model = tb.conv_2d(height=49, width=40, channels=1, filters=32, kernel=(10, 4))
    backend = ReferenceBackend(read(model))
    inputs = np.zeros((40, 49, 40, 1), np.int8)
    backend.run(inputs[:1])
    tracemalloc.start()
    backend.run(inputs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20
