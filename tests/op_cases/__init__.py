"""The declared plan of operator cases, made on the spot and always the same.

Every back end is held against it: the reference interpreter against TFLite Micro, the C kernels on
the host and on the emulated core against the reference.

    for case in op_cases():            # or op_cases("conv_2d") for one family
        graph = read(case.model)
        trace = ReferenceBackend(graph).run(case.inputs)

Each model has one input. Parameters are drawn from a generator seeded by the case's name, so adding
a case changes no other. Inputs hold random clips and the extremes: all -128, all 127, the zero
point, and both extremes in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

from numpy.typing import NDArray

from tests import recurrent_cases
from tests.op_cases import binary, moves, networks, picks, plain, tables, variables, weighted
from tests.op_cases.drawing import Made


@dataclass(frozen=True, eq=False)
class OpCase:
    """One model and inputs for it.

    `portable` is False where the model has more than one image (or a rank) that only the reference
    and TFLite Micro must take; C may refuse it.
    """

    name: str
    family: str
    model: bytes
    inputs: NDArray  # (clips, *input shape without its leading 1)
    portable: bool = True


def _low_bit() -> Iterator[Made]:
    from tests import lowbit_cases  # it uses this module's helpers

    return lowbit_cases.cases()


def _int16() -> Iterator[Made]:
    from tests import wide_cases  # it widens the cases of this module

    return wide_cases.cases()


FAMILIES: dict[str, Callable[[], Iterator[Made]]] = {
    "conv_2d": weighted.conv_2d_cases,
    "depthwise_conv_2d": weighted.depthwise_conv_2d_cases,
    "fully_connected": weighted.fully_connected_cases,
    "max_pool_2d": lambda: weighted.pool_cases("MAX_POOL_2D"),
    "average_pool_2d": lambda: weighted.pool_cases("AVERAGE_POOL_2D"),
    "mean": plain.mean_cases,
    "softmax": plain.softmax_cases,
    "logistic": plain.logistic_cases,
    "relu": plain.relu_cases,
    "relu6": plain.relu6_cases,
    "quantize": plain.quantize_cases,
    "dequantize": plain.dequantize_cases,
    "reshape": plain.reshape_cases,
    "add": lambda: binary.sum_cases("ADD"),
    "sub": lambda: binary.sum_cases("SUB"),
    "mul": binary.mul_cases,
    "maximum": lambda: binary.extreme_cases("MAXIMUM"),
    "minimum": lambda: binary.extreme_cases("MINIMUM"),
    "squared_difference": binary.squared_difference_cases,
    "prelu": binary.prelu_cases,
    "reduce_max": lambda: plain.reduce_cases("REDUCE_MAX"),
    "reduce_min": lambda: plain.reduce_cases("REDUCE_MIN"),
    "tanh": tables.tanh_cases,
    "leaky_relu": tables.leaky_relu_cases,
    "hard_swish": tables.hard_swish_cases,
    **moves.FAMILIES,
    **picks.FAMILIES,
    "variables": variables.variable_cases,
    "pad": plain.pad_cases,
    "concatenation": plain.concatenation_cases,
    "network": networks.network_cases,
    "low_bit": _low_bit,
    "int16": _int16,
    "lstm": recurrent_cases.lstm_cases,
    "svdf": recurrent_cases.svdf_cases,
}


@cache
def op_cases(family: str | None = None) -> tuple[OpCase, ...]:
    """The cases of one family of `FAMILIES`, or all of them."""
    if family is None:
        return tuple(case for name in FAMILIES for case in op_cases(name))
    return tuple(
        OpCase(f"{family}/{name}", family, model, inputs, portable)
        for name, model, inputs, portable in FAMILIES[family]()
    )
