"""Parameters of operators with two inputs; see `convert.params`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class BinaryParams:
    """Two inputs and an output whose shapes broadcast as in NumPy; shapes are as in the model."""

    input1_shape: tuple[int, ...]
    input2_shape: tuple[int, ...]
    output_shape: tuple[int, ...]


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
