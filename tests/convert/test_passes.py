"""Passes compute the same and keep every index."""

from __future__ import annotations

import numpy as np
import pytest

from convert import graph as g
from convert.passes import prepare
from convert.supported import check
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as build
from tests.public_models import PUBLIC
from tests.tflite_builder import OpSpec, TensorSpec


def act(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name, shape)


def test_dead_operators_go_and_indices_stay() -> None:
    tensors = [act("x", 1, 4), act("dead", 1, 4), act("deader", 1, 4), act("y", 1, 4)]
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("RELU", (1,), (2,)),
        OpSpec("LOGISTIC", (0,), (3,)),
    ]
    graph = read(build.build_model(ops, tensors, [0], [3]))
    ready = prepare(graph)
    assert [(o.index, o.kind) for o in ready.ops] == [(2, "LOGISTIC")]
    assert ready.tensors == graph.tensors
    assert ready.model_hash == graph.model_hash


def test_squeeze_and_expand_dims_become_reshape() -> None:
    tensors = [act("x", 1, 4, 1), act("y", 1, 4), act("z", 1, 1, 4), build.constant("axis", 1)]
    ops = [OpSpec("SQUEEZE", (0,), (1,)), OpSpec("EXPAND_DIMS", (1, 3), (2,))]
    ready = prepare(read(build.build_model(ops, tensors)))
    assert [(o.kind, o.inputs) for o in ready.ops] == [("RESHAPE", (0,)), ("RESHAPE", (1,))]


def test_reshape_of_a_constant_is_folded() -> None:
    values = np.arange(12, dtype=np.int8)
    tensors = [
        act("x", 1, 3, 4),
        TensorSpec("c", (12,), data=values),
        act("r", 1, 3, 4),
        act("y", 1, 3, 4),
        build.constant("shape", (1, 3, 4)),
    ]
    ops = [OpSpec("RESHAPE", (1, 4), (2,)), OpSpec("ADD", (0, 2), (3,), build.g.Add())]
    ready = prepare(read(build.build_model(ops, tensors)))
    assert [o.kind for o in ready.ops] == ["ADD"]
    folded = ready.tensors[2].data
    assert folded is not None and not folded.flags.writeable
    np.testing.assert_array_equal(folded, values.reshape(1, 3, 4))


def test_constant_reshape_that_is_an_output_stays() -> None:
    tensors = [act("x", 1, 4), act("y", 1, 4), TensorSpec("c", (4,), data=np.zeros(4, np.int8))]
    tensors.append(act("r", 1, 4))
    ops = [OpSpec("RELU", (0,), (1,)), OpSpec("RESHAPE", (2,), (3,))]
    ready = prepare(read(build.build_model(ops, tensors, [0], [1, 3])))
    assert [o.kind for o in ready.ops] == ["RELU", "RESHAPE"]


def test_computed_shape_input_is_kept_for_the_check() -> None:
    tensors = [act("x", 1, 4), act("y", 1, 4), TensorSpec("s", (2,), "int32")]
    ops = [OpSpec("RESHAPE", (0, 2), (1,))]
    ready = prepare(read(build.build_model(ops, tensors, [0, 2], [1])))
    assert ready.ops[0].inputs == (0, 2)


def dynamic_batch() -> bytes:
    """RESHAPE to a shape that is computed from another, much as Keras 3 exports Flatten."""
    tensors = [
        act("x", 1, 2, 3),
        act("r", 1, 2, 3),
        TensorSpec("shape", (3,), "int32", (), ()),
        TensorSpec("batch", (), "int32", (), ()),
        build.constant("six", 6),
        TensorSpec("wanted", (2,), "int32", (), ()),
        act("y", 1, 6),
    ]
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("SHAPE", (1,), (2,)),
        OpSpec("REDUCE_PROD", (2,), (3,)),
        OpSpec("PACK", (3, 4), (5,), g.Pack(0)),
        OpSpec("RESHAPE", (1, 5), (6,)),
    ]
    return build.build_model(ops, tensors, [0], [6])


def test_shapes_of_an_open_batch_size_are_not_computed() -> None:
    graph = read(dynamic_batch())
    check(graph)
    assert [(o.index, o.kind, o.inputs) for o in prepare(graph).ops] == [
        (0, "RELU", (0,)),
        (4, "RESHAPE", (1,)),
    ]


def test_a_shape_that_values_decide_stays() -> None:
    model = build.unpack(dynamic_batch())
    model.subgraphs[0].operators[1].inputs = [0]
    model.subgraphs[0].operators[1].opcodeIndex = model.subgraphs[0].operators[0].opcodeIndex
    assert prepare(read(build.pack(model))).ops[-1].inputs == (1, 5)


def test_back_ends_take_a_computed_shape() -> None:
    tensors = [act("x", 1, 6), act("r", 1, 6), TensorSpec("s", (2,), "int32", (), ())]
    tensors.append(act("y", 1, 6))
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("SHAPE", (0,), (2,)),
        OpSpec("RESHAPE", (1, 2), (3,)),
    ]
    data = build.build_model(ops, tensors, [0], [3])
    graph = read(data)
    inputs = np.arange(-12, 12, dtype=np.int8).reshape(4, 6)
    expected = TflmBackend(data).run(inputs)
    for backend in (ReferenceBackend(graph), HostBackend.from_graph(graph)):
        found = compare(expected, backend.run(inputs), graph, ("tflm", backend.name))
        assert found.equal and found.tensors == 3, str(found)


@pytest.mark.parametrize("path", PUBLIC)
def test_prepare_twice_is_prepare_once(path) -> None:
    once = prepare(read(path.read_bytes()))
    assert prepare(once).ops == once.ops
