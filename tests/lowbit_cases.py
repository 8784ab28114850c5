"""Operator cases with weights of 4 bits; `tests.op_cases` lists them as the family "low_bit".

Three ways to be 4-bit: INT4 in the file, an int8 tensor of at most 16 values, an int8 tensor each
of whose channels has at most 16.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from convert.codebook import codes_of
from convert.graph import CHANNEL_AXES
from convert.nibbles import pack_nibbles
from convert.repack import weight_tensors
from tests import tflite_builder as tb
from tests.op_cases import drawing
from tests.op_cases.drawing import clips_of

WAYS = ("int4", "tensor", "channel")
_INT4_SCALE = 16  # int4 weights are so much smaller than int8 ones; their scale makes up for it


def with_codes(graph: g.Graph) -> g.Graph:
    """Codes for every weight tensor that can have them, whether or not that saves flash."""
    axes = {op.inputs[1]: CHANNEL_AXES[op.kind] for op in graph.ops if op.kind in CHANNEL_AXES}
    tensors = list(graph.tensors)
    for index in weight_tensors(graph):
        data = tensors[index].data
        assert data is not None
        tensors[index] = replace(tensors[index], codes=codes_of(data, axes[index]))
    made = replace(graph, tensors=tuple(tensors))
    made.verify()
    return made


def few_valued(shape: tuple[int, ...], axis: int, way: str, seed: int) -> NDArray[np.int8]:
    """Weights for one of `WAYS`, extremes included."""
    rng = np.random.default_rng(seed)
    if way == "int4":
        return rng.integers(-8, 8, shape).astype(np.int8)

    def values() -> NDArray[np.int8]:
        return np.concatenate([[-128, 127], rng.integers(-127, 127, 14)]).astype(np.int8)

    if way == "tensor":
        return rng.choice(values(), shape)
    others = tuple(n for i, n in enumerate(shape) if i != axis)
    parts = [rng.choice(values(), others) for _ in range(shape[axis])]
    return np.stack(parts, axis=axis)


def as_int4(model: bytes) -> bytes:
    """The same model with its int8 weights, all within -8..7, stored as INT4."""
    made = tb.unpack(model)
    for op in made.subgraphs[0].operators:
        tensor = made.subgraphs[0].tensors[op.inputs[1]]
        data = np.asarray(made.buffers[tensor.buffer].data, np.uint8).view(np.int8)
        tensor.type = tb.schema.TensorType.INT4
        made.buffers[tensor.buffer].data = pack_nibbles(data)
    return tb.pack(made)


def _finish(model: bytes, way: str) -> bytes:
    return as_int4(model) if way == "int4" else model


def _scaled(options: dict, way: str) -> dict:
    if way != "int4":
        return options
    return options | {"weight_scale": [s * _INT4_SCALE for s in options["weight_scale"]]}


def cases() -> Iterator[drawing.Made]:
    """All of them."""
    yield from _convolutions()
    yield from _depthwise()
    yield from _dense()


def _convolutions() -> Iterator[drawing.Made]:
    for i in range(36):
        way = WAYS[i % 3]
        rng = drawing.rng_of(f"low bit conv {i}")
        options = drawing.window(rng, dilate=i % 4 == 0)
        channels, filters = int(rng.integers(1, 10)), int(rng.integers(1, 10))
        if i % 6 == 5:  # pointwise, as in separable blocks
            options |= {"kernel": (1, 1), "dilation": (1, 1)}
            channels, filters = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        depth = channels * math.prod(options["kernel"])
        options = _scaled(drawing.weighted_options(rng, options, filters, depth), way)
        weights = few_valued((filters, *options["kernel"], channels), 0, way, i)
        model = tb.conv_2d(channels=channels, filters=filters, weights=weights, **options)
        shape = (1, options["height"], options["width"], channels)
        name = f"conv_{i:02}_{way}_{drawing.described(options)}_c{channels}_f{filters}"
        yield (
            name,
            _finish(model, way),
            clips_of(shape, options["input_q"][1], str(i)),
            True,
        )
    for way in WAYS:
        for groups in (2, 3):
            inputs = clips_of((1, 5, 4, 6), 3, "groups")
            yield f"conv_{groups}_groups_{way}", _grouped(groups, way), inputs, True
        yield (
            f"conv_stride_past_filter_{way}",
            _finish(
                tb.conv_2d(
                    height=9,
                    width=8,
                    kernel=(1, 2),
                    stride=(4, 5),
                    weights=few_valued((4, 1, 2, 3), 0, way, 5),
                ),
                way,
            ),
            clips_of((1, 9, 8, 3), 3, "past"),
            True,
        )


def _grouped(groups: int, way: str) -> bytes:
    shape = (6, 3, 2, 6 // groups)
    weights = few_valued(shape, 0, way, groups)
    tensors = [
        tb.activation_tensor("input", (1, 5, 4, 6), (1 / 64, 3)),
        tb.TensorSpec("weights", shape, "int8", (0.01,), (0,), 0, weights),
        tb.activation_tensor("output", (1, 5, 4, 6), (0.02, -7)),
    ]
    ops = [tb.OpSpec("CONV_2D", (0, 1), (2,), g.Conv2D("same", (1, 1)))]
    return _finish(tb.build_model(ops, tensors), way)


def _depthwise() -> Iterator[drawing.Made]:
    for i in range(36):
        way = WAYS[i % 3]
        rng = drawing.rng_of(f"low bit depthwise {i}")
        options = drawing.window(rng, dilate=i % 4 == 0)
        multiplier = int(rng.choice([1, 1, 2, 3, 8]))
        channels = int(rng.integers(1, 12))
        made = channels * multiplier
        options = drawing.weighted_options(rng, options, made, math.prod(options["kernel"]))
        options = _scaled(options | {"bias": True}, way)
        weights = few_valued((1, *options["kernel"], made), 3, way, i)
        model = tb.depthwise_conv_2d(
            channels=channels, multiplier=multiplier, weights=weights, **options
        )
        shape = (1, options["height"], options["width"], channels)
        name = f"depthwise_{i:02}_{way}_{drawing.described(options)}_c{channels}_m{multiplier}"
        yield (
            name,
            _finish(model, way),
            clips_of(shape, options["input_q"][1], str(i)),
            True,
        )


def _dense() -> Iterator[drawing.Made]:
    for i in range(21):
        way = WAYS[i % 3]
        rng = drawing.rng_of(f"low bit dense {i}")
        depth, units = int(rng.integers(1, 300)), int(rng.integers(2, 20))
        options = drawing.weighted_options(rng, {}, units, depth)
        if way == "int4":  # which TFLite Micro runs with one scale only
            options |= {"per_channel": False, "weight_scale": options["weight_scale"][:1]}
        options = _scaled(options, way)
        weights = few_valued((units, depth), 0, way, i)
        model = tb.fully_connected(inputs=depth, units=units, weights=weights, **options)
        inputs = clips_of((1, depth), options["input_q"][1], str(i))
        yield f"dense_{i:02}_{way}_{depth}_to_{units}", _finish(model, way), inputs, True
    for way in WAYS:
        model = tb.fully_connected(
            inputs=13,
            weights=few_valued((5, 13), 0, way, 3),
            input_shape=(1, 3, 13),
            output_shape=(3, 5),
        )
        yield (
            f"dense_rows_{way}",
            _finish(model, way),
            clips_of((1, 3, 13), 3, "rows"),
            True,
        )
        model = tb.fully_connected(
            inputs=41, weights=few_valued((5, 41), 0, way, 4), output_q=(1e-4, 100)
        )
        yield (
            f"dense_saturates_{way}",
            _finish(model, way),
            clips_of((1, 41), 3, "sat"),
            True,
        )
