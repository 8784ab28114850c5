"""Models changed at random where the file format allows it: options, shapes, scales, values, wires.

Unlike changed bytes (tests/convert/test_tflite_reader.py), these are sound files, and many of them
are models that no converter would write and that must run all the same.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests import tflite_builder as build

WHOLE = (-1, 0, 1, 1, 2, 2, 3, 4, 5, 7, 8, 16, 127, 2**31 - 1)
REAL = (0.0, -0.0, 1.0, 0.5, 0.1, -0.3, -2.0, 1e-30, 1e30, 6.0, float("nan"), float("inf"))
SCALES = (0.0, -0.01, 1e-45, 1e-38, 1e-10, 1e10, 3.4e38, float("nan"), float("inf"), 1 / 256, 1.0)
ZERO_POINTS = (-129, -128, -127, -90, -1, 0, 1, 37, 126, 127, 128, 2**31 - 1, -(2**63))
ALIKE = (  # operators with the same inputs and options
    ("RELU", "RELU6", "LOGISTIC", "TANH", "QUANTIZE", "DEQUANTIZE", "ABS"),
    ("HARD_SWISH", "RELU", "RELU6"),
    ("MAXIMUM", "MINIMUM"),
    ("MAX_POOL_2D", "AVERAGE_POOL_2D"),
    ("REDUCE_MAX", "REDUCE_MIN", "MEAN", "SUM"),
)
_CODES = {name: number for name, number in vars(schema.BuiltinOperator).items() if name.isupper()}
_ITEMS = {schema.TensorType.INT8: "i1", schema.TensorType.INT16: "<i2"}
_ITEMS |= {schema.TensorType.INT32: "<i4", schema.TensorType.INT64: "<i8"}


def mutant(data: bytes, draw: random.Random) -> bytes:
    """`data` with one to three changes."""
    model = build.unpack(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        draw.choice(CHANGES)(model, draw)
    return build.pack(model)


def _option(model: Any, draw: random.Random) -> None:
    """One field of the options of an operator."""
    options = draw.choice(model.subgraphs[0].operators).builtinOptions
    fields = [
        name
        for name, value in vars(options).items()
        if isinstance(value, bool | int | float)
    ] if options is not None else []  # fmt: skip
    if fields:
        name = draw.choice(fields)
        old = getattr(options, name)
        if isinstance(old, bool):
            new: Any = not old
        elif isinstance(old, float):
            new = draw.choice((*REAL, old * draw.uniform(0.2, 3)))
        elif "ctivation" in name or "adding" in name:
            new = draw.randrange(6 if "ctivation" in name else 2)
        elif "Type" in name or "Format" in name:
            new = draw.randrange(4)
        else:
            new = draw.choice((*WHOLE, old + 1, old + 1, old - 1))
        setattr(options, name, new)


def _shape(model: Any, draw: random.Random) -> None:
    """The shape of one tensor, or one dimension wherever there are as many."""
    tensors = model.subgraphs[0].tensors
    shape = list(draw.choice(tensors).shape)
    if not shape:
        return
    how = draw.randrange(4)
    if how == 0:  # the same in all tensors of this shape
        at, new = draw.randrange(len(shape)), draw.choice((*range(9), 13, 33))
        wider = [*shape[:at], new, *shape[at + 1 :]]
        for tensor in tensors:
            if list(tensor.shape) == shape:
                tensor.shape = wider
        return
    chosen = draw.choice(tensors)
    shape = list(chosen.shape)
    if how == 1:
        draw.shuffle(shape)
    elif how == 2 and shape:
        at = draw.randrange(len(shape))
        shape[at] = draw.choice((-1, 0, 1, 2, 3, shape[at] + 1, shape[at] - 1, 2**30))
    elif draw.random() < 0.5:
        shape.insert(draw.randrange(len(shape) + 1), 1)
    elif 1 in shape:
        shape.remove(1)
    chosen.shape = shape


def _scale(model: Any, draw: random.Random) -> None:
    """The scales of one tensor: by a factor, one of many, or something absurd."""
    quantization = _quantized(model, draw)
    if quantization is None:
        return
    scale = [float(s) for s in quantization.scale]
    how = draw.randrange(6)
    at = draw.randrange(len(scale))
    if how < 3:
        factor = draw.choice((draw.uniform(0.2, 3), 2.0 ** draw.randrange(-30, 31)))
        scale = [s * factor for s in scale]
    elif how == 3:
        scale[at] *= 2.0 ** draw.randrange(-40, 41)
    elif how == 4:
        scale[at] = draw.choice(SCALES)
    else:
        scale = scale[:1] if len(scale) > 1 else scale * draw.choice((1, 2, 5))
        quantization.zeroPoint = list(quantization.zeroPoint)[:1] * len(scale)
    with np.errstate(over="ignore"):
        quantization.scale = [float(np.float32(s)) for s in scale]


def _zero_point(model: Any, draw: random.Random) -> None:
    quantization = _quantized(model, draw)
    if quantization is not None and quantization.zeroPoint is not None:
        points = list(quantization.zeroPoint)
        if points:
            points[draw.randrange(len(points))] = draw.choice(ZERO_POINTS)
            if draw.random() < 0.3:
                points = [draw.randrange(-128, 128)] * len(points)
        quantization.zeroPoint = points


def _axis(model: Any, draw: random.Random) -> None:
    quantization = _quantized(model, draw)
    if quantization is not None:
        quantization.quantizedDimension = draw.choice((-1, 0, 1, 2, 3, 4))


def _quantized(model: Any, draw: random.Random) -> Any:
    """The quantization of one tensor that has scales."""
    found = [
        tensor.quantization
        for tensor in model.subgraphs[0].tensors
        if tensor.quantization is not None and tensor.quantization.scale is not None
    ]
    found = [quantization for quantization in found if len(quantization.scale)]
    return draw.choice(found) if found else None


def _values(model: Any, draw: random.Random) -> None:
    """The values of one constant: noise, all the same, one extreme, or a few of either."""
    constants = [
        tensor
        for tensor in model.subgraphs[0].tensors
        if tensor.type in _ITEMS and model.buffers[tensor.buffer].data is not None
    ]
    if not constants:
        return
    tensor = draw.choice(constants)
    buffer = model.buffers[tensor.buffer]
    layout = np.dtype(_ITEMS[tensor.type])
    raw = np.array(buffer.data, np.uint8)
    if not raw.size or raw.size % layout.itemsize:
        return
    values = raw.view(layout).copy()
    least, most = np.iinfo(layout).min, np.iinfo(layout).max
    rng = np.random.default_rng(draw.randrange(2**32))
    extremes = (least, least + 1, -1, 0, 1, most)
    how = draw.randrange(5)
    if how == 0:
        values = rng.integers(least, most, values.shape, endpoint=True).astype(layout)
    elif how == 1:
        values[:] = draw.choice(extremes)
    elif how == 2:
        values[rng.integers(values.size)] = draw.choice(extremes)
    elif how == 3:
        values = rng.choice(np.array([least, most], layout), values.shape)
    else:
        values[rng.random(values.shape) < 0.9] = 0
    buffer.data = values.view(np.uint8)


def _wire(model: Any, draw: random.Random) -> None:
    """An input of an operator, or its order."""
    sub = model.subgraphs[0]
    op = draw.choice(sub.operators)
    inputs = list(op.inputs)
    if not inputs:
        return
    at = draw.randrange(len(inputs))
    how = draw.randrange(4)
    if how == 0:
        like = list(sub.tensors[inputs[at]].shape)
        inputs[at] = draw.choice([i for i, t in enumerate(sub.tensors) if list(t.shape) == like])
    elif how == 1:
        draw.shuffle(inputs)
    elif how == 2:
        inputs[at] = draw.choice((-1, draw.randrange(len(sub.tensors))))
    elif draw.random() < 0.5:
        inputs.append(inputs[at])
    else:
        del inputs[at]
    op.inputs = inputs


def _kind(model: Any, draw: random.Random) -> None:
    """An operator becomes another one with the same inputs and options."""
    code = draw.choice(model.operatorCodes)
    names = {number: name for name, number in _CODES.items()}
    name = names.get(max(code.builtinCode, code.deprecatedBuiltinCode), "")
    alike = [other for group in ALIKE if name in group for other in group]
    if alike:
        code.builtinCode = _CODES[draw.choice(alike)]
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)


def _outputs(model: Any, draw: random.Random) -> None:
    """Which tensors the model gives."""
    sub = model.subgraphs[0]
    written = [i for op in sub.operators for i in op.outputs]
    sub.outputs = draw.sample(written, draw.randrange(1, min(len(written), 4) + 1))


def _twice(model: Any, draw: random.Random) -> None:
    """An operator once more behind itself, where its output has the shape of its input."""
    sub = model.subgraphs[0]
    op = draw.choice(sub.operators)
    if len(op.outputs) != 1 or not len(op.inputs):
        return
    source, target = op.inputs[0], op.outputs[0]
    if source < 0 or list(sub.tensors[source].shape) != list(sub.tensors[target].shape):
        return
    again = build.unpack(build.pack(model)).subgraphs[0]
    place = next(i for i, one in enumerate(sub.operators) if one is op)
    tensor = again.tensors[target]
    sub.tensors.append(tensor)
    copy = again.operators[place]
    copy.inputs = [target, *list(op.inputs)[1:]]
    copy.outputs = [len(sub.tensors) - 1]
    sub.operators.insert(place + 1, copy)
    for later in sub.operators[place + 2 :]:
        later.inputs = [len(sub.tensors) - 1 if i == target else i for i in later.inputs]
    sub.outputs = [len(sub.tensors) - 1 if i == target else i for i in sub.outputs]


CHANGES: tuple[Callable[[Any, random.Random], None], ...] = (
    *(_option, _option, _shape, _shape, _scale, _scale, _scale, _zero_point, _zero_point),
    *(_axis, _values, _values, _values, _wire, _kind, _outputs, _twice),
)
