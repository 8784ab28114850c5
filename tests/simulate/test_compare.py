"""`compare` names the first difference in execution order, and counts what is equal."""

from __future__ import annotations

import numpy as np
import pytest

from convert.tflite_reader import read
from simulate.compare import compare, compare_features, differing_elements
from simulate.reference import ReferenceBackend
from tests.op_cases import op_cases

CASE = op_cases("network")[1]
GRAPH = read(CASE.model)
NAMES = ("reference", "host")


def trace():
    return ReferenceBackend(GRAPH).run(CASE.inputs)


def test_equal_traces_count_every_byte() -> None:
    found = compare(trace(), trace(), GRAPH, NAMES)
    assert found.equal and found.differing_bytes == 0
    assert found.bytes_compared == sum(v.nbytes for v in trace().values())
    assert str(found) == (
        f"reference = host: {found.bytes_compared:,} bytes equal "
        f"({len(trace())} tensors, {len(CASE.inputs)} clips)"
    )


def test_first_layer_in_execution_order_is_named() -> None:
    left, right = trace(), trace()
    early, late = GRAPH.ops[1].outputs[0], GRAPH.ops[-1].outputs[0]
    right[late] = right[late] ^ 1
    right[early] = right[early].copy()
    right[early][2, 3, 1, 0] ^= 4
    right[early][5, 0, 0, 0] ^= 1
    found = compare(left, right, GRAPH, NAMES)
    d = found.difference
    assert d is not None and not found.equal
    assert (d.op_index, d.kind, d.tensor, d.clip) == (1, "DEPTHWISE_CONV_2D", early, 2)
    assert d.index == (3, 1, 0)
    assert left[early][2].flat[d.element] == d.left
    assert right[early][2].flat[d.element] == d.right
    assert (d.differing, d.total, d.largest) == (2, left[early].size, 4)
    assert found.differing_bytes == 2 + left[late].size
    text = str(found)
    assert "layer 1 (DEPTHWISE_CONV_2D)" in text and "clip 2, element" in text and "\n" not in text


def test_difference_in_the_input_comes_first() -> None:
    right = trace()
    index = GRAPH.inputs[0]
    right[index] = right[index] ^ 1
    found = compare(trace(), right, GRAPH, NAMES)
    assert found.difference is not None and found.difference.kind == "INPUT"
    assert "part in the input" in str(found)


def test_tensors_of_one_side_only_are_left_out() -> None:
    last = GRAPH.outputs[0]
    found = compare({last: trace()[last]}, trace(), GRAPH, NAMES)
    assert found.equal and found.tensors == 1


def test_nothing_to_compare_is_not_equal() -> None:
    found = compare({}, trace(), GRAPH, NAMES)
    assert not found.equal and "nothing to compare" in str(found)


def test_shapes_must_agree() -> None:
    right = trace()
    index = GRAPH.outputs[0]
    right[index] = right[index][:-1]
    with pytest.raises(ValueError, match="one shape and type"):
        compare(trace(), right, GRAPH, NAMES)


def test_floats_are_compared_by_their_bytes() -> None:
    a = np.array([0.0, np.nan, 1.0], np.float32)
    b = np.array([-0.0, np.nan, 1.0], np.float32)
    assert differing_elements(a, b).tolist() == [True, False, False]


def test_features() -> None:
    left = np.zeros((3, 4, 5), np.int8)
    assert compare_features(left, left.copy(), NAMES).equal
    assert "60 bytes of features equal" in str(compare_features(left, left.copy(), NAMES))
    right = left.copy()
    right[1, 2, 3], right[2, 0, 0] = 9, 1
    found = compare_features(left, right, NAMES)
    assert (found.clip, found.frame, found.band) == (1, 2, 3)
    assert (found.left, found.right, found.differing) == (0, 9, 2)
    assert "clip 1, frame 2, band 3: 0 and 9" in str(found)
