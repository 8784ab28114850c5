"""The reference interpreter equals TFLite Micro, operator by operator."""

from __future__ import annotations

import pytest

from convert.tflite_reader import read
from simulate.compare import compare
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
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
