"""The text and the tables of the generated C; what it computes is tested in tests/firmware."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from convert import memory
from convert.emit_aot import emit_model
from convert.emit_binary import broadcast_strides
from convert.emit_plain import merge_pads, split_mean
from convert.errors import SpecError, UnsupportedModelError
from convert.graph import Add, Conv2D, Graph
from convert.tflite_reader import read
from tests import tflite_builder as tb
from tests.op_cases import op_cases


def _network() -> Graph:
    """A small network: convolution, RESHAPE, dense, SOFTMAX."""
    return read(next(iter(op_cases("network"))).model)


def test_two_emissions_are_equal_byte_for_byte() -> None:
    first, second = (emit_model(_network(), labels=()) for _ in range(2))
    assert first == second
    assert list(first.files) == ["model.h", "model.c"]


def test_first_comment_names_maker_and_model() -> None:
    graph = _network()
    for text in emit_model(graph).files.values():
        first = text[: text.index("*/")]
        assert "wakesmith" in first
        assert graph.model_hash in first


def test_text_has_no_dates_paths_or_libc() -> None:
    source = emit_model(_network(), prefix="net").files["net.c"]
    assert re.findall(r"#include [<\"](.*)[>\"]", source) == [
        "net.h",
        "stddef.h",
        "ws_kernels.h",
        "ws_memory.h",
    ]
    for word in ("malloc", "__DATE__", "__TIME__", "__FILE__", "/tmp", "/home"):
        assert word not in source


def test_layers_are_in_order_and_inside_the_arena() -> None:
    graph = _network()
    made = emit_model(graph, prefix="net")
    assert made.arena_size < memory.plan(graph).arena_size  # kernels write over their inputs
    assert [s.op_index for s in made.layers] == [op.index for op in graph.ops]
    for slot, op in zip(made.layers, graph.ops, strict=True):
        assert slot.kind == op.kind
        assert slot.function == f"net_layer_{op.index:02d}_{op.kind.lower()}"
        assert slot.output == op.outputs[0]
        assert 0 <= slot.offset <= slot.offset + slot.nbytes <= made.arena_size
        assert f"WS_NOINLINE void {slot.function}(void) {{" in made.files["net.c"]
    end = made.files["net.c"].split("int net_invoke(void) {")[1]
    invoke, table = end.split("const net_layer_t net_layers[NET_LAYER_COUNT] = {")
    assert re.findall(r"net_layer_\w+", invoke) == [s.function for s in made.layers]
    named = [f'    {{"{s.kind}", {s.function}}},' for s in made.layers]
    assert table.split("};")[0].strip("\n").split("\n") == named


def test_header_says_what_a_caller_needs() -> None:
    data = tb.fully_connected(inputs=12, units=3, input_q=(1 / 64, 0), output_q=(0.5, -7))
    made = emit_model(read(data), labels=["yes", "nö", 'a"b'])
    header = made.files["model.h"]
    for line in (
        f'#define MODEL_HASH "{made.model_hash}"',
        f"#define MODEL_ARENA_SIZE {made.arena_size} ",
        "#define MODEL_MACS 36 ",
        "#define MODEL_LAYER_COUNT 1\n",
        "#define MODEL_INPUT_SIZE 12 ",
        "#define MODEL_INPUT_SHAPE {1, 12}\n",
        "#define MODEL_INPUT_SCALE 0.015625f\n",
        "#define MODEL_INPUT_ZERO_POINT 0\n",
        "#define MODEL_OUTPUT_SIZE 3 ",
        "#define MODEL_OUTPUT_SCALE 0.5f\n",
        "#define MODEL_OUTPUT_ZERO_POINT -7\n",
        "#define MODEL_LABEL_COUNT 3\n",
        "extern const char *const model_labels[MODEL_LABEL_COUNT];",
        "void model_init(void);",
        "int8_t *model_input(void);",
        "const int8_t *model_output(void);",
        "int model_invoke(void);",
        'extern "C" {',
    ):
        assert line in header
    assert '"n\\303\\266",' in made.files["model.c"]


def test_float_edges_are_typed() -> None:
    made = emit_model(read(tb.quantize(dtype="float32")))
    assert "float *model_input(void);" in made.files["model.h"]
    assert "MODEL_INPUT_SCALE" not in made.files["model.h"]
    made = emit_model(read(tb.dequantize()))
    assert "const float *model_output(void);" in made.files["model.h"]
    assert made.outputs[0].nbytes == 40


def test_reshape_of_an_activation_costs_nothing() -> None:
    made = emit_model(read(tb.reshape()))
    assert "memcpy(" not in made.files["model.c"]
    assert made.layers[0].offset == made.inputs[0].offset


def test_equal_arrays_are_written_once() -> None:
    q = (1 / 64, 0)
    x, y, z = (tb.activation_tensor(n, (1, 4, 4, 2), q) for n in "xyz")
    weights = np.arange(8).reshape(2, 1, 1, 4)[:, :, :, :2]
    same = tb.TensorSpec("w", (2, 1, 1, 2), "int8", (0.01,), (0,), data=weights.astype(np.int8))
    options = Conv2D("same", (1, 1))
    ops = [tb.OpSpec("CONV_2D", (0, 3, -1), (1,), options)]
    once = emit_model(read(tb.build_model(ops, [x, y, z, same])))
    ops.append(tb.OpSpec("CONV_2D", (1, 3, -1), (2,), options))
    twice = emit_model(read(tb.build_model(ops, [x, y, z, same])))
    assert twice.flash_bytes == once.flash_bytes
    assert "_layer_01_weights[" not in twice.files["model.c"]


def test_flash_and_macs_are_counted() -> None:
    data = tb.conv_2d(height=6, width=5, channels=3, filters=4, kernel=(3, 3))
    made = emit_model(read(data))
    assert made.flash_bytes == 4 * 27 + 4 * (4 + 4 + 1)
    assert made.macs == made.layers[0].macs == 6 * 5 * 4 * 27


@pytest.mark.parametrize("prefix", ["", "7up", "a-b", "int", "a b", "__x", "é"])
def test_prefix_must_be_an_identifier(prefix: str) -> None:
    with pytest.raises(SpecError, match=r"A prefix must be a C identifier\. Received: "):
        emit_model(_network(), prefix=prefix)


def test_labels_must_match_the_classes() -> None:
    with pytest.raises(SpecError, match=r"one label per class of the model \(5\). Received: 2."):
        emit_model(read(tb.fully_connected(units=5)), labels=["a", "b"])


def test_hostile_names_and_labels_stay_text() -> None:
    q = (1 / 64, 0)
    evil = '*/ #include "/etc/passwd" /* ??/\n\\'
    tensors = [tb.activation_tensor(evil, (1, 2), q), tb.activation_tensor(evil, (1, 2), q)]
    data = tb.build_model([tb.OpSpec("RELU", (0,), (1,))], tensors)
    source = emit_model(read(data), labels=[evil, "\x00"]).files["model.c"]
    code = re.sub(r"/\*.*?\*/", "", source, flags=re.S)
    assert "passwd" not in re.sub(r'"(\\.|[^"\\])*"', "", code)


def test_computed_weights_are_refused() -> None:
    q = (1 / 64, 0)
    names = [("x", (1, 4)), ("w", (3, 4)), ("y", (1, 3))]
    tensors = [tb.activation_tensor(n, s, q) for n, s in names]
    data = tb.build_model(
        [tb.OpSpec("FULLY_CONNECTED", (0, 1, -1), (2,), tb.g.FullyConnected())], tensors
    )
    with pytest.raises(UnsupportedModelError, match="must have constant weights"):
        emit_model(read(data))


def test_sums_that_overflow_are_refused() -> None:
    data = tb.fully_connected(inputs=70_000, units=1)
    with pytest.raises(UnsupportedModelError, match="add at most 65793 values per output"):
        emit_model(read(data))


def test_five_padded_dimensions_are_refused() -> None:
    data = tb.pad(shape=(2, 2, 2, 2, 2), paddings=((1, 0),) * 5)
    with pytest.raises(UnsupportedModelError, match="pad at most four dimensions"):
        emit_model(read(data))


def test_two_inputs_have_two_accessors() -> None:
    header = emit_model(read(tb.add())).files["model.h"]
    assert "int8_t *model_input(void);" in header
    assert "int8_t *model_input_1(void);" in header
    assert "#define MODEL_INPUT_1_SIZE 12 " in header


def test_constant_operand_becomes_an_array() -> None:
    data = tb.add(other_data=np.arange(12).reshape(1, 4, 3).astype(np.int8))
    assert isinstance(read(data).ops[0].options, Add)
    assert "model_layer_00_in1[12]" in emit_model(read(data)).files["model.c"]


shapes = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


@given(shapes, st.data())
def test_mean_is_seen_as_alternating_runs(shape: tuple[int, ...], data: st.DataObject) -> None:
    axes = data.draw(st.lists(st.integers(0, len(shape) - 1), unique=True))
    split = split_mean(shape, axes)
    assert split is not None
    (k0, k1, k2), (r0, r1) = split
    x = np.arange(math.prod(shape))
    expected = x.reshape(shape).sum(axis=tuple(axes)).ravel()
    np.testing.assert_array_equal(x.reshape(k0, r0, k1, r1, k2).sum(axis=(1, 3)).ravel(), expected)


@given(shapes, st.data())
def test_broadcast_strides_walk_as_numpy_does(shape: tuple[int, ...], data: st.DataObject) -> None:
    def thinned(drop: int) -> tuple[int, ...]:
        keep = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
        return tuple(s if k else 1 for s, k in zip(shape, keep, strict=True))[drop:]

    one, two = thinned(0), thinned(data.draw(st.integers(0, len(shape) - 1)))
    walk = broadcast_strides(one, two)
    assert walk is not None
    out, strides1, strides2 = walk
    joined = np.broadcast_shapes(one, two)
    places = np.indices(out).reshape(4, -1)
    for own, strides in ((one, strides1), (two, strides2)):
        values = np.arange(math.prod(own))
        expected = np.broadcast_to(values.reshape(own), joined).ravel()
        np.testing.assert_array_equal(values[np.array(strides) @ places], expected)


@given(shapes, st.data())
def test_merged_pads_pad_the_same(shape: tuple[int, ...], data: st.DataObject) -> None:
    amounts = st.lists(st.integers(0, 2), min_size=len(shape), max_size=len(shape))
    before, after = data.draw(amounts), data.draw(amounts)
    merged = merge_pads(shape, before, after)
    assert merged is not None
    source, target, start = merged
    x = np.arange(1, math.prod(shape) + 1)
    padded = np.zeros(target, np.int64)
    padded[tuple(slice(b, b + s) for b, s in zip(start, source, strict=True))] = x.reshape(source)
    expected = np.pad(x.reshape(shape), list(zip(before, after, strict=True)))
    np.testing.assert_array_equal(padded.ravel(), expected.ravel())
