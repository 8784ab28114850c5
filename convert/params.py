"""The integers that each operator computes with: one frozen class per operator family.

`convert.prepare` fills them from a Graph; the reference interpreter and the C emitter read them.

Conventions: `input_offset` is what is added to an input value (minus the zero point),
`output_offset` is added to a rescaled value (the zero point). A `shift` is to the left when
positive. Multipliers are Q0.31 and go through `fixedpoint.multiply_by_quantized_multiplier` ("mbqm"
below); where CONV_2D, DEPTHWISE_CONV_2D and FULLY_CONNECTED work on int16 values, their sums go
through `fixedpoint_wide.multiply_wide_by_quantized_multiplier` instead. Shapes are those of the
.tflite, batch dimension included.
"""

from __future__ import annotations

from dataclasses import dataclass

from convert.params_binary import (
    AddParams,
    ExtremeParams,
    MulParams,
    PreluParams,
    SquaredDifferenceParams,
    SubParams,
)
from convert.params_recurrent import LstmParams, SvdfParams

Shape = tuple[int, ...]


@dataclass(frozen=True)
class WeightedParams:
    """What layers with a filter share: out = clamp(mbqm(bias + sum(w * x')) + output_offset).

    x' is x + input_offset. `multiplier` and `shift` have one entry per output channel or unit, also
    for per-tensor filters.
    """

    has_bias: bool
    input_offset: int
    output_offset: int
    activation_min: int
    activation_max: int
    multiplier: tuple[int, ...]
    shift: tuple[int, ...]


@dataclass(frozen=True)
class ConvolutionParams(WeightedParams):
    """What the two convolutions share; positions outside the input contribute nothing."""

    input_shape: Shape
    filter_shape: Shape
    output_shape: Shape
    stride: tuple[int, int]  # height, width
    dilation: tuple[int, int]
    padding: tuple[int, int]  # rows above, columns left of the input


@dataclass(frozen=True)
class ConvParams(ConvolutionParams):
    """CONV_2D. The filter is (out, height, width, in / groups)."""

    groups: int


@dataclass(frozen=True)
class TransposeConvParams(ConvolutionParams):
    """TRANSPOSE_CONV: input i meets tap k in output i * stride + k - padding, down and across.

    The filter is (out, height, width, in); `padding` is rows and columns that are cut off.
    """


@dataclass(frozen=True)
class DepthwiseConvParams(ConvolutionParams):
    """DEPTHWISE_CONV_2D: output channel = input channel * depth_multiplier + m.

    The filter is (1, height, width, out).
    """

    depth_multiplier: int


@dataclass(frozen=True)
class FullyConnectedParams(WeightedParams):
    """FULLY_CONNECTED over `rows` vectors of `depth` values, filter (units, depth).

    When not `per_channel`, all multipliers and all shifts are equal. `filter_offset` is added to
    each weight (minus its zero point; 0 in every sound model).
    """

    rows: int
    depth: int
    units: int
    per_channel: bool
    filter_offset: int


@dataclass(frozen=True)
class PoolParams:
    """MAX_POOL_2D and AVERAGE_POOL_2D; input and output share scale and zero point.

    The average divides by the positions inside the input, `fixedpoint.divide_half_away`.
    """

    input_shape: Shape
    output_shape: Shape
    stride: tuple[int, int]
    window: tuple[int, int]
    padding: tuple[int, int]
    activation_min: int
    activation_max: int


@dataclass(frozen=True)
class MeanParams:
    """MEAN and SUM: out = clamp(mbqm(sum(x) + sum_offset) + output_offset).

    `multiplier` and `shift` of MEAN already contain 1 / count. `sum_offset` is -zero_point * count.
    `axes` are sorted, distinct and not negative.
    """

    input_shape: Shape
    output_shape: Shape
    axes: tuple[int, ...]
    count: int
    sum_offset: int
    output_offset: int
    multiplier: int
    shift: int


@dataclass(frozen=True)
class ReduceExtremeParams:
    """REDUCE_MAX and REDUCE_MIN over `axes`, as of MEAN; scales and zero points are equal."""

    input_shape: Shape
    output_shape: Shape
    axes: tuple[int, ...]
    largest: bool


@dataclass(frozen=True)
class SoftmaxParams:
    """SOFTMAX over the last dimension: `rows` vectors of `depth` values.

    A difference d = x - max(row) below `diff_min` gives -128; the others go through
    exp(mbqm(d)) with 5 integer bits. `exp_table[-d]` is that exponential in Q0.31 for d in
    [-255, 0], 0 below diff_min, so that C needs no exponential. Outputs have `bits` bits, 8 or 16.
    """

    rows: int
    depth: int
    multiplier: int
    shift: int
    diff_min: int
    exp_table: tuple[int, ...]
    bits: int


@dataclass(frozen=True)
class TableParams:
    """An int8 operator with one input (RELU, TANH, QUANTIZE, ...): out = table[x + 128].

    A byte of uint8 is read and written as the int8 with the same bits.
    """

    size: int
    table: tuple[int, ...]


@dataclass(frozen=True)
class QuantizeParams:
    """QUANTIZE (float32 to int8): out = clamp(round(x / scale) + zero_point).

    Division in float32, halves away from zero. `scale` is a float32 value.
    """

    size: int
    scale: float
    zero_point: int


@dataclass(frozen=True)
class DequantizeParams:
    """DEQUANTIZE (int8 to float32): out = scale * (x - zero_point), rounded once to float32."""

    size: int
    scale: float
    zero_point: int


@dataclass(frozen=True)
class PadParams:
    """PAD and PADV2: `before` and `after` per dimension, filled with `value`."""

    input_shape: Shape
    output_shape: Shape
    before: tuple[int, ...]
    after: tuple[int, ...]
    value: int


@dataclass(frozen=True)
class ReshapeParams:
    """RESHAPE, READ_VARIABLE, ASSIGN_VARIABLE: a copy of `nbytes` bytes."""

    nbytes: int


@dataclass(frozen=True)
class ConcatenationParams:
    """CONCATENATION: `outer` times, `runs[i]` elements of input i after one another."""

    axis: int
    outer: int
    runs: tuple[int, ...]


@dataclass(frozen=True)
class RescaleParams:
    """clamp(mbqm(x + input_offset) + output_offset): QUANTIZE with int16 or to int32, wide RELU."""

    size: int
    types: tuple[str, str]  # "int8", "int16" or (output) "int32", of input and output
    input_offset: int
    multiplier: int
    shift: int
    output_offset: int
    low: int
    high: int


@dataclass(frozen=True)
class WideSoftmaxParams:
    """SOFTMAX of int16 over the last dimension: `rows` vectors of `depth` values.

    mbqm(x - max(row)) is 6553.5 for each e-fold; tables are those of `convert.fixedpoint_wide`.
    """

    rows: int
    depth: int
    multiplier: int
    shift: int


@dataclass(frozen=True)
class WideSigmoidParams:
    """LOGISTIC and TANH of int16: `sigmoid_int16` or `tanh_int16` of `convert.gate_tables`."""

    size: int
    hyperbolic: bool
    multiplier: int
    shift: int


@dataclass(frozen=True)
class WideLeakyReluParams:
    """LEAKY_RELU of int16: clamp(mbqm(x, identity)), below 0 clamp(sign * mbqm(x, the other))."""

    size: int
    identity_multiplier: int
    identity_shift: int
    sign: int  # 1 or -1
    multiplier: int
    shift: int


@dataclass(frozen=True)
class PickParams:
    """RESIZE_NEAREST_NEIGHBOR, MIRROR_PAD, GATHER, ...: runs of the input, some more than once.

    The output is len(places[0]) x len(places[1]) x ... runs of `run` neighbouring elements; run
    (i, j, ...) begins at element places[0][i] + places[1][j] + ... of the input. `item` is bytes
    per element.
    """

    places: tuple[tuple[int, ...], ...]
    run: int
    item: int


@dataclass(frozen=True)
class CopyParams:
    """TRANSPOSE, STRIDED_SLICE, SLICE, SPLIT, SPLIT_V, UNPACK: elements of the input in some order.

    The output is `shape` runs of `run` neighbouring elements; run (i, j, ...) begins at element
    offset + i * stride[0] + j * stride[1] + ... of the input. `item` is bytes per element.
    """

    shape: Shape
    stride: tuple[int, ...]
    offset: int
    run: int
    item: int


Params = (
    ConvParams
    | DepthwiseConvParams
    | TransposeConvParams
    | FullyConnectedParams
    | PoolParams
    | MeanParams
    | ReduceExtremeParams
    | SoftmaxParams
    | AddParams
    | SubParams
    | SquaredDifferenceParams
    | PreluParams
    | MulParams
    | ExtremeParams
    | TableParams
    | QuantizeParams
    | DequantizeParams
    | PadParams
    | ReshapeParams
    | ConcatenationParams
    | RescaleParams
    | WideSoftmaxParams
    | WideSigmoidParams
    | WideLeakyReluParams
    | CopyParams
    | PickParams
    | LstmParams
    | SvdfParams
)
