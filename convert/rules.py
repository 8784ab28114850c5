"""What each operator takes as interpreter-free C: element types and constraints.

The constraints are functions of the modules `convert.constraints*`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from convert import constraints as c
from convert import constraints_moves as moves
from convert import constraints_picks as picks
from convert import constraints_plain as plain
from convert import constraints_recurrent as recurrent
from convert import constraints_weighted as weighted
from convert import constraints_wide as wide
from convert import constraints_windows as windows
from convert.graph import DType, Graph, Op
from convert.prepare_recurrent import LSTM_UNUSED

OpConstraint = Callable[[Graph, Op], c.Verdict]
Types = tuple[DType, ...]

_INT8: Types = ("int8",)
_INT32: Types = ("int32",)
_WEIGHT: Types = ("int8", "int4")
_VALUES: Types = ("int8", "int16")
_INDEX: Types = ("int32", "int64")
_BIAS: Types = ("int32", "int64")


@dataclass(frozen=True)
class Rule:
    """What one operator takes: allowed element types by input, and its own constraints."""

    inputs: tuple[Types, ...]
    constraints: tuple[OpConstraint, ...]
    optional: int = 0  # how many of the last inputs may be absent
    variadic: bool = False  # any number of inputs of the first's type
    output: Types = _INT8
    absent: tuple[int, ...] = ()  # other inputs that may be -1


MODEL_CONSTRAINTS = (
    c.model_has_operators,
    c.model_is_int8,
    c.model_has_batch_1,
    c.model_computes_its_outputs,
)
# `_has_arity` and `_has_types` of `convert.supported` come before these.
COMMON_CONSTRAINTS: tuple[OpConstraint, ...] = (
    c.has_static_shapes,
    c.fits_a_microcontroller,
    c.is_quantized,
    c.has_computed_input,
    wide.keeps_one_type,
)
_ACTIVATION = (c.has_known_activation, c.has_expressible_activation)
_WEIGHTS = (
    weighted.has_constant_weights,
    weighted.has_symmetric_weights,
    weighted.has_weight_scales,
    weighted.has_fitting_bias,
    wide.has_fitting_types,
    weighted.has_bounded_sums,
    wide.has_bounded_wide_sums,
    c.has_moderate_rescaling,
    wide.has_moderate_wide_rescaling,
    *_ACTIVATION,
)
_WINDOW = (
    windows.has_four_dimensions,
    windows.has_small_steps,
    windows.has_matching_window,
    windows.has_matching_channels,
)
_CONVOLUTION = Rule((_VALUES, _WEIGHT, _BIAS), (*_WINDOW, *_WEIGHTS), optional=1, output=_VALUES)
_REMEMBERS = (
    recurrent.keeps_its_states,
    recurrent.has_constant_plain_weights,
)
_POOL = Rule(
    (_VALUES,),
    (*_WINDOW, windows.has_nearly_equal_quantization, *_ACTIVATION),
    output=_VALUES,
)

_SUM = Rule(
    (_VALUES, _VALUES),
    (plain.broadcasts_to_output, plain.has_moderate_output_scale, *_ACTIVATION),
    output=_VALUES,
)
_EXTREME = Rule(
    (_VALUES, _VALUES), (plain.broadcasts_to_output, c.has_equal_quantization), output=_VALUES
)
_REDUCTION = Rule((_INT8, _INT32), (plain.has_constant_axes, c.has_equal_quantization))
_VARIABLE = Rule((_VALUES,), (plain.has_equal_shapes, c.has_equal_quantization), output=_VALUES)

_BLOCKS = Rule((_INT8,), (c.has_equal_quantization, picks.has_whole_blocks))

RULES: dict[str, Rule] = {
    "ABS": Rule((_INT8,), (plain.has_equal_shapes, c.has_moderate_rescaling)),
    "ADD": _SUM,
    "ASSIGN_VARIABLE": _VARIABLE,
    "AVERAGE_POOL_2D": _POOL,
    "CONCATENATION": Rule(
        (_VALUES,),
        (plain.concatenates_few, plain.fills_output_along_axis, c.has_equal_quantization),
        variadic=True,
        output=_VALUES,
    ),
    "CONV_2D": _CONVOLUTION,
    "DEPTHWISE_CONV_2D": _CONVOLUTION,
    "DEPTH_TO_SPACE": _BLOCKS,
    "DEQUANTIZE": Rule((_INT8,), (plain.has_equal_shapes,), output=("float32",)),
    "ELU": Rule((_INT8,), (plain.has_equal_shapes, plain.has_moderate_table_scale)),
    "FULLY_CONNECTED": Rule(
        (_VALUES, _WEIGHT, _BIAS),
        (
            weighted.has_matrix_weights,
            *_WEIGHTS,
            weighted.has_one_scale_of_int4,
            weighted.has_matching_bias_scale,
        ),
        optional=1,
        output=_VALUES,
    ),
    "HARD_SWISH": Rule((_INT8,), (plain.has_equal_shapes, plain.has_hard_swish_scales)),
    "GATHER": Rule((_INT8, _INT32), (c.has_equal_quantization, picks.has_constant_indices)),
    "LEAKY_RELU": Rule(
        (_VALUES,),
        (
            plain.has_equal_shapes,
            c.has_moderate_rescaling,
            wide.has_moderate_wide_rescaling,
            plain.has_usable_slope,
        ),
        output=_VALUES,
    ),
    "LOGISTIC": Rule(
        (_VALUES,),
        (plain.has_equal_shapes, plain.has_probability_output, plain.has_usable_input_scale),
        output=_VALUES,
    ),
    "MAX_POOL_2D": _POOL,
    "MAXIMUM": _EXTREME,
    "MEAN": Rule(
        (_VALUES, _INT32),
        (plain.has_constant_axes, c.has_moderate_rescaling, wide.has_moderate_wide_rescaling),
        output=_VALUES,
    ),
    "MINIMUM": _EXTREME,
    "MIRROR_PAD": Rule(
        (_INT8, ("int32", "int64")), (c.has_equal_quantization, picks.has_mirrored_paddings)
    ),
    "MUL": Rule(
        (_VALUES, _VALUES),
        (plain.broadcasts_to_output, plain.has_moderate_product, *_ACTIVATION),
        output=_VALUES,
    ),
    "PACK": Rule(
        (_VALUES,),
        (moves.packs_equal_shapes, c.has_equal_quantization),
        variadic=True,
        output=_VALUES,
    ),
    "PAD": Rule(
        (_VALUES, _INT32), (plain.has_constant_paddings, c.has_equal_quantization), output=_VALUES
    ),
    "PADV2": Rule(
        (_INT8, _INT32, _INT8),
        (plain.has_constant_paddings, c.has_equal_quantization, plain.has_constant_padding_value),
    ),
    "PRELU": Rule(
        (_INT8, _INT8),
        (plain.broadcasts_to_output, c.has_moderate_rescaling, plain.has_moderate_product),
    ),
    "QUANTIZE": Rule(
        (("int8", "uint8", "int16", "float32"),),
        (
            plain.has_equal_shapes,
            plain.has_uint8_at_the_edges,
            c.has_moderate_rescaling,
            wide.has_moderate_wide_rescaling,
        ),
        output=("int8", "uint8", "int16", "int32"),
    ),
    "READ_VARIABLE": _VARIABLE,
    "REDUCE_MAX": _REDUCTION,
    "REDUCE_MIN": _REDUCTION,
    "RELU": Rule(
        (_VALUES,),
        (plain.has_equal_shapes, c.has_moderate_rescaling, wide.has_moderate_wide_rescaling),
        output=_VALUES,
    ),
    "RELU6": Rule(
        (_INT8,),
        (plain.has_equal_shapes, plain.has_relu6_quantization, c.has_expressible_activation),
    ),
    "RESHAPE": Rule(
        (_VALUES, ("int32", "int64")),
        (plain.has_constant_shape, plain.keeps_its_elements),
        optional=1,
        output=_VALUES,
    ),
    "RESIZE_NEAREST_NEIGHBOR": Rule(
        (_INT8, _INT32), (c.has_equal_quantization, picks.has_constant_size)
    ),
    "SLICE": Rule(
        (_VALUES, _INDEX, _INDEX),
        (c.has_equal_quantization, moves.has_constant_begin_and_size),
        output=_VALUES,
    ),
    "SOFTMAX": Rule(
        (_VALUES,),
        (
            plain.has_equal_shapes,
            plain.has_few_classes,
            plain.has_probability_output,
            plain.has_usable_beta,
            wide.has_usable_wide_beta,
        ),
        output=_VALUES,
    ),
    "SPACE_TO_DEPTH": _BLOCKS,
    "SPLIT": Rule(
        (_VALUES, _INT32), (c.has_equal_quantization, moves.splits_its_input), output=_VALUES
    ),
    "SPLIT_V": Rule(
        (_VALUES, _INDEX, _INT32),
        (c.has_equal_quantization, moves.splits_its_input),
        output=_VALUES,
    ),
    "SQUARED_DIFFERENCE": Rule(
        (_INT8, _INT8), (plain.broadcasts_to_output, plain.has_moderate_square)
    ),
    "STRIDED_SLICE": Rule(
        (_VALUES, _INT32, _INT32, _INT32),
        (c.has_equal_quantization, moves.has_constant_limits),
        output=_VALUES,
    ),
    "SUB": _SUM,
    "SUM": Rule((_INT8, _INT32), (plain.has_constant_axes, plain.has_moderate_sum)),
    "SVDF": Rule(
        (_INT8, _INT8, _INT8, _INT32, _INT8),
        (
            *_REMEMBERS,
            recurrent.has_svdf_shapes,
            recurrent.has_svdf_scales,
            recurrent.has_svdf_bias_scale,
            recurrent.has_bounded_gate_sums,
            recurrent.has_moderate_gate_scales,
        ),
        absent=(3,),
    ),
    "TANH": Rule(
        (_VALUES,),
        (plain.has_equal_shapes, plain.has_tanh_output, plain.has_usable_input_scale),
        output=_VALUES,
    ),
    "TRANSPOSE": Rule(
        (_VALUES, _INT32),
        (c.has_equal_quantization, moves.has_constant_permutation),
        output=_VALUES,
    ),
    "TRANSPOSE_CONV": Rule(
        (_INT8, _INT8, _INT32),
        (windows.has_four_dimensions, windows.has_matching_transposed_window, *_WEIGHTS),
        optional=1,
    ),
    "UNPACK": Rule((_VALUES,), (c.has_equal_quantization, moves.unpacks_its_input), output=_VALUES),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Rule(
        (_INT8,) * 12 + (_INT32,) * 4 + (_INT8,) * 3 + (("int16",),) + (_INT8,) * 4,
        (
            recurrent.is_a_plain_lstm,
            *_REMEMBERS,
            recurrent.has_lstm_shapes,
            recurrent.has_lstm_scales,
            recurrent.has_bounded_gate_sums,
            recurrent.has_moderate_gate_scales,
        ),
        absent=LSTM_UNUSED,
    ),
}
