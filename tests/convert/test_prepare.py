"""Prepared integers: values worked out by hand, rules refused in a sentence, no other exception."""

from __future__ import annotations

import dataclasses
import random

import numpy as np
import pytest

from convert.errors import ModelError, UnsupportedModelError, UserError
from convert.graph import Graph
from convert.params import (
    ConvParams,
    FullyConnectedParams,
    MeanParams,
    PoolParams,
    SoftmaxParams,
    TableParams,
)
from convert.params_binary import AddParams
from convert.prepare import prepare_graph, prepare_op
from convert.tflite_reader import read
from tests import tflite_builder as tb
from tests.wide_cases import as_int16


def only(model: bytes):
    graph = read(model)
    return prepare_op(graph, graph.ops[0])


def test_conv_by_hand() -> None:
    p = only(
        tb.conv_2d(
            height=7,
            width=5,
            kernel=(3, 2),
            stride=(2, 1),
            padding="same",
            activation="relu6",
            input_q=(0.5, 3),
            output_q=(0.25, -100),
            weight_scale=[0.5, 0.25, 0.375, 1.0],
        )
    )
    assert isinstance(p, ConvParams)
    # Height: (4 - 1) * 2 + 3 - 7 = 2, half above; width: (5 - 1) + 2 - 5 = 1, none to the left.
    assert p.padding == (1, 0)
    assert p.output_shape == (1, 4, 5, 4)
    assert (p.input_offset, p.output_offset) == (-3, -100)
    assert (p.activation_min, p.activation_max) == (-100, -100 + 24)
    # 1, 1/2, 3/4, 2 as significands in [1/2, 1) and exponents
    assert p.multiplier == (2**30, 2**30, 3 * 2**29, 2**30)
    assert p.shift == (1, 0, 0, 2)


def test_dilated_padding_by_hand() -> None:
    p = only(tb.conv_2d(height=6, width=6, kernel=(3, 3), dilation=(2, 3), padding="same"))
    assert isinstance(p, ConvParams)
    assert p.padding == (2, 3)


def test_fully_connected_keeps_the_product_of_scales_in_double() -> None:
    exact = float(np.float32(0.1)) * float(np.float32(0.3))
    assert exact != float(np.float32(0.1) * np.float32(0.3))
    for per_channel in (False, True):
        model = tb.fully_connected(
            per_channel=per_channel, weight_scale=0.3, input_q=(0.1, 0), output_q=(1.0, 0)
        )
        p = only(model)
        assert isinstance(p, FullyConnectedParams) and p.per_channel == per_channel
        # 0.03 = significand * 2^-5
        assert p.multiplier == (round(exact * 2**36),) * p.units and set(p.shift) == {-5}


def test_pool_and_mean_by_hand() -> None:
    p = only(tb.average_pool_2d(height=5, width=5, window=(2, 2), stride=(2, 2), padding="same"))
    assert isinstance(p, PoolParams) and p.padding == (0, 0) and p.output_shape == (1, 3, 3, 3)
    m = only(tb.mean(shape=(1, 4, 5, 3), axes=(2, -3)))
    assert isinstance(m, MeanParams)
    assert (m.axes, m.count, m.sum_offset) == ((1, 2), 20, -60)
    # 1 = 2^30 * 2^(1 - 31); over 20: 2^30 * 16 / 20, four bits more to the right
    assert (m.multiplier, m.shift) == (2**34 // 20, 1 - 4)


def test_softmax_by_hand() -> None:
    p = only(tb.softmax(input_q=(1 / 16, 0)))
    assert isinstance(p, SoftmaxParams)
    # 2^-4 * 2^26 = 2^22 = 2^30 / 2^31 * 2^23
    assert (p.multiplier, p.shift) == (2**30, 23)
    assert p.diff_min == -(31 * 2**26 >> 23)
    assert p.exp_table[0] == 2**31 - 1
    assert len(p.exp_table) == 256 and list(p.exp_table) == sorted(p.exp_table, reverse=True)
    assert p.exp_table[-p.diff_min + 1 :] == (0,) * (255 + p.diff_min)


def test_add_by_hand() -> None:
    x = tb.activation_tensor("x", (1, 4), (0.5, 3))
    y = tb.activation_tensor("y", (1, 4), (0.25, -1), data=np.zeros((1, 4), np.int8))
    z = tb.activation_tensor("z", (1, 4), (1.0, 7))
    p = only(tb.build_model([tb.OpSpec("ADD", (0, 1), (2,), tb.g.Add())], [x, y, z]))
    assert isinstance(p, AddParams)
    assert (p.input1_multiplier, p.input1_shift) == (2**30, 0)  # 1/2
    assert (p.input2_multiplier, p.input2_shift) == (2**30, -1)  # 1/4
    assert (p.output_multiplier, p.output_shift) == (2**30, -19)  # 2^-20
    assert (p.input1_offset, p.input2_offset, p.output_offset) == (-3, 1, 7)


def test_tables() -> None:
    p = only(tb.relu("RELU", input_q=(0.5, 0), output_q=(0.5, -10)))
    assert isinstance(p, TableParams) and len(p.table) == 256
    assert p.table[:129] == (-10,) * 129 and p.table[129] == -9 and p.table[255] == 117
    p = only(tb.relu("RELU6", input_q=(0.5, -10), output_q=(0.5, -10)))
    assert (min(p.table), max(p.table)) == (-10, 2)
    p = only(tb.logistic(input_q=(1 / 16, 0)))
    assert p.table[128] == 0 and p.table[0] == -128 and p.table[255] == 127


REFUSED = {
    "rescaling relu6": (
        tb.relu("RELU6", input_q=(0.1, 0), output_q=(0.2, 0)),
        "one scale and zero",
    ),
    "softmax scale": (tb.softmax(output_q=(1 / 128, -128)), "output scale 1/256"),
    "logistic zero": (tb.logistic(output_q=(1 / 256, 0)), "zero point -128"),
    "long softmax": (tb.softmax(shape=(1, 512)), "up to 511"),
    "concatenation": (
        tb.concatenation(input_qs=((0.1, 0), (0.2, 0))),
        "one scale and zero point",
    ),
    "int16 to uint8": (
        tb.quantize(dtype="int16", input_q=(0.1, 0), output_dtype="uint8"),
        "type int8 or int16",
    ),
    "zero point of int16": (tb.quantize(dtype="int16"), "from -32768 to 0 in int16"),
    "int16 hard swish": (as_int16(tb.hard_swish()), "must be one of ADD.* with int16 values"),
    "int16 softmax scale": (as_int16(tb.softmax(output_q=(1 / 64, 0))), "output scale 1/32768"),
    "int16 rescaling": (as_int16(tb.conv_2d(output_q=(1e-6, 0))), r"less than 2\^7"),
    "int16 softmax of large scale": (
        as_int16(tb.softmax(input_q=(2000.0, 0))),
        "above 0 and below 5",
    ),
    "float to uint8": (
        tb.quantize(dtype="float32", output_dtype="uint8", output_q=(0.1, 5)),
        "type int8",
    ),
    "operator": (
        tb.build_model(
            [tb.OpSpec("GELU", (0,), (1,))],
            [tb.activation_tensor("x", (1, 4)), tb.activation_tensor("y", (1, 4))],
        ),
        r"Operator 0 \(GELU\) must be one of ABS",
    ),
}


@pytest.mark.parametrize("label", REFUSED)
def test_refused_in_one_sentence(label: str) -> None:
    model, words = REFUSED[label]
    with pytest.raises((ModelError, UnsupportedModelError), match=words) as caught:
        only(model)
    assert "Received: " in str(caught.value) and "\n" not in str(caught.value)


def test_output_of_another_size_is_refused() -> None:
    graph = read(tb.conv_2d())
    tensors = list(graph.tensors)
    out = graph.ops[0].outputs[0]
    tensors[out] = dataclasses.replace(tensors[out], shape=(1, 9, 9, 4))
    with pytest.raises(ModelError, match="images, rows and columns"):
        prepare_graph(dataclasses.replace(graph, tensors=tuple(tensors)))


def _damaged(graph: Graph, chooser: random.Random) -> Graph:
    """One shape, type, quantization or wiring changed."""
    tensors, ops = list(graph.tensors), list(graph.ops)
    t = chooser.randrange(len(tensors))
    o = chooser.randrange(len(ops))
    any_index = chooser.randrange(-1, len(tensors))
    match chooser.randrange(6):
        case 0:
            shape = tuple(chooser.choice([0, 1, 2, 3, 7]) for _ in range(chooser.randrange(5)))
            tensors[t] = dataclasses.replace(tensors[t], shape=shape, data=None)
        case 1:
            tensors[t] = dataclasses.replace(tensors[t], dtype=chooser.choice(["int16", "float32"]))
        case 2:
            tensors[t] = dataclasses.replace(tensors[t], quant=None)
        case 3 if tensors[t].quant is not None:
            scale = chooser.choice([0.0, -1.0, 1e-40, 1e38, float("inf"), float("nan")])
            quant = dataclasses.replace(tensors[t].quant, scale=(scale,), zero_point=(0,))
            tensors[t] = dataclasses.replace(tensors[t], quant=quant)
        case 4:
            ops[o] = dataclasses.replace(ops[o], inputs=(any_index, *ops[o].inputs[1:]))
        case _:
            ops[o] = dataclasses.replace(ops[o], inputs=ops[o].inputs[: chooser.randrange(3)])
    return dataclasses.replace(graph, tensors=tuple(tensors), ops=tuple(ops))


@pytest.mark.filterwarnings("error")
def test_damaged_graphs_raise_nothing_but_user_errors() -> None:
    chooser = random.Random(5)
    names = [n for n in tb.SINGLE if n not in ("ADD", "CONCATENATION")]
    graphs = [read(tb.SINGLE[n]()) for n in names] + [read(tb.add()), read(tb.concatenation())]
    refused = 0
    for _ in range(3000):
        try:
            prepare_graph(_damaged(chooser.choice(graphs), chooser))
        except UserError as error:
            refused += 1
            assert "Received: " in str(error)
    assert refused > 1500
