"""A .tflite of tensors and operators that are written down; see `tests.tflite_builder`."""

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
    "resource": (schema.TensorType.RESOURCE, np.int32),
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


Part = tuple[Sequence[OpSpec], Sequence[TensorSpec]]
"""Operators and tensors of another subgraph."""


class AlignedBuffer(schema.BufferT):
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
    more: Sequence[Part] = (),
    description: str = "made by a test",
) -> bytes:
    """The bytes of a .tflite with these operators, in this order.

    `more` are further subgraphs, without inputs and outputs. `inputs` defaults to the activations
    that no operator writes, `outputs` to the written ones that no operator reads.
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
    parts = [(ops, tensors), *more]
    kinds = sorted({op.kind for part, _ in parts for op in part})
    model.operatorCodes = [_code(kind) for kind in kinds]
    for number, (operators, specs) in enumerate(parts):
        sub = schema.SubGraphT()
        sub.name = f"subgraph {number}"
        sub.inputs, sub.outputs = (list(inputs), list(outputs)) if number == 0 else ([], [])
        sub.tensors = [_tensor(spec, model.buffers) for spec in specs]
        sub.operators = [_operator(op, kinds.index(op.kind)) for op in operators]
        model.subgraphs = [*(model.subgraphs or []), *[sub] * (subgraphs if number == 0 else 1)]
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
        buffer = AlignedBuffer()
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
    elif isinstance(o, g.TransposeConv):
        made = schema.TransposeConvOptionsT()
    elif isinstance(o, g.Pool2D):
        made = schema.Pool2DOptionsT()
        made.filterHeight, made.filterWidth = o.window
    elif isinstance(o, g.FullyConnected):
        made = schema.FullyConnectedOptionsT()
        made.keepNumDims = o.keep_dims
    elif isinstance(o, g.Add | g.Sub | g.Mul):
        made = getattr(schema, f"{type(o).__name__}OptionsT")()
    elif isinstance(o, g.LeakyRelu):
        made = schema.LeakyReluOptionsT()
        made.alpha = o.alpha
    elif isinstance(o, g.Pack):
        made = schema.PackOptionsT()
        made.axis, made.valuesCount = o.axis, len(spec.inputs)
    elif isinstance(o, g.Part) and spec.kind == "UNPACK":
        made = schema.UnpackOptionsT()
        made.axis, made.num = o.axis, len(spec.outputs)
    elif isinstance(o, g.Part):
        made = schema.SplitOptionsT() if spec.kind == "SPLIT" else schema.SplitVOptionsT()
        made.numSplits = len(spec.outputs)
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
    elif isinstance(o, g.Resize):
        made = schema.ResizeNearestNeighborOptionsT()
        made.alignCorners, made.halfPixelCenters = o.align_corners, o.half_pixel_centers
    elif isinstance(o, g.MirrorPad):
        made = schema.MirrorPadOptionsT()
        made.mode = int(o.symmetric)
    elif isinstance(o, g.Gather):
        made = schema.GatherOptionsT()
        made.axis, made.batchDims = o.axis, o.batch_dims
    elif isinstance(o, g.Block):
        depth = spec.kind == "DEPTH_TO_SPACE"
        made = schema.DepthToSpaceOptionsT() if depth else schema.SpaceToDepthOptionsT()
        made.blockSize = o.size
    elif isinstance(o, g.VarHandle):
        made = schema.VarHandleOptionsT()
        made.container, made.sharedName = "", o.name
    elif isinstance(o, g.CallOnce):
        made = schema.CallOnceOptionsT()
        made.initSubgraphIndex = o.subgraph
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


def activation_tensor(
    name: str, shape: Sequence[int], q: QParams = (1 / 64, 0), **more
) -> TensorSpec:
    """An int8 activation."""
    return TensorSpec(name, tuple(shape), "int8", (q[0],), (q[1],), **more)


def constant(name: str, values, dtype: str = "int32") -> TensorSpec:
    """A constant without quantization (axes, paddings, shapes)."""
    array = np.asarray(values, TYPES[dtype][1])
    return TensorSpec(name, array.shape, dtype, (), (), data=array)
