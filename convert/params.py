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
    """MEAN: out = clamp(mbqm(sum(x) + sum_offset) + output_offset).

    `multiplier` and `shift` already contain 1 / count. `sum_offset` is -zero_point * count.
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
    [-255, 0], 0 below diff_min, so that C needs no exponential.
    """

    rows: int
    depth: int
    multiplier: int
    shift: int
    diff_min: int
    exp_table: tuple[int, ...]


@dataclass(frozen=True)
class BinaryParams:
    """Two inputs and an output whose shapes broadcast as in NumPy; shapes are as in the model."""

    input1_shape: Shape
    input2_shape: Shape
    output_shape: Shape


@dataclass(frozen=True)
class SumParams(BinaryParams):
    """Both inputs shifted left by `left_shift`, rescaled, joined, rescaled, clamped."""

    left_shift: int
    input1_offset: int
    input1_multiplier: int
    input1_shift: int
    input2_offset: int
    input2_multiplier: int
    input2_shift: int
    output_offset: int
    output_multiplier: int
    output_shift: int
    activation_min: int
    activation_max: int


@dataclass(frozen=True)
class AddParams(SumParams):
    """ADD: the sum of the inputs."""


@dataclass(frozen=True)
class SubParams(SumParams):
    """SUB: the first input less the second."""


@dataclass(frozen=True)
class SquaredDifferenceParams(SumParams):
    """SQUARED_DIFFERENCE: the square of the first input less the second."""


@dataclass(frozen=True)
class PreluParams(BinaryParams):
    """PRELU: x' = x + input_offset; clamp(mbqm(x', above) + output_offset) from 0 up, below it
    clamp(mbqm(x' * (slope + slope_offset), below) + output_offset).
    """

    input_offset: int
    slope_offset: int
    output_offset: int
    above_multiplier: int
    above_shift: int
    below_multiplier: int
    below_shift: int


@dataclass(frozen=True)
class MulParams(BinaryParams):
    """MUL: clamp(mbqm((x + input1_offset) * (y + input2_offset)) + output_offset)."""

    input1_offset: int
    input2_offset: int
    output_offset: int
    multiplier: int
    shift: int
    activation_min: int
    activation_max: int


@dataclass(frozen=True)
class ExtremeParams(BinaryParams):
    """MAXIMUM and MINIMUM: the larger or the smaller value; scales and zero points are equal."""

    largest: bool


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
    """QUANTIZE to or from int16, RELU of int16: clamp(mbqm(x + input_offset) + output_offset)."""

    size: int
    types: tuple[str, str]  # "int8" or "int16", of input and output
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


@dataclass(frozen=True)
class LstmGate:
    """One gate: clamp16(mbqm(bias + sum(w * (x + input_offset)), input ...)) and the same of the
    hidden state, added and clamped to int16: the gate's argument in Q3.12.
    """

    input_multiplier: int
    input_shift: int
    hidden_multiplier: int
    hidden_shift: int


@dataclass(frozen=True)
class LstmParams:
    """UNIDIRECTIONAL_SEQUENCE_LSTM, int8 with int16 cells; `gates` are input, forget, cell, output.

    With i, f, o the sigmoids and g the tanh of the gates (Q0.15), for each step:
    cell = clip(clamp16(clamp16(mbqm(f * cell, forget)) + clamp16(mbqm(i * g, update)))),
    hidden = output = clamp(mbqm(tanh(cell) * o, output) + output_offset). The clip is to
    [-cell_clip, cell_clip], none when 0. `tanh_multiplier` and `tanh_shift` take a cell to the
    argument of `gate_tables.tanh_int16`. Hidden and cell state are (batches, units).
    """

    batches: int
    steps: int
    depth: int
    units: int
    time_major: bool
    input_offset: int
    hidden_offset: int
    output_offset: int
    gates: tuple[LstmGate, LstmGate, LstmGate, LstmGate]
    forget_multiplier: int
    forget_shift: int
    update_multiplier: int
    update_shift: int
    output_multiplier: int
    output_shift: int
    tanh_multiplier: int
    tanh_shift: int
    cell_clip: int
    sigmoid_table: tuple[int, ...]  # uint16, 256 entries


@dataclass(frozen=True)
class SvdfParams:
    """SVDF, int8: a projection of the input, remembered, weighted over time and summed.

    state[f] moves left by one and takes clamp(mbqm(sum(w_f * (x + input_offset)), feature)) +
    state_offset at its end, in 8 bits; out[u] = clamp(mbqm(bias + sum over its `rank` filters and
    `memory` values of w_time * (state - state_offset), time) + output_offset). The state is
    (batches, units * rank, memory).
    """

    batches: int
    depth: int
    units: int
    rank: int
    memory: int
    has_bias: bool
    input_offset: int
    state_offset: int
    output_offset: int
    feature_multiplier: int
    feature_shift: int
    time_multiplier: int
    time_shift: int


Params = (
    ConvParams
    | DepthwiseConvParams
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
    | LstmParams
    | SvdfParams
)
