"""Each constraint: a model that breaks it is refused with the rule, the place and a way out."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from convert import constraints as c
from convert import constraints_moves as moves
from convert import constraints_picks as picks
from convert import constraints_plain as plain
from convert import constraints_recurrent as recurrent
from convert import constraints_weighted as weighted
from convert import constraints_wide as wide
from convert import constraints_windows as windows
from convert import supported
from convert.errors import UnsupportedModelError
from convert.passes import prepare
from convert.prepare import prepare_graph
from convert.rules import COMMON_CONSTRAINTS, MODEL_CONSTRAINTS, RULES
from convert.supported import check, page
from convert.tflite_reader import read
from tests import tflite_builder as build
from tests.convert import (
    broken_models,
    broken_moves,
    broken_picks,
    broken_plain,
    broken_recurrent,
    broken_weighted,
    broken_wide,
)
from tests.convert.broken_edits import edit
from tests.convert.broken_models import relu_of
from tests.public_models import PUBLIC
from tests.tflite_builder import OpSpec, TensorSpec

ROOT = Path(__file__).parents[2]


MODULES = (c, moves, picks, plain, recurrent, weighted, wide, windows)
BROKEN = (
    *broken_models.BROKEN,
    *broken_weighted.BROKEN,
    *broken_plain.BROKEN,
    *broken_moves.BROKEN,
    *broken_picks.BROKEN,
    *broken_recurrent.BROKEN,
    *broken_wide.BROKEN,
)


@pytest.mark.parametrize(
    ("constraint", "data", "received"),
    [pytest.param(f, d, r, id=f"{f.__name__}: {name}") for f, name, d, r in BROKEN],
)
def test_a_broken_constraint_is_named(constraint: Callable, data: bytes, received: str) -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        check(read(data))
    text = str(caught.value)
    rule, way_out = supported._paragraphs(constraint)
    assert rule.removesuffix(".") + ". Received: " in text
    assert received in text.split("Received: ")[1]
    assert text.endswith(way_out)
    if constraint not in MODEL_CONSTRAINTS:
        assert text.startswith("Operator 0 (")
    assert "\n" not in text


def all_constraints() -> set[Callable]:
    ours = {f for rule in RULES.values() for f in rule.constraints}
    return ours | set(MODEL_CONSTRAINTS) | set(COMMON_CONSTRAINTS)


def test_every_constraint_is_used_and_tested() -> None:
    public = {
        f
        for module in MODULES
        for name, f in inspect.getmembers(module, inspect.isfunction)
        if f.__module__ == module.__name__
        and inspect.signature(f).return_annotation == "Verdict"
        and not name.startswith("_")
    }
    assert public == all_constraints()
    assert public - {f for f, *_ in BROKEN} == set()


def test_every_docstring_has_a_rule_and_a_way_out() -> None:
    for constraint in all_constraints():
        rule, way_out = supported._paragraphs(constraint)
        assert rule.endswith(".") and way_out.endswith(".") and len(rule) < 120


@pytest.mark.parametrize("kind", build.SINGLE)
def test_every_operator_is_supported(kind: str) -> None:
    graph = read(build.SINGLE[kind]())
    check(graph)
    check(graph, target="tflm")
    prepare_graph(prepare(graph))


@pytest.mark.parametrize(
    "data",
    [
        build.conv_2d(dilation=(2, 2), stride=(1, 1)),
        build.conv_2d(bias=False, per_channel=False),
        build.conv_2d(weight_scale=[0.0, 0.1, 0.1, 0.1]),
        build.depthwise_conv_2d(multiplier=3, dilation=(2, 1), padding="valid"),
        build.fully_connected(per_channel=True, activation="relu_n1_to_1"),
        build.fully_connected(
            keep_dims=True, input_shape=(1, 3, 12), output_shape=(1, 3, 5), units=5
        ),
        build.add(other_shape=(3,)),
        build.add(other_shape=(1, 1, 1)),
        build.add(other_data=np.ones((1, 4, 3), np.int8)),
        build.mean(axes=(-1, 1, 1), keep_dims=True),
        build.mean(shape=(1, 7), axes=(1,)),
        build.reshape(target="option", request=(-1, 12)),
        build.quantize(dtype="float32"),
        build.softmax(shape=(1, 511)),
    ],
)
def test_variants_that_run(data: bytes) -> None:
    graph = read(data)
    check(graph)
    prepare_graph(graph)


def test_squeeze_and_expand_dims_count_as_reshape() -> None:
    x, y, z = TensorSpec("x", (1, 4, 1)), TensorSpec("y", (1, 4)), TensorSpec("z", (1, 1, 4))
    axis = build.constant("axis", 1)
    ops = [OpSpec("SQUEEZE", (0,), (1,)), OpSpec("EXPAND_DIMS", (1, 3), (2,))]
    check(read(build.build_model(ops, [x, y, z, axis])))


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models_are_supported(path) -> None:
    graph = read(path.read_bytes())
    check(graph)
    check(graph, target="tflm")


def test_unsupported_operators_are_named_with_place_and_way_out() -> None:
    tensors = [TensorSpec("x", (1, 4)), TensorSpec("half", (1, 4)), TensorSpec("net/div", (1, 4))]
    tensors.append(TensorSpec("y", (1, 4)))
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("DIV", (1,), (2,)),
        OpSpec("CUSTOM:Mine", (2,), (3,)),
    ]
    graph = read(build.build_model(ops, tensors))
    with pytest.raises(UnsupportedModelError) as caught:
        check(graph)
    text = str(caught.value)
    assert text.startswith('Operator 1 (DIV, output "net/div"): operators must be among ABS, ')
    assert "Received: DIV and, further on, CUSTOM:Mine." in text
    assert text.endswith("or fold scaling into the layer before.")
    with pytest.raises(UnsupportedModelError, match=r"Operator 2 \(CUSTOM:Mine"):
        check(graph, target="tflm")


def test_tflm_target_takes_float_models() -> None:
    check(read(relu_of("float32")), target="tflm")


def test_tflm_target_refuses_what_crashes_tflite_micro() -> None:
    graph = read(build.depthwise_conv_2d(bias=False))
    check(graph)
    with pytest.raises(UnsupportedModelError, match="crashes"):
        check(graph, target="tflm")
    check(read(edit(build.depthwise_conv_2d, lambda s, op: setattr(op, "inputs", [0, 1]))), "tflm")


def test_the_page_is_up_to_date() -> None:
    assert (ROOT / "docs" / "SUPPORTED_OPS.md").read_text() == page(), (
        "run: python -m convert.supported > docs/SUPPORTED_OPS.md"
    )
