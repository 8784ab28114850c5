"""`train.quantization.quantizers` in TensorFlow, with straight-through gradients.

Values are equal to NumPy's in every bit of float32: both divide, compare, round to even and
multiply, which IEEE 754 defines exactly, and take their constants from the same tables. Only
`linear_scale(by="mse")` sums, in an order that the libraries choose; two clipping points whose
errors differ by less than float32's rounding may therefore change places.

The gradient is 1 where a value is rounded and 0 where it is clipped at the largest level
(straight-through estimator: Bengio, Léonard, Courville 2013, arXiv:1308.3432, section 4). Small
values that go to zero keep theirs, or they would never grow again.

In a traced function nothing can be raised about values: a NaN stays NaN there, and `train.fit`
refuses the loss that it makes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from train.keras import load
from train.quantization.quantizers import (
    Axis,
    Clip,
    Small,
    check_scale,
    checked,
    linear_limits,
    linear_steps,
    log_table,
    other_axes,
    shares,
)


def linear_tf(x: Any, scale: Any, bits: int, zero_point: int | None = None) -> Any:
    """`quantizers.linear` of a float32 tensor.

    Raises:
        SpecError: as there; scale and values are looked at in eager execution.
    """
    tf = load().tf
    low, high = linear_steps(bits, zero_point)
    _check(x, scale)
    scale = tf.stop_gradient(tf.convert_to_tensor(scale, tf.float32))
    steps = tf.round(x / scale)
    inside = tf.clip_by_value(steps, float(low), float(high))
    return _straight_through(x, inside * scale, steps == inside)


def logarithmic_tf(
    x: Any, scale: Any, bits: int, alpha: float, *, small: Small = "smallest"
) -> Any:
    """`quantizers.logarithmic` of a float32 tensor.

    Raises:
        SpecError: as there; scale and values are looked at in eager execution.
    """
    magnitudes, bounds = log_table(bits, alpha)
    _check(x, scale)
    return levels_tf(x, scale, magnitudes, bounds, np.float32(0.5) if small == "zero" else None)


def levels_tf(x: Any, scale: Any, magnitudes: Any, bounds: Any, least: Any | None) -> Any:
    """Signed levels `scale * magnitudes`, divided at `scale * bounds`.

    Args:
        x: float32 tensor.
        scale: float32, broadcasts with `x`.
        magnitudes: float32 (n,), rising.
        bounds: float32 (n - 1,); bounds[k] stands between magnitudes[k] and [k + 1].
        least: what is below `scale * least` becomes zero; None: nothing does.
    """
    tf = load().tf
    scale = tf.stop_gradient(tf.convert_to_tensor(scale, tf.float32))
    ratio = tf.abs(x) / scale
    flat = tf.reshape(ratio, [-1])
    place = tf.searchsorted(tf.constant(bounds), flat, side="right")
    exponent = tf.reshape(place, tf.shape(ratio))
    levels = tf.sign(x) * (tf.gather(tf.constant(magnitudes), exponent) * scale)
    if least is not None:
        # The comparison is turned round so that a NaN is not made a zero.
        levels *= 1.0 - tf.cast(ratio < least, tf.float32)
    over = float(magnitudes[-1]) * _overhang(magnitudes)
    return _straight_through(x, levels, ratio <= over)


def linear_scale_tf(x: Any, bits: int, axis: Axis = (), *, by: Clip = "max") -> Any:
    """`quantizers.linear_scale` of a float32 tensor."""
    tf = load().tf
    top = float(linear_limits(bits)[1])
    rest = other_axes(len(x.shape), axis)
    full = largest_level_tf(x, top, rest)
    if by == "max":
        return full
    # All clipping points at once, along a new first dimension.
    points = tf.reshape(tf.constant(shares(), tf.float32), [-1] + [1] * len(x.shape))
    scales = full[tf.newaxis] * points
    rounded = tf.clip_by_value(tf.round(x / scales), -top, top) * scales
    errors = tf.reduce_sum(tf.square(x - rounded), axis=[1 + one for one in rest], keepdims=True)
    return full * tf.gather(tf.constant(shares(), tf.float32), tf.argmin(errors, axis=0))


def log_scale_tf(x: Any, bits: int, alpha: float, axis: Axis = ()) -> Any:
    """`quantizers.log_scale` of a float32 tensor."""
    return largest_level_tf(x, float(log_table(bits, alpha)[0][-1]), other_axes(len(x.shape), axis))


def largest_level_tf(x: Any, top: float, rest: tuple[int, ...]) -> Any:
    """Scale that puts the largest magnitude over the dimensions `rest` on level `top`.

    1.0 where everything is zero.
    """
    tf = load().tf
    largest = tf.reduce_max(tf.abs(x), axis=rest, keepdims=True)
    return tf.where(largest == 0, tf.ones_like(largest), largest / np.float32(top))


def _overhang(magnitudes: Any) -> float:
    """How far beyond the largest level its own rounding reaches: half a step of the logarithm."""
    if len(magnitudes) < 2:
        return 1.0
    return float(np.sqrt(float(magnitudes[-1]) / float(magnitudes[-2])))


def _straight_through(x: Any, value: Any, passes: Any) -> Any:
    tf = load().tf

    @tf.custom_gradient
    def through(inputs: Any) -> tuple[Any, Any]:
        return value, lambda upstream: upstream * tf.cast(passes, upstream.dtype)

    return through(x)


def _check(x: Any, scale: Any) -> None:
    """Raise what NumPy's form raises, where values can be looked at."""
    tf = load().tf
    if not tf.executing_eagerly():
        return
    checked(np.asarray(x))
    check_scale(np.asarray(scale))
