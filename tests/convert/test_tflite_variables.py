"""Resource variables: what is read as a state, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from convert import memory
from convert.emit_aot import emit_model
from convert.emit_tflm import emit_tflm
from convert.errors import ModelError, UnsupportedModelError
from convert.graph import Graph
from convert.passes import prepare
from convert.supported import check
from convert.tflite_reader import read
from convert.variables import shared_with_states
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.tflm import TflmBackend
from tests import tflite_builder as tb
from tests.op_cases.variables import MODELS, inputs_of


def made(name: str) -> bytes:
    return MODELS[name](tb.Streaming((1 / 64, 3)))


def changed(name: str, change: Callable[[Any], None]) -> bytes:
    model = tb.unpack(made(name))
    change(model)
    return tb.pack(model)


def test_a_variable_is_a_state() -> None:
    graph = read(made("convolution"))
    assert [(s.name, s.shape, s.dtype, s.data) for s in graph.states] == [
        ("buffer", (1, 2, 6), "int8", None),
        ("second", (1, 4, 6), "int8", None),
    ]
    assert graph.states[0].quant is not None and graph.states[0].quant.zero_point == (3,)
    kinds = [op.kind for op in prepare(graph).ops]
    assert kinds.count("READ_VARIABLE") == kinds.count("ASSIGN_VARIABLE") == 2
    assert "VAR_HANDLE" not in kinds and "CALL_ONCE" not in kinds
    check(graph)
    check(graph, target="tflm")


def test_a_variable_that_is_assigned_twice() -> None:
    data, inputs = made("twice"), inputs_of("twice")
    graph = read(data)
    found = HostBackend(emit_model(graph, steps=7)).run(inputs)
    same = compare(TflmBackend(data, guard=False).run(inputs), found, graph, ("tflm", "host"))
    assert same.equal and same.tensors == 6, str(same)


def test_two_handles_are_one_variable() -> None:
    graph = prepare(read(made("read_again")))
    assert len(graph.states) == 1
    reads = [op.inputs for op in graph.ops if op.kind == "READ_VARIABLE"]
    assert reads == [(graph.states[0].index,)] * 2


def test_reset_writes_the_zero_point() -> None:
    text = emit_model(read(made("delay")), steps=3).files["model.c"]
    beginning = text.split("void model_reset(void) {")[1].split("}")[0]
    assert beginning.strip() == "memset(MODEL_TENSOR_1, 3, 6);"


@pytest.mark.parametrize(
    ("name", "tensors"),
    [
        ("convolution", {"READ_VARIABLE": 2, "STRIDED_SLICE": 2}),
        ("delay", {"READ_VARIABLE": 0}),  # it would be overwritten before it is used
        ("old_after", {"READ_VARIABLE": 0, "ADD": 1}),
        ("reshaped", {"READ_VARIABLE": 1, "STRIDED_SLICE": 1, "RESHAPE": 1}),
        ("twice", {}),
        ("assigned_output", {"READ_VARIABLE": 1, "STRIDED_SLICE": 1}),
        ("shared_value", {"SUB": 1}),
    ],
)
def test_what_lives_in_a_variable(name: str, tensors: dict[str, int]) -> None:
    graph = prepare(read(made(name)))
    shared = shared_with_states(graph)
    states = {state.index for state in graph.states}
    kinds = [op.kind for op in graph.ops for i in op.outputs if shared.get(i) in states]
    assert {kind: kinds.count(kind) for kind in tensors} == tensors
    assert len(kinds) == sum(tensors.values())
    plan = memory.plan(graph)
    for tensor, state in shared.items():
        assert plan.offset_of(tensor) == plan.offset_of(state)


def test_a_streaming_layer_copies_nothing_but_frames() -> None:
    graph: Graph = read(made("convolution"))
    text = emit_model(graph, steps=7).files["model.c"]
    for position, op in enumerate(graph.ops):
        if op.kind in ("READ_VARIABLE", "ASSIGN_VARIABLE"):
            name = f"model_layer_{position:02d}_{op.kind.lower()}(void) {{"
            assert text.split(name)[1].split("}")[0].strip() == "WS_NOTHING();"


def test_the_tflm_runtime_has_no_variables() -> None:
    data = made("delay")
    generated = emit_model(read(data), steps=7)
    with pytest.raises(UnsupportedModelError, match="Received: VAR_HANDLE"):
        emit_tflm(data, generated, arena_size=1 << 16, measured="not at all.")


def _begin_otherwise(model: Any) -> None:
    buffer = model.buffers[model.subgraphs[1].tensors[1].buffer]
    buffer.data = np.full(6, 4, np.int8).tobytes()


def _never_assigned(model: Any) -> None:
    sub = model.subgraphs[0]
    codes = [model.operatorCodes[op.opcodeIndex].builtinCode for op in sub.operators]
    sub.operators.pop(codes.index(tb.schema.BuiltinOperator.ASSIGN_VARIABLE))


def _another_shape(model: Any) -> None:
    read_out = next(t for t in model.subgraphs[0].tensors if t.name == b"t2")
    read_out.shape = [1, 6, 1]


def _more_than_zeros(model: Any) -> None:
    model.subgraphs[1].operators[1].opcodeIndex = next(
        i
        for i, c in enumerate(model.operatorCodes)
        if c.builtinCode == tb.schema.BuiltinOperator.RELU
    )


def _not_called(model: Any) -> None:
    model.subgraphs[0].operators.pop(0)


def _calls_nothing(model: Any) -> None:
    model.subgraphs[0].operators[0].builtinOptions.initSubgraphIndex = 7


def _computed_beginning(model: Any) -> None:
    model.subgraphs[1].tensors[1].buffer = 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_begin_otherwise, r"Variables must begin with the value 0\. Received: another one"),
        (_computed_beginning, "Variables must begin with the value 0"),
        (_never_assigned, 'must be assigned in every run\\. Received: variable "last"'),
        (_another_shape, r"must have one type and shape\. Received: int8 \(1, 1, 6\) and int8"),
        (_more_than_zeros, "must begin with constants. Received: RELU in CALL_ONCE"),
        (_not_called, r"others only for CALL_ONCE\. Received: 2\."),
        (_calls_nothing, r"others only for CALL_ONCE\. Received: 2\."),
    ],
)
def test_refused_in_one_sentence(change: Callable[[Any], None], says: str) -> None:
    with pytest.raises(UnsupportedModelError, match=says) as caught:
        read(changed("delay", change))
    assert "\n" not in str(caught.value)


def _inputs_of(kind: str, inputs: list[int]) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        for op in model.subgraphs[0].operators:
            number = model.operatorCodes[op.opcodeIndex].builtinCode
            if number == getattr(tb.schema.BuiltinOperator, kind):
                op.inputs = inputs

    return change


@pytest.mark.parametrize("kind", ["READ_VARIABLE", "ASSIGN_VARIABLE"])
@pytest.mark.parametrize(
    "inputs", [[], [99], [-1], [0], [0, 0], [1, 99], [1, -1], [1, 1], [1, 0, 0]]
)
def test_damaged_operators_are_user_errors(kind: str, inputs: list[int]) -> None:
    with pytest.raises((ModelError, UnsupportedModelError)):
        check(read(changed("delay", _inputs_of(kind, inputs))))
