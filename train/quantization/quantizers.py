"""What linear and logarithmic quantizers compute: the definitions, in NumPy.

A quantizer replaces a number by the nearest of a few levels. `linear` spaces them evenly,
`logarithmic` by a constant ratio. Both work in float32 and take float32 scales, one per tensor or
one per channel; `train.quantization.tf_quantizers` computes the same bits in TensorFlow.

    scale = linear_scale(weights, 4, axis=3)          # conv filter: one scale per output channel
    rounded = linear(weights, scale, 4)

Channels: `axis` names the dimensions that keep a scale of their own. A convolution filter
(height, width, in, out) has its channels in 3, a depthwise one (height, width, in, multiplier) in
(2, 3), a dense matrix (in, out) in 1; () is one scale for the tensor.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError

Floats = NDArray[np.float32]
Axis = int | tuple[int, ...]
Small = Literal["smallest", "zero"]
"""Where a logarithmic quantizer sends what is nearer to zero than its smallest level."""

Clip = Literal["max", "mse"]
"""Where a linear quantizer's largest level stands, see `linear_scale`."""

LINEAR_BITS = (2, 16)
LOG_BITS = (2, 8)
_SHARES = tuple(float(x) for x in np.linspace(1.0, 0.4, 25))
"""Clipping points that the search for the least squared error tries, as shares of the maximum."""


def linear_limits(bits: int, *, symmetric: bool = True) -> tuple[int, int]:
    """Least and greatest integer of a linear quantizer.

    Symmetric: -(2^(bits-1) - 1) to 2^(bits-1) - 1, so that zero is in the middle: 2^bits - 1
    levels. Affine: -2^(bits-1) to 2^(bits-1) - 1: 2^bits levels.

    Raises:
        SpecError: bits outside 2 to 16.
    """
    check_bits(bits, LINEAR_BITS)
    top = 2 ** (bits - 1) - 1
    return (-top if symmetric else -top - 1), top


def linear_steps(bits: int, zero_point: int | None) -> tuple[int, int]:
    """Least and greatest number of steps from zero; `zero_point` as in `linear`.

    Raises:
        SpecError: bits outside 2 to 16, or a zero point that they do not reach.
    """
    low, high = linear_limits(bits, symmetric=zero_point is None)
    place = 0 if zero_point is None else zero_point
    if not low <= place <= high:
        raise SpecError(f"zero_point must be from {low} to {high}. Received: {zero_point}.")
    return low - place, high - place


def log_magnitudes(bits: int) -> int:
    """How many magnitudes a logarithmic quantizer has: 2^(bits-1) - 1.

    With a sign and with zero these are 2^bits - 1 levels, as many as a symmetric linear quantizer
    has: 15 with 4 bits.

    Raises:
        SpecError: bits outside 2 to 8.
    """
    check_bits(bits, LOG_BITS)
    return int(2 ** (bits - 1) - 1)


def log_table(bits: int, alpha: float) -> tuple[Floats, Floats]:
    """The constants of a logarithmic quantizer, for scale 1.

    Returns:
        magnitudes: float32 (n,), (1 + alpha)^k for k = 0 to n - 1.
        bounds: float32 (n - 1,), (1 + alpha)^(k + 1/2): a magnitude from bounds[k] up has an
            exponent above k, which is what rounding the logarithm to the nearest integer gives.

    Raises:
        SpecError: bits or alpha not allowed, or magnitudes beyond float32.
    """
    count = log_magnitudes(bits)
    check_alpha(alpha)
    base = 1.0 + alpha
    if (count - 1) * math.log2(base) > 120:
        raise SpecError(
            f"The largest level must be below 2^120 times the smallest. Received: {count} "
            f"magnitudes, each {base:g} times the one before. Use fewer bits or a smaller alpha."
        )
    exponents = np.arange(count, dtype=np.float64)
    return (base**exponents).astype(np.float32), (base ** (exponents[:-1] + 0.5)).astype(np.float32)


def log_codes(bits: int, alpha: float) -> tuple[Floats, Floats]:
    """A logarithmic quantizer's magnitudes as the int8 that a chip stores, 127 the largest.

    Returns:
        magnitudes: float32 whole numbers (n,), round(127 · (1 + alpha)^(k + 1 - n)), ties up. With
            4 bits: 11, 17, 25, 38, 56, 85, 127 for alpha 0.5; 2, 4, 8, 16, 32, 64, 127 for 1.
        bounds: float32 (n - 1,), 127 · (1 + alpha)^(k + 3/2 - n), between them.

    Raises:
        SpecError: bits or alpha not allowed, or magnitudes that round to zero or to each other.
    """
    count = log_magnitudes(bits)
    check_alpha(alpha)
    exponents = np.arange(count, dtype=np.float64) + 1 - count
    codes = np.floor(127.0 * (1.0 + alpha) ** exponents + 0.5)
    if codes[0] < 1 or np.any(np.diff(codes) < 1):
        raise SpecError(
            f"The {count} magnitudes of {bits} bits must differ as int8. Received: 1 + alpha = "
            f"{1 + alpha:g}, which gives {', '.join(f'{c:.0f}' for c in codes[:8])}. "
            "1.1 to 2.2 is right for 4 bits."
        )
    bounds = 127.0 * (1.0 + alpha) ** (exponents[:-1] + 0.5)
    return codes.astype(np.float32), bounds.astype(np.float32)


def linear(
    x: NDArray[np.floating],
    scale: NDArray[np.floating] | float,
    bits: int,
    zero_point: int | None = None,
) -> Floats:
    """q(x) = round(x / S) · S, limited to `bits`; rounding to the nearest, ties to even.

    Args:
        x: any shape.
        scale: S, above 0; a number, or an array that broadcasts with `x` (`linear_scale` makes it).
        bits: 2 to 16.
        zero_point: None is the symmetric form. A number Z is the affine one,
            (clip(round(x / S) + Z) - Z) · S, in which Z stands for 0.

    Returns:
        float32 of the shape of `x`.

    Raises:
        SpecError: bits, scale or zero point not allowed, or a NaN in `x`.
    """
    low, high = linear_steps(bits, zero_point)
    values, steps = checked(x), check_scale(scale)
    return np.clip(np.rint(values / steps), low, high) * steps


def affine_range(low: float, high: float, bits: int) -> tuple[float, int]:
    """Scale and zero point that cover `low` to `high`, zero among them exactly.

    Returns:
        S = (high - low) / (2^bits - 1) as float32, and Z = round(least - low / S), within range.

    Raises:
        SpecError: bits not allowed, or no range.
    """
    least, greatest = linear_limits(bits, symmetric=False)
    low, high = min(low, 0.0), max(high, 0.0)
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise SpecError(f"A range must be finite and not empty. Received: {low} to {high}.")
    scale = float(np.float32((high - low) / (greatest - least)))
    return scale, int(np.clip(round(least - low / scale), least, greatest))


def logarithmic(
    x: NDArray[np.floating],
    scale: NDArray[np.floating] | float,
    bits: int,
    alpha: float,
    *,
    small: Small = "smallest",
) -> Floats:
    """q(x) = S · sign(x) · (1 + α)^round(log(|x| / S) / log(1 + α)), zero kept as zero.

    The exponent is limited to 0 … 2^(bits-1) - 2, so S is the smallest magnitude. docs/SPEC.md
    derives why the base must be 1 + α; powers of two are α = 1. The logarithm is not computed:
    |x| / S is compared with (1 + α)^(k + 1/2), which decides the same and does not depend on
    anybody's logarithm. At such a bound the exponent above is taken.

    Args:
        x: any shape.
        scale: S, above 0; a number, or an array that broadcasts with `x` (`log_scale` makes it).
        bits: 2 to 8; 2^bits - 1 levels.
        alpha: above 0.
        small: where |x| < S / 2 goes. "smallest": to S, as the formula with its exponent limited
            says. "zero": to zero, which is nearer.

    Returns:
        float32 of the shape of `x`.

    Raises:
        SpecError: bits, alpha or scale not allowed, or a NaN in `x`.
    """
    magnitudes, bounds = log_table(bits, alpha)
    values, steps = checked(x), check_scale(scale)
    if float(steps.max()) * float(magnitudes[-1]) > np.finfo(np.float32).max:
        raise SpecError(
            "The largest level must be a float32. Received: a scale of "
            f"{float(steps.max()):g} times {float(magnitudes[-1]):g}."
        )
    ratio = np.abs(values) / steps
    exponent = np.searchsorted(bounds, ratio.ravel(), side="right").reshape(ratio.shape)
    kept = ratio >= np.float32(0.5) if small == "zero" else np.ones(ratio.shape, np.bool_)
    return np.sign(values) * (magnitudes[exponent] * steps) * kept


def linear_scale(
    x: NDArray[np.floating], bits: int, axis: Axis = (), *, by: Clip = "max"
) -> Floats:
    """Scale of the symmetric linear quantizer for a tensor.

    Args:
        x: the tensor.
        bits: 2 to 16.
        axis: dimensions that keep a scale of their own; () is one scale for all.
        by: "max": the largest magnitude is the largest level. "mse": the largest level is that of
            25 points between the largest magnitude and 0.4 times it with the least squared error;
            what is beyond is clipped.

    Returns:
        float32, the shape of `x` with 1 in all other dimensions; 1.0 where everything is zero.

    Raises:
        SpecError: bits or axis not allowed, or a NaN in `x`.
    """
    values = checked(x)
    top = np.float32(linear_limits(bits)[1])
    rest = other_axes(values.ndim, axis)
    largest = np.max(np.abs(values), axis=rest, keepdims=True, initial=0.0)
    full = np.where(largest > 0, largest / top, np.float32(1.0)).astype(np.float32)
    if by == "max":
        return full
    return _least_error(values, full, rest, lambda scale: linear(values, scale, bits))


def log_scale(x: NDArray[np.floating], bits: int, alpha: float, axis: Axis = ()) -> Floats:
    """Scale of the logarithmic quantizer for a tensor: the largest magnitude is the largest level.

    Args:
        x: the tensor.
        bits: 2 to 8.
        alpha: above 0.
        axis: dimensions that keep a scale of their own; () is one scale for all.

    Returns:
        float32, the shape of `x` with 1 in all other dimensions; 1.0 where everything is zero.

    Raises:
        SpecError: bits, alpha or axis not allowed, or a NaN in `x`.
    """
    values = checked(x)
    top = log_table(bits, alpha)[0][-1]
    rest = other_axes(values.ndim, axis)
    largest = np.max(np.abs(values), axis=rest, keepdims=True, initial=0.0)
    return np.where(largest > 0, largest / top, np.float32(1.0)).astype(np.float32)


def shares() -> tuple[float, ...]:
    """The clipping points of `linear_scale(by="mse")`, from 1 down."""
    return _SHARES


def other_axes(ndim: int, axis: Axis) -> tuple[int, ...]:
    """All dimensions but those named.

    Raises:
        SpecError: a dimension that the tensor does not have.
    """
    named = (axis,) if isinstance(axis, int) else axis
    if any(not -ndim <= one < ndim for one in named):
        raise SpecError(f"axis must be of a tensor's {ndim} dimensions. Received: {axis}.")
    kept = {one % ndim for one in named}
    return tuple(one for one in range(ndim) if one not in kept)


def checked(x: NDArray[np.floating]) -> Floats:
    """`x` as float32.

    Raises:
        SpecError: a NaN in it.
    """
    values = np.asarray(x, np.float32)
    missing = int(np.count_nonzero(np.isnan(values)))
    if missing:
        raise SpecError(
            f"What is quantized must be numbers. Received: {missing} of {values.size} are NaN."
        )
    return values


def check_bits(bits: int, allowed: tuple[int, int]) -> None:
    """Refuse a number of bits that a quantizer does not have."""
    if not allowed[0] <= bits <= allowed[1]:
        raise SpecError(f"bits must be from {allowed[0]} to {allowed[1]}. Received: {bits}.")


def check_alpha(alpha: float) -> None:
    """Refuse a base 1 + alpha that is not above 1."""
    if not (math.isfinite(alpha) and np.float32(1.0 + alpha) > 1.0):
        raise SpecError(f"alpha must be above 0. Received: {alpha}.")


def check_scale(scale: NDArray[np.floating] | float) -> Floats:
    """`scale` as float32; one that is not above 0 is refused."""
    steps = np.asarray(scale, np.float32)
    if not np.all(np.isfinite(steps) & (steps > 0)):
        bad = steps[~(np.isfinite(steps) & (steps > 0))].ravel()[0]
        raise SpecError(f"A scale must be a number above 0. Received: {float(bad):g}.")
    return steps


def _least_error(
    values: Floats, full: Floats, rest: tuple[int, ...], rounded: Callable[[Floats], Floats]
) -> Floats:
    best, least = full, np.full(full.shape, np.inf, np.float32)
    for share in _SHARES:
        scale = full * np.float32(share)
        difference = values - rounded(scale)
        error = np.sum(difference * difference, axis=rest, keepdims=True, dtype=np.float32)
        best, least = np.where(error < least, scale, best), np.minimum(error, least)
    return best
