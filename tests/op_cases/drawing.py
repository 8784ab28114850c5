"""What cases are drawn from: clips, scales, windows, options; always the same for a name."""

from __future__ import annotations

import math
import zlib

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests.tflite_builder import QParams

ZERO_POINTS = (-128, -127, -60, -1, 0, 3, 77, 127)
ACTIVATIONS: tuple[g.Activation, ...] = ("none", "relu", "relu6", "relu_n1_to_1")
Made = tuple[str, bytes, NDArray, bool]


def rng_of(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def clips_of(shape: tuple[int, ...], zero_point: int = 0, seed: str = "") -> NDArray[np.int8]:
    """Three random clips and four extreme ones, for a tensor of `shape`."""
    one = shape[1:] if shape and shape[0] == 1 else shape
    rng = rng_of(f"{seed}{shape}")
    drawn = rng.integers(-128, 128, (3, *one))
    count = math.prod(one)
    turns = np.where(np.arange(count) % 2 == 0, -128, 127).reshape(one)
    flat = [np.full(one, v) for v in (-128, 127, zero_point)]
    return np.concatenate([drawn, np.stack([*flat, turns])]).astype(np.int8)


def every_value(shape: tuple[int, ...] = (1, 256)) -> NDArray[np.int8]:
    """All 256 values, once."""
    one = shape[1:] if shape[0] == 1 else shape
    return np.arange(-128, 128).astype(np.int8).reshape(1, *one)


def scale_between(rng: np.random.Generator, low: float, high: float) -> float:
    """A float32 value, logarithmically even."""
    return float(np.float32(math.exp(rng.uniform(math.log(low), math.log(high)))))


def quant(rng: np.random.Generator, low: float, high: float) -> QParams:
    return scale_between(rng, low, high), int(rng.choice(ZERO_POINTS))


def window(rng: np.random.Generator, dilate: bool) -> dict:
    """Height, width, kernel, stride, dilation and padding that fit together."""
    padding: g.Padding = "same" if rng.random() < 0.5 else "valid"
    kernel = (int(rng.integers(1, 6)), int(rng.integers(1, 6)))
    dilation = (int(rng.integers(1, 4)), int(rng.integers(1, 4))) if dilate else (1, 1)
    size = []
    for k, d in zip(kernel, dilation, strict=True):
        reach = (k - 1) * d + 1
        size.append(int(rng.integers(1 if padding == "same" else reach, reach + 8)))
    return {
        "height": size[0],
        "width": size[1],
        "kernel": kernel,
        "stride": (int(rng.integers(1, 4)), int(rng.integers(1, 4))),
        "dilation": dilation,
        "padding": padding,
    }


def output_quant(
    rng: np.random.Generator,
    input_scale: float,
    weight_scale: float,
    depth: int,
    activation: str,
) -> QParams:
    """A scale for sums of `depth` products: mostly fitting, sometimes saturating or coarse.

    The zero point leaves the activation something to do and something to let through.
    """
    typical = input_scale * weight_scale * 0.6 * 60 * 70 * math.sqrt(depth) / 50
    factor = float(rng.choice([1.0, 1.0, 1.0, 1.0, 0.1, 8.0]))
    if activation in ("relu6", "relu_n1_to_1"):  # bounds within the range
        typical, factor = (6 if activation == "relu6" else 1) / 90, 1.0
    zero_point = int(rng.choice(ZERO_POINTS if activation == "none" else (-128, -100, -60, -1)))
    return float(np.float32(typical * factor)), zero_point


def described(o: dict) -> str:
    """A readable part of a case's name."""
    h, w, k, s, d = o["height"], o["width"], o["kernel"], o["stride"], o["dilation"]
    return f"{h}x{w}_k{k[0]}x{k[1]}_s{s[0]}x{s[1]}_d{d[0]}x{d[1]}_{o['padding']}"


def weighted_options(rng: np.random.Generator, options: dict, channels: int, depth: int) -> dict:
    """Scales, zero points, activation and bias common to the three weighted operators."""
    per_channel = bool(rng.random() < 0.6)
    activation = str(rng.choice(ACTIVATIONS))
    input_q = quant(rng, 0.002, 0.2)
    base = scale_between(rng, 0.001, 0.05)
    spread = np.float32(base) * rng.uniform(0.2, 1.0, channels).astype(np.float32)
    return options | {
        "per_channel": per_channel,
        "weight_scale": [float(s) for s in spread] if per_channel else [base],
        "activation": activation,
        "bias": bool(rng.random() < 0.85),
        "input_q": input_q,
        "output_q": output_quant(rng, input_q[0], base, depth, activation),
        "seed": int(rng.integers(1 << 30)),
    }
