"""Small .tflite files made on the spot: `build_model`, and one function per operator.

Everything is deterministic: weights come from `seed`. The one-operator functions take shapes,
options and quantization by keyword and default to something ordinary; they return the file's bytes.

    data = conv_2d(height=7, width=5, channels=3, filters=4, stride=(2, 1), padding="valid")
    x, y = TensorSpec("x", (1, 4)), TensorSpec("y", (1, 4))
    data = build_model([OpSpec("RELU", (0,), (1,))], [x, y])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import flatbuffers
import numpy as np
from numpy.typing import NDArray
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from convert import graph as g

TYPES = {
    "int8": (schema.TensorType.INT8, np.int8),
    "int16": (schema.TensorType.INT16, np.int16),
    "int32": (schema.TensorType.INT32, np.int32),
    "int64": (schema.TensorType.INT64, np.int64),
    "uint8": (schema.TensorType.UINT8, np.uint8),
    "float32": (schema.TensorType.FLOAT32, np.float32),
    "float16": (schema.TensorType.FLOAT16, np.float16),
    "bool": (schema.TensorType.BOOL, np.bool_),
    "int4": (schema.TensorType.INT4, np.uint8),
}
_ACTIVATIONS = {
    "none": schema.ActivationFunctionType.NONE,
    "relu": schema.ActivationFunctionType.RELU,
    "relu_n1_to_1": schema.ActivationFunctionType.RELU_N1_TO_1,
    "relu6": schema.ActivationFunctionType.RELU6,
    "tanh": schema.ActivationFunctionType.TANH,
    "sign_bit": schema.ActivationFunctionType.SIGN_BIT,
}
_PADDINGS = {"same": schema.Padding.SAME, "valid": schema.Padding.VALID}
_NO_OPTIONS = g.NoOptions()

QParams = tuple[float, int]  # scale, zero point


@dataclass(frozen=True)
class TensorSpec:
    """One tensor; `scale` empty means not quantized; `data` makes it a constant."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "int8"
    scale: tuple[float, ...] = (1 / 64,)
    zero_point: tuple[int, ...] = (0,)
    axis: int = 0
    data: NDArray | bytes | None = None
    variable: bool = False
    shape_signature: tuple[int, ...] | None = None
    sparse: bool = False


@dataclass(frozen=True)
class OpSpec:
    """One operator; `kind` as in the schema, or "CUSTOM:<name>"."""

    kind: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: g.Options = _NO_OPTIONS
    new_shape: tuple[int, ...] | None = None  # RESHAPE only


class _AlignedBuffer(schema.BufferT):
    """Writes its data at a multiple of 16 bytes, as the schema demands."""

    def Pack(self, builder):
        if self.data is None:
            return super().Pack(builder)
        builder.StartVector(1, len(self.data), 16)
        builder.head = builder.Head() - len(self.data)
        builder.Bytes[builder.Head() : builder.Head() + len(self.data)] = bytes(self.data)
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


def build_model(
    ops: Sequence[OpSpec],
    tensors: Sequence[TensorSpec],
    inputs: Sequence[int] | None = None,
    outputs: Sequence[int] | None = None,
    *,
    subgraphs: int = 1,
    description: str = "made by a test",
) -> bytes:
    """The bytes of a .tflite with these operators, in this order.

    `inputs` defaults to the activations that no operator writes, `outputs` to the written ones that
    no operator reads.
    """
    read = {i for op in ops for i in op.inputs}
    written = {i for op in ops for i in op.outputs}
    if inputs is None:
        inputs = [
            i
            for i, t in enumerate(tensors)
            if t.data is None and i not in written and not t.variable
        ]
    if outputs is None:
        outputs = [i for i in sorted(written) if i not in read]
    model = schema.ModelT()
    model.version = 3
    model.description = description
    model.buffers = [schema.BufferT()]
    sub = schema.SubGraphT()
    sub.name = "main"
    sub.inputs, sub.outputs = list(inputs), list(outputs)
    sub.tensors = [_tensor(spec, model.buffers) for spec in tensors]
    kinds = sorted({op.kind for op in ops})
    model.operatorCodes = [_code(kind) for kind in kinds]
    sub.operators = [_operator(op, kinds.index(op.kind)) for op in ops]
    model.subgraphs = [sub] * subgraphs
    return pack(model)


def pack(model: schema.ModelT) -> bytes:
    """A model of the object API as bytes."""
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def unpack(data: bytes) -> schema.ModelT:
    """The object API's view of a model, to change it and `pack` it again."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))


def _tensor(spec: TensorSpec, buffers: list) -> schema.TensorT:
    tensor = schema.TensorT()
    tensor.name = spec.name
    tensor.shape = list(spec.shape)
    tensor.type = TYPES[spec.dtype][0]
    tensor.isVariable = spec.variable
    if spec.shape_signature is not None:
        tensor.shapeSignature = list(spec.shape_signature)
    if spec.sparse:
        tensor.sparsity = schema.SparsityParametersT()
        tensor.sparsity.traversalOrder = [0]
    if spec.scale and spec.dtype not in ("float32", "float16", "bool"):
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = list(spec.scale)
        zero_points = spec.zero_point
        if len(zero_points) == 1:
            zero_points = zero_points * len(spec.scale)
        tensor.quantization.zeroPoint = list(zero_points)
        tensor.quantization.quantizedDimension = spec.axis
    tensor.buffer = 0
    if spec.data is not None:
        buffer = _AlignedBuffer()
        if isinstance(spec.data, bytes):
            buffer.data = spec.data
        else:
            buffer.data = np.ascontiguousarray(spec.data, TYPES[spec.dtype][1]).tobytes()
        tensor.buffer = len(buffers)
        buffers.append(buffer)
    return tensor


def _code(kind: str) -> schema.OperatorCodeT:
    code = schema.OperatorCodeT()
    code.version = 1
    if kind.startswith("CUSTOM:"):
        code.customCode = kind.removeprefix("CUSTOM:")
        kind = "CUSTOM"
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode = min(code.builtinCode, 127)
    return code


def _operator(spec: OpSpec, code: int) -> schema.OperatorT:
    op = schema.OperatorT()
    op.opcodeIndex = code
    op.inputs, op.outputs = list(spec.inputs), list(spec.outputs)
    name, made = _options(spec)
    op.builtinOptionsType = getattr(schema.BuiltinOptions, name)
    op.builtinOptions = made
    return op


def _options(spec: OpSpec) -> tuple[str, object | None]:
    o = spec.options
    made = None
    if isinstance(o, g.Conv2D | g.DepthwiseConv2D):
        name = type(o).__name__ + "Options"
        made = getattr(schema, name + "T")()
        made.dilationHFactor, made.dilationWFactor = o.dilation
        if isinstance(o, g.DepthwiseConv2D):
            made.depthMultiplier = o.multiplier
    elif isinstance(o, g.Pool2D):
        made = schema.Pool2DOptionsT()
        made.filterHeight, made.filterWidth = o.window
    elif isinstance(o, g.FullyConnected):
        made = schema.FullyConnectedOptionsT()
        made.keepNumDims = o.keep_dims
    elif isinstance(o, g.Add):
        made = schema.AddOptionsT()
    elif isinstance(o, g.Concatenation):
        made = schema.ConcatenationOptionsT()
        made.axis = o.axis
    elif isinstance(o, g.Softmax):
        made = schema.SoftmaxOptionsT()
        made.beta = o.beta
    elif isinstance(o, g.Mean):
        made = schema.ReducerOptionsT()
        made.keepDims = o.keep_dims
    elif spec.kind == "RESHAPE" and spec.new_shape is not None:
        made = schema.ReshapeOptionsT()
        made.newShape = list(spec.new_shape)
    elif isinstance(o, g.Lstm):
        made = schema.UnidirectionalSequenceLSTMOptionsT()
        made.cellClip, made.projClip = o.cell_clip, o.projection_clip
        made.timeMajor, made.diagonalRecurrentTensors = o.time_major, o.diagonal
    elif isinstance(o, g.Svdf):
        made = schema.SVDFOptionsT()
        made.rank = o.rank
    elif isinstance(o, g.StridedSlice):
        made = schema.StridedSliceOptionsT()
        made.beginMask, made.endMask = o.begin_mask, o.end_mask
        made.shrinkAxisMask, made.newAxisMask = o.shrink_mask, int(o.other)
    if made is None:
        return "NONE", None
    if hasattr(o, "padding"):
        made.padding = _PADDINGS[o.padding]
    if hasattr(o, "stride"):
        made.strideH, made.strideW = o.stride
    if hasattr(o, "activation"):
        made.fusedActivationFunction = _ACTIVATIONS[o.activation]
    return type(made).__name__.removesuffix("T"), made


# One-operator models ------------------------------------------------------------------------------


def output_extent(size: int, window: int, stride: int, dilation: int, padding: str) -> int:
    """Output height or width of a window operator."""
    reach = (window - 1) * dilation + 1
    return -(-size // stride) if padding == "same" else (size - reach) // stride + 1


def activation_tensor(
    name: str, shape: Sequence[int], q: QParams = (1 / 64, 0), **more
) -> TensorSpec:
    """An int8 activation."""
    return TensorSpec(name, tuple(shape), "int8", (q[0],), (q[1],), **more)


def constant(name: str, values, dtype: str = "int32") -> TensorSpec:
    """A constant without quantization (axes, paddings, shapes)."""
    array = np.asarray(values, TYPES[dtype][1])
    return TensorSpec(name, array.shape, dtype, (), (), data=array)


def _weights(
    rng: np.random.Generator,
    shape: tuple[int, ...],
    axis: int,
    per_channel: bool,
    scale: float | Sequence[float] | None,
    data: NDArray | None,
) -> TensorSpec:
    channels = shape[axis]
    if scale is None:
        drawn = rng.uniform(0.002, 0.02, channels if per_channel else 1)
        scales = tuple(float(np.float32(s)) for s in drawn)
    elif isinstance(scale, int | float):
        scales = (float(scale),) * (channels if per_channel else 1)
    else:
        scales = tuple(scale)
    if data is None:
        data = rng.integers(-127, 128, shape)
    return TensorSpec("weights", shape, "int8", scales, (0,), axis, np.asarray(data, np.int8))


def _bias(
    rng: np.random.Generator,
    channels: int,
    input_scale: float,
    weights: TensorSpec,
    data: NDArray | None,
) -> TensorSpec:
    scales = tuple(float(np.float32(input_scale) * np.float32(s)) for s in weights.scale)
    if data is None:
        data = rng.integers(-4000, 4001, channels)
    return TensorSpec("bias", (channels,), "int32", scales, (0,), 0, np.asarray(data, np.int32))


def conv_2d(
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    filters: int = 4,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: g.Padding = "same",
    activation: g.Activation = "none",
    per_channel: bool = True,
    bias: bool = True,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.05, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """CONV_2D; weights (filters, kernel height, kernel width, channels)."""
    rng = np.random.default_rng(seed)
    w = _weights(rng, (filters, *kernel, channels), 0, per_channel, weight_scale, weights)
    size = [
        output_extent(s, k, t, d, padding)
        for s, k, t, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), input_q),
        w,
        _bias(rng, filters, input_q[0], w, bias_data),
        activation_tensor("output", (batch, *size, filters), output_q),
    ]
    options = g.Conv2D(padding, stride, dilation, activation)
    op = OpSpec("CONV_2D", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def depthwise_conv_2d(
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    multiplier: int = 1,
    kernel: tuple[int, int] = (3, 3),
    stride: tuple[int, int] = (1, 1),
    dilation: tuple[int, int] = (1, 1),
    padding: g.Padding = "same",
    activation: g.Activation = "none",
    per_channel: bool = True,
    bias: bool = True,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.03, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """DEPTHWISE_CONV_2D; weights (1, kernel height, kernel width, channels * multiplier)."""
    rng = np.random.default_rng(seed)
    made = channels * multiplier
    w = _weights(rng, (1, *kernel, made), 3, per_channel, weight_scale, weights)
    size = [
        output_extent(s, k, t, d, padding)
        for s, k, t, d in zip((height, width), kernel, stride, dilation, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), input_q),
        w,
        _bias(rng, made, input_q[0], w, bias_data),
        activation_tensor("output", (batch, *size, made), output_q),
    ]
    options = g.DepthwiseConv2D(padding, stride, multiplier, dilation, activation)
    op = OpSpec("DEPTHWISE_CONV_2D", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def fully_connected(
    *,
    batch: int = 1,
    inputs: int = 12,
    units: int = 5,
    activation: g.Activation = "none",
    per_channel: bool = False,
    bias: bool = True,
    keep_dims: bool = False,
    input_shape: tuple[int, ...] | None = None,
    output_shape: tuple[int, ...] | None = None,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (0.05, -7),
    weight_scale: float | Sequence[float] | None = None,
    weights: NDArray | None = None,
    bias_data: NDArray | None = None,
    seed: int = 0,
) -> bytes:
    """FULLY_CONNECTED; weights (units, inputs)."""
    rng = np.random.default_rng(seed)
    w = _weights(rng, (units, inputs), 0, per_channel, weight_scale, weights)
    tensors = [
        activation_tensor("input", input_shape or (batch, inputs), input_q),
        w,
        _bias(rng, units, input_q[0], w, bias_data),
        activation_tensor("output", output_shape or (batch, units), output_q),
    ]
    options = g.FullyConnected(activation, keep_dims)
    op = OpSpec("FULLY_CONNECTED", (0, 1, 2 if bias else -1), (3,), options)
    return build_model([op], tensors)


def pool_2d(
    kind: str = "MAX_POOL_2D",
    *,
    batch: int = 1,
    height: int = 6,
    width: int = 5,
    channels: int = 3,
    window: tuple[int, int] = (2, 2),
    stride: tuple[int, int] = (2, 2),
    padding: g.Padding = "valid",
    activation: g.Activation = "none",
    q: QParams = (1 / 64, 3),
) -> bytes:
    """MAX_POOL_2D or AVERAGE_POOL_2D."""
    size = [
        output_extent(s, k, t, 1, padding)
        for s, k, t in zip((height, width), window, stride, strict=True)
    ]
    tensors = [
        activation_tensor("input", (batch, height, width, channels), q),
        activation_tensor("output", (batch, *size, channels), q),
    ]
    op = OpSpec(kind, (0,), (1,), g.Pool2D(padding, stride, window, activation))
    return build_model([op], tensors)


def max_pool_2d(**keywords) -> bytes:
    """MAX_POOL_2D."""
    return pool_2d("MAX_POOL_2D", **keywords)


def average_pool_2d(**keywords) -> bytes:
    """AVERAGE_POOL_2D."""
    return pool_2d("AVERAGE_POOL_2D", **keywords)


def mean(
    *,
    shape: tuple[int, ...] = (1, 4, 5, 3),
    axes: tuple[int, ...] = (1, 2),
    keep_dims: bool = False,
    input_q: QParams = (1 / 64, 3),
    output_q: QParams = (1 / 64, 3),
) -> bytes:
    """MEAN over `axes` (negative ones count from the end)."""
    chosen = {a % len(shape) for a in axes}
    kept = [1 if i in chosen else s for i, s in enumerate(shape) if keep_dims or i not in chosen]
    tensors = [
        activation_tensor("input", shape, input_q),
        constant("axes", axes),
        activation_tensor("output", kept, output_q),
    ]
    return build_model([OpSpec("MEAN", (0, 1), (2,), g.Mean(keep_dims))], tensors)


def softmax(
    *,
    shape: tuple[int, ...] = (1, 10),
    beta: float = 1.0,
    input_q: QParams = (0.1, 4),
    output_q: QParams = (1 / 256, -128),
) -> bytes:
    """SOFTMAX over the last dimension."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec("SOFTMAX", (0,), (1,), g.Softmax(beta))], tensors)


def logistic(
    *,
    shape: tuple[int, ...] = (1, 10),
    input_q: QParams = (0.1, 4),
    output_q: QParams = (1 / 256, -128),
) -> bytes:
    """LOGISTIC."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec("LOGISTIC", (0,), (1,))], tensors)


def relu(
    kind: str = "RELU",
    *,
    shape: tuple[int, ...] = (1, 10),
    input_q: QParams = (0.1, 4),
    output_q: QParams = (0.06, -128),
) -> bytes:
    """RELU or RELU6 (or RELU_N1_TO_1) as an operator of its own."""
    tensors = [
        activation_tensor("input", shape, input_q),
        activation_tensor("output", shape, output_q),
    ]
    return build_model([OpSpec(kind, (0,), (1,))], tensors)


def relu6(*, shape: tuple[int, ...] = (1, 10), q: QParams = (0.1, 4)) -> bytes:
    """RELU6; TFLite Micro clamps without rescaling."""
    return relu("RELU6", shape=shape, input_q=q, output_q=q)


def reshape(
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    new_shape: tuple[int, ...] = (1, 12),
    target: str = "tensor",
    request: tuple[int, ...] | None = None,
    q: QParams = (1 / 64, 3),
) -> bytes:
    """RESHAPE; the wanted shape (`request`, default `new_shape`) as "tensor" or "option"."""
    wanted = request if request is not None else new_shape
    tensors = [activation_tensor("input", shape, q), activation_tensor("output", new_shape, q)]
    if target == "tensor":
        tensors.append(constant("shape", wanted))
        op = OpSpec("RESHAPE", (0, 2), (1,))
    else:
        op = OpSpec("RESHAPE", (0,), (1,), new_shape=wanted)
    return build_model([op], tensors, [0], [1])


def add(
    *,
    shape: tuple[int, ...] = (1, 4, 3),
    other_shape: tuple[int, ...] | None = None,
    other_data: NDArray | None = None,
    activation: g.Activation = "none",
    a_q: QParams = (0.02, 3),
    b_q: QParams = (0.03, -5),
    output_q: QParams = (0.04, 1),
) -> bytes:
    """ADD; `other_shape` for broadcasting, `other_data` for a constant second operand."""
    b_shape = other_shape or shape
    tensors = [
        activation_tensor("a", shape, a_q),
        activation_tensor("b", b_shape, b_q, data=other_data),
        activation_tensor("output", np.broadcast_shapes(shape, b_shape), output_q),
    ]
    return build_model([OpSpec("ADD", (0, 1), (2,), g.Add(activation))], tensors)


def pad(
    *,
    shape: tuple[int, ...] = (1, 4, 3, 2),
    paddings: Sequence[tuple[int, int]] = ((0, 0), (1, 2), (0, 1), (0, 0)),
    kind: str = "PAD",
    dtype: str = "int32",
    q: QParams = (1 / 64, 3),
) -> bytes:
    """PAD with the zero point."""
    grown = [s + a + b for s, (a, b) in zip(shape, paddings, strict=True)]
    tensors = [
        activation_tensor("input", shape, q),
        constant("paddings", paddings, dtype),
        activation_tensor("output", grown, q),
    ]
    return build_model([OpSpec(kind, (0, 1), (2,))], tensors)


def quantize(
    *,
    shape: tuple[int, ...] = (1, 10),
    dtype: str = "int8",
    input_q: QParams = (0.1, 4),
    output_q: QParams = (0.06, -5),
    output_dtype: str = "int8",
) -> bytes:
    """QUANTIZE from `dtype` ("float32" quantizes, the others requantize) to `output_dtype`."""
    tensors = [
        TensorSpec("input", shape, dtype, (input_q[0],), (input_q[1],)),
        TensorSpec("output", shape, output_dtype, (output_q[0],), (output_q[1],)),
    ]
    return build_model([OpSpec("QUANTIZE", (0,), (1,))], tensors)


def dequantize(*, shape: tuple[int, ...] = (1, 10), input_q: QParams = (0.1, 4)) -> bytes:
    """DEQUANTIZE from int8 to float32."""
    tensors = [activation_tensor("input", shape, input_q), TensorSpec("output", shape, "float32")]
    return build_model([OpSpec("DEQUANTIZE", (0,), (1,))], tensors)


def concatenation(
    *,
    shapes: Sequence[tuple[int, ...]] = ((1, 4, 3), (1, 4, 2)),
    axis: int = 2,
    activation: g.Activation = "none",
    input_qs: Sequence[QParams] | None = None,
    output_q: QParams = (1 / 64, 3),
) -> bytes:
    """CONCATENATION along `axis`."""
    qs = input_qs or [output_q] * len(shapes)
    joined = list(shapes[0])
    joined[axis] = sum(s[axis] for s in shapes)
    tensors = [
        activation_tensor(f"input{i}", s, q)
        for i, (s, q) in enumerate(zip(shapes, qs, strict=True))
    ]
    tensors.append(activation_tensor("output", joined, output_q))
    places = tuple(range(len(shapes)))
    op = OpSpec("CONCATENATION", places, (len(shapes),), g.Concatenation(axis, activation))
    return build_model([op], tensors)


SINGLE = {
    "CONV_2D": conv_2d,
    "DEPTHWISE_CONV_2D": depthwise_conv_2d,
    "FULLY_CONNECTED": fully_connected,
    "MAX_POOL_2D": max_pool_2d,
    "AVERAGE_POOL_2D": average_pool_2d,
    "MEAN": mean,
    "SOFTMAX": softmax,
    "LOGISTIC": logistic,
    "RELU": relu,
    "RELU6": relu6,
    "RESHAPE": reshape,
    "ADD": add,
    "PAD": pad,
    "QUANTIZE": quantize,
    "DEQUANTIZE": dequantize,
    "CONCATENATION": concatenation,
}
