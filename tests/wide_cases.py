"""Operator cases on int16 values; `tests.op_cases` lists them as the family "int16".

Most are int8 cases with their values widened by 8 bits: scales 256 times smaller, zero points 0,
biases of 64 bits. So multipliers, windows, paddings and saturation are as varied as there.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from tests import op_cases as oc
from tests import tflite_builder as tb
from tests.op_cases import drawing, networks

_TYPES = schema.TensorType
_WIDER = 256
SHARE = {  # of how many drawn cases of a family one is taken
    "conv_2d": 3,
    "depthwise_conv_2d": 3,
    "fully_connected": 3,
    "max_pool_2d": 4,
    "average_pool_2d": 3,
    "mean": 5,
    "softmax": 1,
    "relu": 3,
    "reshape": 3,
    "add": 2,
    "sub": 4,
    "mul": 3,
    "maximum": 4,
    "minimum": 4,
    "transpose": 4,
    "slice": 4,
    "strided_slice": 8,
    "split": 3,
    "split_v": 2,
    "unpack": 3,
    "pack": 3,
    "pad": 2,
    "concatenation": 1,
    "network": 1,
}


def as_int16(model: bytes) -> bytes:
    """An int8 test model with int16 values."""
    made = tb.unpack(model)
    main = made.subgraphs[0]
    weights = set()
    biases = set()
    for op in main.operators:
        code = made.operatorCodes[op.opcodeIndex].builtinCode
        kinds = schema.BuiltinOperator
        if code in (kinds.CONV_2D, kinds.DEPTHWISE_CONV_2D, kinds.FULLY_CONNECTED):
            weights.add(int(op.inputs[1]))
            biases |= {int(i) for i in op.inputs[2:3] if i != -1}
    for index, tensor in enumerate(main.tensors):
        if index in biases:
            tensor.type = _TYPES.INT64
            if tensor.quantization is not None:
                scales = tensor.quantization.scale
                tensor.quantization.scale = [float(s) / _WIDER for s in scales]
            _set_data(made, tensor, _data(made, tensor, np.int32).astype(np.int64) * _WIDER)
        elif tensor.type == _TYPES.INT8 and index not in weights:
            tensor.type = _TYPES.INT16
            q = tensor.quantization
            softmax_out = list(q.scale) == [1 / 256] and list(q.zeroPoint) == [-128]
            q.scale = [1 / 32768] if softmax_out else [float(s) / _WIDER for s in q.scale]
            q.zeroPoint = [0]
            if tensor.buffer:
                _set_data(made, tensor, widened(_data(made, tensor, np.int8), index))
    return tb.pack(made)


def _data(model: schema.ModelT, tensor: schema.TensorT, dtype: type) -> NDArray:
    return np.frombuffer(bytes(model.buffers[tensor.buffer].data), dtype)


def _set_data(model: schema.ModelT, tensor: schema.TensorT, values: NDArray) -> None:
    buffer = tb.AlignedBuffer()
    buffer.data = values.tobytes()
    tensor.buffer = len(model.buffers)
    model.buffers.append(buffer)


def widened(values: NDArray, seed: int = 0) -> NDArray[np.int16]:
    """int8 values as the upper byte of int16 ones; the extremes stay extremes."""
    rng = np.random.default_rng(seed)
    low = rng.integers(0, _WIDER, values.shape)
    low = np.where(values == -128, 0, np.where(values == 127, 255, low))
    return (values.astype(np.int64) * _WIDER + low).astype(np.int16)


def every_value() -> NDArray[np.int16]:
    """All 65,536 values, in clips of 4,096."""
    return np.arange(-32768, 32768).astype(np.int16).reshape(16, 4096)


def cases() -> Iterator[drawing.Made]:
    """All of them."""
    for family, share in SHARE.items():
        for i, (name, model, inputs, portable) in enumerate(oc.FAMILIES[family]()):
            if name.endswith("_value"):  # PADV2, which int16 does not have
                continue
            if name.startswith("mixed"):
                model = networks.mixed(3, hard=False)
            if name[0].isalpha() or i % share == 0:
                yield f"{family}_{name}", as_int16(model), widened(inputs), portable
    yield from _rescaling()
    yield from _curves()
    yield from _softmax()
    yield from _softmax_of_int8()
    yield from _long_sums()


def _rescaling() -> Iterator[drawing.Made]:
    """QUANTIZE between int8 and int16 and between int16, RELU, on every value."""
    numbers = np.random.default_rng(16)

    def draw(low: float, high: float) -> float:
        return float(np.float32(np.exp(numbers.uniform(np.log(low), np.log(high)))))

    plans: list[tuple[str, str, tb.QParams, tb.QParams]] = [
        ("int8", "int16", (1 / 64, 0), (2 / 32767, 0)),  # the converter's way
        ("int16", "int8", (1 / 32768, 0), (1 / 256, -128)),
        ("int8", "int16", (1 / 64, -128), (1 / 64, 0)),
        ("int8", "int16", (1.0, 127), (1 / 4096, 0)),
        ("int16", "int16", (0.125, 0), (0.25, 0)),  # ties
        ("int16", "int8", (0.125, 0), (0.25, 3)),
        ("int16", "int16", (1e-9, 0), (1.0, 0)),
        ("int16", "int16", (1.0, 0), (1 / 32767, 0)),
    ]
    for i in range(4):
        plans.append(("int8", "int16", (draw(0.01, 0.2), 31 * i - 60), (draw(1e-5, 1e-3), 0)))
        plans.append(("int16", "int8", (draw(1e-5, 1e-3), 0), (draw(0.001, 0.2), 31 * i - 60)))
        plans.append(("int16", "int16", (draw(1e-5, 1e-3), 0), (draw(1e-5, 1e-3), 0)))
    for i, (source, output, a, b) in enumerate(plans):
        values = every_value() if source == "int16" else drawing.every_value()
        model = tb.quantize(
            shape=(1, values.shape[1]), dtype=source, input_q=a, output_q=b, output_dtype=output
        )
        yield f"quantize_{i:02}_{source}_to_{output}", model, values, True
    for i, (a, b) in enumerate([((0.125, 0), (0.25, 0)), ((0.0003, 0), (0.0007, 0))]):
        model = as_int16(tb.relu(shape=(1, 4096), input_q=a, output_q=b))
        yield f"relu_every_value_{i}", model, every_value(), True


def _curves() -> Iterator[drawing.Made]:
    """LOGISTIC, TANH and LEAKY_RELU on every value."""
    unit = (1 / 32768, 0)
    scales = (
        2**-12,
        2**-11,
        2**-13,
        2**-12 * 1.0006,
        2**-12 * 1.0009,
        1e-3,
        3.1e-4,
        1e-6,
        0.1,
        1.9,
    )
    for scale in scales:
        for kind in ("LOGISTIC", "TANH"):
            model = _unary(kind, (float(np.float32(scale)), 0), unit)
            yield f"{kind.lower()}_scale{scale:.4g}", model, every_value(), True
    for alpha in (0.3, -0.4, 1.5):
        for a, b in ((1e-4, 3e-4), (7e-4, 1e-4), (0.5, 0.25)):
            options = tb.g.LeakyRelu(alpha)
            model = _unary("LEAKY_RELU", (a, 0), (b, 0), options)
            yield f"leaky_relu_{alpha:g}_{a:g}_{b:g}", model, every_value(), True


def _unary(kind: str, a: tb.QParams, b: tb.QParams, options: tb.g.Options | None = None) -> bytes:
    """int16 in and out, 4096 values."""
    tensors = [
        tb.TensorSpec("input", (1, 4096), "int16", (a[0],), (0,)),
        tb.TensorSpec("output", (1, 4096), "int16", (b[0],), (0,)),
    ]
    return tb.build_model([tb.OpSpec(kind, (0,), (1,), options or tb.g.NoOptions())], tensors)


def _softmax() -> Iterator[drawing.Made]:
    """Two classes that part by every difference, so that every entry of both tables is used."""
    exact = 10 / 65535  # a difference d then is looked up at 32767 - d
    for scale in (exact, exact * 0.37, exact * 2.9, 1.7, 1e-9):
        count = 4096
        pairs = np.empty((16, count, 2), np.int16)
        pairs[..., 0] = 32767
        pairs[..., 1] = every_value()
        model = _softmax_model((1, count, 2), scale)
        yield f"softmax_pairs_{scale:.3g}", model, pairs, True
    equal = np.stack([np.full((1, 200), v, np.int16) for v in (-32768, 0, 32767)])[:, 0]
    yield "softmax_200_equal", _softmax_model((1, 200), exact), equal, True


def _softmax_model(shape: tuple[int, ...], scale: float) -> bytes:
    made = tb.unpack(tb.softmax(shape=shape, input_q=(scale * _WIDER, 0)))
    return as_int16(tb.pack(made))


def _softmax_of_int8() -> Iterator[drawing.Made]:
    """SOFTMAX of int8 that gives int16, and QUANTIZE to int32 behind it."""
    for i, (name, model, inputs, portable) in enumerate(oc.FAMILIES["softmax"]()):
        made = tb.unpack(model)
        output = made.subgraphs[0].tensors[1]
        output.type = _TYPES.INT16
        output.quantization.scale = [1 / 65536 if i % 3 else 1.5259021893143654e-05]
        output.quantization.zeroPoint = [-32768]
        yield f"softmax_of_int8_{name}", tb.pack(made), inputs, portable
    for i, (a, b) in enumerate([((1 / 65536, -32768), (2 / 65536, 0)), ((0.3, 0), (0.7, 0))]):
        model = tb.quantize(
            shape=(1, 4096), dtype="int16", input_q=a, output_q=b, output_dtype="int32"
        )
        yield f"quantize_int16_to_int32_{i}", model, every_value(), True
    model = tb.quantize(shape=(1, 256), input_q=(0.1, -7), output_q=(1e-5, 0), output_dtype="int32")
    yield "quantize_int8_to_int32", model, drawing.every_value(), True
    tensors = [
        tb.activation_tensor("input", (1, 12), (0.1, 3)),
        tb.TensorSpec("shares", (1, 12), "int16", (1 / 65536,), (-32768,)),
        tb.TensorSpec("output", (1, 12), "int32", (1 / 65536,), (0,)),
    ]
    ops = [tb.OpSpec("SOFTMAX", (0,), (1,), tb.g.Softmax(1.0)), tb.OpSpec("QUANTIZE", (1,), (2,))]
    clips = drawing.clips_of((1, 12), 3, "softmax and quantize")
    yield "softmax_of_int8_to_int32", tb.build_model(ops, tensors), clips, True


def _long_sums() -> Iterator[drawing.Made]:
    """Sums that need more than 32 bits, and biases that do."""
    rng = np.random.default_rng(64)
    extremes = np.full((3, 3000), -32768, np.int16)
    extremes[1] = 32767
    extremes[2] = rng.integers(-32768, 32768, 3000)
    for bias in (0, 2**43, -(2**46)):
        model = tb.unpack(
            as_int16(
                tb.fully_connected(
                    inputs=3000,
                    units=5,
                    weights=np.full((5, 3000), -128),
                    weight_scale=0.01,
                    output_q=(4.0, 0),
                )
            )
        )
        tensor = model.subgraphs[0].tensors[2]
        _set_data(model, tensor, np.array([bias, bias + 1, -bias, 7, -7], np.int64))
        yield f"fully_connected_long_bias_{bias}", tb.pack(model), extremes, True
