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

import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests import recurrent_cases
from tests import tflite_builder as tb
from tests.tflite_builder import OpSpec, QParams, TensorSpec, activation_tensor, constant

ZERO_POINTS = (-128, -127, -60, -1, 0, 3, 77, 127)
ACTIVATIONS: tuple[g.Activation, ...] = ("none", "relu", "relu6", "relu_n1_to_1")


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


Made = tuple[str, bytes, NDArray, bool]


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _clips(shape: tuple[int, ...], zero_point: int = 0, seed: str = "") -> NDArray[np.int8]:
    """Three random clips and four extreme ones, for a tensor of `shape`."""
    one = shape[1:] if shape and shape[0] == 1 else shape
    rng = _rng(f"{seed}{shape}")
    drawn = rng.integers(-128, 128, (3, *one))
    count = math.prod(one)
    turns = np.where(np.arange(count) % 2 == 0, -128, 127).reshape(one)
    flat = [np.full(one, v) for v in (-128, 127, zero_point)]
    return np.concatenate([drawn, np.stack([*flat, turns])]).astype(np.int8)


def _every_value(shape: tuple[int, ...] = (1, 256)) -> NDArray[np.int8]:
    """All 256 values, once."""
    one = shape[1:] if shape[0] == 1 else shape
    return np.arange(-128, 128).astype(np.int8).reshape(1, *one)


def _scale(rng: np.random.Generator, low: float, high: float) -> float:
    """A float32 value, logarithmically even."""
    return float(np.float32(math.exp(rng.uniform(math.log(low), math.log(high)))))


def _q(rng: np.random.Generator, low: float, high: float) -> QParams:
    return _scale(rng, low, high), int(rng.choice(ZERO_POINTS))


def _window(rng: np.random.Generator, dilate: bool) -> dict:
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


def _output_q(
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


def _describe(o: dict) -> str:
    """A readable part of a case's name."""
    h, w, k, s, d = o["height"], o["width"], o["kernel"], o["stride"], o["dilation"]
    return f"{h}x{w}_k{k[0]}x{k[1]}_s{s[0]}x{s[1]}_d{d[0]}x{d[1]}_{o['padding']}"


def _weighted(rng: np.random.Generator, options: dict, channels: int, depth: int) -> dict:
    """Scales, zero points, activation and bias common to the three weighted operators."""
    per_channel = bool(rng.random() < 0.6)
    activation = str(rng.choice(ACTIVATIONS))
    input_q = _q(rng, 0.002, 0.2)
    base = _scale(rng, 0.001, 0.05)
    spread = np.float32(base) * rng.uniform(0.2, 1.0, channels).astype(np.float32)
    return options | {
        "per_channel": per_channel,
        "weight_scale": [float(s) for s in spread] if per_channel else [base],
        "activation": activation,
        "bias": bool(rng.random() < 0.85),
        "input_q": input_q,
        "output_q": _output_q(rng, input_q[0], base, depth, activation),
        "seed": int(rng.integers(1 << 30)),
    }


def _conv_2d() -> Iterator[Made]:
    for i in range(64):
        rng = _rng(f"conv_2d {i}")
        options = _window(rng, dilate=i % 3 == 0)
        channels, filters = int(rng.integers(1, 10)), int(rng.integers(1, 10))
        if i % 8 == 7:  # pointwise, as in separable blocks
            options |= {"kernel": (1, 1), "dilation": (1, 1)}
            channels, filters = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        depth = channels * math.prod(options["kernel"])
        options = _weighted(rng, options, filters, depth)
        shape = (1, options["height"], options["width"], channels)
        model = tb.conv_2d(channels=channels, filters=filters, **options)
        inputs = _clips(shape, options["input_q"][1], str(i))
        yield f"{i:02}_{_describe(options)}_c{channels}_f{filters}", model, inputs, True
    extremes = {
        "multiplier_above_one": {"weight_scale": 0.05, "output_q": (0.0003, 5)},
        "multiplier_is_one": {"weight_scale": 0.5, "input_q": (0.5, 0), "output_q": (0.25, 0)},
        "multiplier_is_half": {"weight_scale": 0.5, "input_q": (0.5, 0), "output_q": (0.5, 0)},
        "ties_eighths": {"weight_scale": 0.5, "input_q": (0.5, 1), "output_q": (2.0, 0)},
        "ties_many": {"weight_scale": 1 / 64, "input_q": (1 / 64, 1), "output_q": (0.25, 0)},
        "multiplier_vanishes": {"weight_scale": 1e-7, "input_q": (1e-4, 9), "output_q": (0.5, -9)},
        "tiny_multiplier": {"weight_scale": 1e-5, "input_q": (1e-3, 9), "output_q": (0.5, -9)},
        "zero_scale_channel": {"weight_scale": [0.01, 0.0, 0.02, 0.01]},
        "large_bias": {"bias_data": np.array([2**30, -(2**30), 2**20, -(2**20)])},
        "no_bias_relu6": {"bias": False, "activation": "relu6", "output_q": (6 / 255, -128)},
        "weights_minus_128": {"weights": np.full((4, 3, 3, 3), -128)},
    }
    for label, more in extremes.items():
        options = {"input_q": (1 / 64, 3)} | more
        inputs = _clips((1, 6, 5, 3), options["input_q"][1], label)
        yield label, tb.conv_2d(seed=len(label), **options), inputs, True
    yield "two_images", tb.conv_2d(batch=2), _clips((2, 6, 5, 3), 3, "two"), False
    for groups in (2, 3):
        yield f"{groups}_groups", _grouped(groups), _clips((1, 5, 4, 6), 3, "groups"), False


def _grouped(groups: int) -> bytes:
    rng = _rng(f"groups {groups}")
    shape = (6, 3, 2, 6 // groups)
    weights = rng.integers(-127, 128, shape).astype(np.int8)
    tensors = [
        activation_tensor("input", (1, 5, 4, 6), (1 / 64, 3)),
        TensorSpec("weights", shape, "int8", (0.01,), (0,), 0, weights),
        activation_tensor("output", (1, 5, 4, 6), (0.02, -7)),
    ]
    return tb.build_model([OpSpec("CONV_2D", (0, 1), (2,), g.Conv2D("same", (1, 1)))], tensors)


def _depthwise_conv_2d() -> Iterator[Made]:
    for i in range(56):
        # With a bias: TFLite Micro crashes on a depthwise convolution whose third input is -1.
        rng = _rng(f"depthwise {i}")
        options = _window(rng, dilate=i % 3 == 0)
        multiplier = int(rng.choice([1, 1, 2, 3, 8]))
        channels = int(rng.integers(1, 12))
        options = _weighted(rng, options, channels * multiplier, math.prod(options["kernel"]))
        options["bias"] = True
        shape = (1, options["height"], options["width"], channels)
        model = tb.depthwise_conv_2d(channels=channels, multiplier=multiplier, **options)
        inputs = _clips(shape, options["input_q"][1], str(i))
        yield f"{i:02}_{_describe(options)}_c{channels}_m{multiplier}", model, inputs, True
    extremes = {
        "multiplier_above_one": {"weight_scale": 0.05, "output_q": (0.0003, 5)},
        "ties": {"weight_scale": 1 / 64, "input_q": (1 / 64, 1), "output_q": (1 / 16, 0)},
        "multiplier_vanishes": {"weight_scale": 1e-7, "input_q": (1e-4, 9), "output_q": (0.5, -9)},
        "large_bias": {"bias_data": np.array([2**30, -(2**30), 2**20])},
        "weights_minus_128": {"weights": np.full((1, 3, 3, 3), -128)},
    }
    for label, more in extremes.items():
        options = {"input_q": (1 / 64, 3)} | more
        inputs = _clips((1, 6, 5, 3), options["input_q"][1], label)
        yield label, tb.depthwise_conv_2d(seed=len(label), **options), inputs, True
    yield "no_bias", _depthwise_without_bias(), _clips((1, 6, 5, 3), 3, "no_bias"), True
    yield "two_images", tb.depthwise_conv_2d(batch=2), _clips((2, 6, 5, 3), 3, "two"), False


def _depthwise_without_bias() -> bytes:
    """Two inputs, the one way to leave the bias out that TFLite Micro survives."""
    weights = _rng("no bias").integers(-127, 128, (1, 3, 3, 3)).astype(np.int8)
    tensors = [
        activation_tensor("input", (1, 6, 5, 3), (1 / 64, 3)),
        TensorSpec("weights", (1, 3, 3, 3), "int8", (0.01,), (0,), 3, weights),
        activation_tensor("output", (1, 6, 5, 3), (0.02, -7)),
    ]
    op = OpSpec("DEPTHWISE_CONV_2D", (0, 1), (2,), g.DepthwiseConv2D("same", (1, 1), 1))
    return tb.build_model([op], tensors)


def _fully_connected() -> Iterator[Made]:
    for i in range(44):
        rng = _rng(f"fully_connected {i}")
        inputs_count, units = int(rng.integers(1, 300)), int(rng.integers(1, 20))
        options = _weighted(rng, {}, units, inputs_count)
        if units == 1:
            options["per_channel"] = False
            options["weight_scale"] = options["weight_scale"][:1]
        if i % 2:  # scales whose product float32 must round
            options["input_q"] = (float(np.float32(rng.uniform(0.01, 0.1))), 11)
        model = tb.fully_connected(inputs=inputs_count, units=units, **options)
        how = "per_channel" if options["per_channel"] else "per_tensor"
        inputs = _clips((1, inputs_count), options["input_q"][1], str(i))
        yield f"{i:02}_{inputs_count}_to_{units}_{how}", model, inputs, True
    ranks = {
        "rank_1_in": {"input_shape": (12,), "output_shape": (1, 5)},
        "rank_3_in": {"input_shape": (1, 3, 4)},
        "rank_4_in": {"input_shape": (1, 2, 2, 3)},
        "three_rows": {"input_shape": (1, 3, 12), "output_shape": (3, 5)},
        "three_rows_kept": {
            "input_shape": (1, 3, 12),
            "output_shape": (1, 3, 5),
            "keep_dims": True,
        },
    }
    for label, more in ranks.items():
        model = tb.fully_connected(seed=3, **more)
        yield label, model, _clips(more["input_shape"], 3, label), True
    for per_channel in (False, True):
        model = tb.fully_connected(
            inputs=40,
            units=60,
            per_channel=per_channel,
            weight_scale=1 / 64,
            input_q=(1 / 64, 1),
            output_q=(1 / 8, 0),
        )
        how = "channel" if per_channel else "tensor"
        yield f"ties_per_{how}", model, _clips((1, 40), 1, "ties"), True
    yield "no_bias", tb.fully_connected(bias=False), _clips((1, 12), 3, "nb"), True
    yield "saturates", tb.fully_connected(output_q=(1e-4, 100)), _clips((1, 12), 3, "sat"), True


def _pool(kind: str) -> Iterator[Made]:
    for i in range(28):
        rng = _rng(f"{kind} {i}")
        options = _window(rng, dilate=False)
        options["window"] = options.pop("kernel")
        del options["dilation"]
        channels = int(rng.integers(1, 10))
        activation = ACTIVATIONS[i % 4] if i % 2 else "none"
        q = _q(rng, 0.005, 0.1)
        if i % 7 == 6:  # over the whole map
            options |= {"window": (options["height"], options["width"]), "padding": "valid"}
        model = tb.pool_2d(kind, channels=channels, q=q, activation=activation, **options)
        shape = (1, options["height"], options["width"], channels)
        w, s = options["window"], options["stride"]
        name = (
            f"{i:02}_{options['height']}x{options['width']}_w{w[0]}x{w[1]}_s{s[0]}x{s[1]}_"
            f"{options['padding']}_c{channels}_{activation}"
        )
        yield name, model, _clips(shape, q[1], str(i)), True
    yield "two_images", tb.pool_2d(kind, batch=2), _clips((2, 6, 5, 3), 3, "two"), False


def _mean() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], tuple[int, ...]]] = [
        ((1, 4, 5, 3), (1, 2)),
        ((1, 4, 5, 3), (2, 1)),
        ((1, 4, 5, 3), (-3, -2)),
        ((1, 4, 5, 3), (1,)),
        ((1, 4, 5, 3), (2,)),
        ((1, 4, 5, 3), (3,)),
        ((1, 4, 5, 3), (1, 3)),
        ((1, 4, 5, 3), (1, 2, 3)),
        ((1, 4, 5, 3), (1, 1)),
        ((1, 25, 5, 64), (1, 2)),
        ((1, 1, 1, 7), (1, 2)),
        ((1, 7, 9), (1,)),
        ((1, 7, 9), (2,)),
        ((1, 7, 9), (1, 2)),
        ((1, 33), (1,)),
        ((1, 2, 3, 4, 5), (1, 3)),
        ((1, 4, 5, 3), (0, 1, 2)),
        ((6,), (0,)),
        ((1, 127, 1, 2), (1, 2)),
        ((1, 128, 1, 2), (1, 2)),
        ((1, 129, 1, 2), (1, 2)),
    ]
    for i, (shape, axes) in enumerate(plans):
        for keep_dims in (False, True):
            for same in (True, False):
                rng = _rng(f"mean {i} {keep_dims} {same}")
                input_q = _q(rng, 0.01, 0.1)
                output_q = input_q
                if not same:
                    input_q = (input_q[0], (-20, -1, 0, 3, 40)[i % 5])
                    output_q = (_scale(rng, 0.3, 1.1) * input_q[0], 20 - i)
                model = tb.mean(
                    shape=shape, axes=axes, keep_dims=keep_dims, input_q=input_q, output_q=output_q
                )
                sizes = "x".join(map(str, shape))
                over = "_".join(map(str, axes)).replace("-", "m")
                kept = "_kept" if keep_dims else ""
                name = f"{sizes}_over_{over}{kept}{'' if same else '_rescaled'}"
                yield name, model, _clips(shape, input_q[1], str(i)), 0 not in axes


def _softmax() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], float, QParams]] = [
        ((1, 10), 1.0, (0.1, 4)),
        ((1, 12), 1.0, (0.2, -3)),
        ((1, 1), 1.0, (0.1, 4)),
        ((1, 2), 1.0, (0.05, 4)),
        ((1, 3), 0.5, (0.1, 4)),
        ((1, 10), 2.0, (0.1, 4)),
        ((1, 35), 1.0, (1.0, 0)),
        ((1, 10), 1.0, (0.001, 0)),
        ((1, 10), 1.0, (8.0, 127)),
        ((1, 10), 1.0, (40.0, 127)),
        ((1, 10), 10.0, (0.75, 20)),
        ((1, 257), 1.0, (0.03, -128)),
        ((1, 500), 1.0, (0.1, 0)),
        ((1, 511), 1.0, (0.01, 0)),
        ((10,), 1.0, (0.1, 4)),
        ((1, 5, 7), 1.0, (0.1, 4)),
        ((1, 3, 2, 6), 1.0, (0.1, 4)),
    ]
    for shape, beta, q in plans:
        sizes = "x".join(map(str, shape))
        model = tb.softmax(shape=shape, beta=beta, input_q=q)
        yield f"{sizes}_beta{beta:g}_scale{q[0]:g}", model, _clips(shape, q[1], "s"), True
    for i in range(12):
        rng = _rng(f"softmax {i}")
        q, depth = _q(rng, 0.01, 1.0), int(rng.integers(2, 50))
        model = tb.softmax(shape=(1, depth), input_q=q)
        yield f"{i:02}_{depth}_drawn", model, _clips((1, depth), q[1], str(i)), True


def _logistic() -> Iterator[Made]:
    for scale in (0.001, 0.01, 0.03, 1 / 16, 0.1, 0.13, 0.25, 0.5, 1.0, 3.7, 7.0):
        for zero_point in (-128, 0, 31, 127):
            model = tb.logistic(shape=(1, 256), input_q=(scale, zero_point))
            yield f"scale{scale:g}_zero{zero_point}", model, _every_value(), True


def _relu() -> Iterator[Made]:
    for i in range(16):
        rng = _rng(f"relu {i}")
        a = (_scale(rng, 0.01, 0.1), (-100, -7, 0, 30)[i % 4])
        b = a if i % 4 == 0 else (_scale(rng, 0.01, 0.2), (-128, -60, -1, 3)[i // 4])
        if i == 5:
            a, b = (0.125, 0), (0.5, -128)  # ties
        model = tb.relu(shape=(1, 256), input_q=a, output_q=b)
        yield f"{i:02}", model, _every_value(), True
    model = tb.relu(shape=(1, 16, 16, 1), input_q=(0.05, 3), output_q=(0.05, 3))
    yield "rank_4", model, _every_value((1, 16, 16, 1)), True


def _relu6() -> Iterator[Made]:
    for scale in (0.01, 6 / 255, 0.03, 0.05, 0.1, 1.0, 13.0):
        for zero_point in (-128, 0, 120):
            q = (scale, zero_point)
            model = tb.relu("RELU6", shape=(1, 256), input_q=q, output_q=q)
            yield f"scale{scale:g}_zero{zero_point}", model, _every_value(), True


def _quantize() -> Iterator[Made]:
    for i in range(20):
        rng = _rng(f"quantize {i}")
        a, b = _q(rng, 0.01, 0.2), _q(rng, 0.005, 0.2)
        if i == 0:
            b = (a[0], 9)
        if i in (1, 2):
            a, b = (0.125, i), (0.5 * i, -3)  # ties
        model = tb.quantize(shape=(1, 256), input_q=a, output_q=b)
        yield f"int8_{i:02}", model, _every_value(), True
    for source, output in (("uint8", "int8"), ("int8", "uint8")):
        for i in range(6):
            rng = _rng(f"quantize {source} {i}")
            a, b = _q(rng, 0.01, 0.2), _q(rng, 0.005, 0.2)
            if i == 0:
                b = a  # the converter's way: the same numbers, 128 apart
            a, b = (
                (a[0], a[1] + 128 * (source == "uint8")),
                (b[0], b[1] + 128 * (output == "uint8")),
            )
            model = tb.quantize(
                shape=(1, 256), dtype=source, input_q=a, output_q=b, output_dtype=output
            )
            yield f"{source}_{i:02}_to_{output}", model, _every_value().view(source), True
    for i in range(8):
        rng = _rng(f"quantize float {i}")
        scale, zero_point = _q(rng, 0.003, 0.5)
        halves = (np.arange(-300, 300) + 0.5) * np.float32(scale)
        drawn = rng.uniform(-200, 200, 400) * scale
        edges = np.array([0.0, -0.0, 1e6 * scale, -1e6 * scale, 1e-30, -1e-30])
        values = np.concatenate([halves, drawn, edges]).astype(np.float32)[np.newaxis]
        model = tb.quantize(shape=(1, 1006), dtype="float32", output_q=(scale, zero_point))
        yield f"float32_{i:02}", model, values, True


def _dequantize() -> Iterator[Made]:
    for i in range(8):
        q = _q(_rng(f"dequantize {i}"), 0.001, 2.0)
        yield f"{i:02}", tb.dequantize(shape=(1, 256), input_q=q), _every_value(), True


def _reshape() -> Iterator[Made]:
    plans = [
        ((1, 4, 3), (1, 12), "tensor"),
        ((1, 4, 3), (1, 12), "option"),
        ((1, 12), (1, 2, 3, 2), "tensor"),
        ((1, 2, 3, 2), (1, 12), "tensor"),
        ((1, 2, 3, 2), (12,), "tensor"),
        ((12,), (1, 12), "tensor"),
    ]
    for shape, new_shape, target in plans:
        names = "x".join(map(str, shape)), "x".join(map(str, new_shape))
        model = tb.reshape(shape=shape, new_shape=new_shape, target=target)
        yield f"{names[0]}_to_{names[1]}_{target}", model, _clips(shape, 3, "r"), True


def _add_model(
    left: tuple[int, ...],
    right: tuple[int, ...],
    qs: tuple[QParams, QParams, QParams],
    activation: g.Activation,
    seed: int,
    swapped: bool = False,
) -> bytes:
    """x + constant, or, where the shapes are equal, x + requantized x."""
    output = tuple(int(d) for d in np.broadcast_shapes(left, right))
    options = g.Add(activation)
    if left == right:
        tensors = [
            activation_tensor("a", left, qs[0]),
            activation_tensor("b", left, qs[1]),
            activation_tensor("output", output, qs[2]),
        ]
        places = (1, 0) if swapped else (0, 1)
        ops = [OpSpec("QUANTIZE", (0,), (1,)), OpSpec("ADD", places, (2,), options)]
        return tb.build_model(ops, tensors)
    data = np.random.default_rng(seed).integers(-128, 128, right).astype(np.int8)
    tensors = [
        activation_tensor("a", left, qs[0]),
        activation_tensor("b", right, qs[1], data=data),
        activation_tensor("output", output, qs[2]),
    ]
    return tb.build_model([OpSpec("ADD", (1, 0) if swapped else (0, 1), (2,), options)], tensors)


def _add() -> Iterator[Made]:
    for i in range(28):
        rng = _rng(f"add {i}")
        a, b = _q(rng, 0.005, 0.2), _q(rng, 0.005, 0.2)
        factor = float(rng.choice([1.0, 0.1, 8.0]))
        activation = ACTIVATIONS[i % 4]
        zero = int(rng.choice(ZERO_POINTS if activation == "none" else (-128, -90, -20)))
        out = (float(np.float32(max(a[0], b[0]) * factor)), zero)
        if activation in ("relu6", "relu_n1_to_1"):
            a, b, out = (0.1, a[1]), (b[0], b[1]), ((0.05, zero) if i % 8 < 4 else (0.02, zero))
        if i == 0:
            b = out = a
        if i == 4:
            a, b, out = (0.25, 1), (0.5, -2), (1.0, 0)  # ties
        model = _add_model((1, 6, 43), (1, 6, 43), (a, b, out), activation, i, i % 2 == 1)
        yield f"{i:02}_{activation}", model, _clips((1, 6, 43), a[1], str(i)), True
    broadcasts = [
        ((1, 4, 3), (3,)),
        ((1, 4, 3), (1,)),
        ((1, 4, 3), ()),
        ((1, 4, 3), (1, 4, 1)),
        ((1, 4, 3), (1, 1, 3)),
        ((1, 4, 5, 3), (1, 1, 1, 3)),
        ((1, 4, 5, 3), (1, 1, 5, 1)),
        ((1, 4, 5, 3), (4, 1, 3)),
        ((1, 1, 1, 3), (1, 4, 5, 3)),
        ((1, 4, 1, 3), (1, 1, 5, 1)),
        ((1, 4, 3), (1, 4, 3, 1, 1)),
    ]
    qs = ((0.02, 3), (0.03, -5), (0.04, 1))
    for i, (left, right) in enumerate(broadcasts):
        for swapped in (False, True):
            sizes = "x".join(map(str, left)) + "_and_" + ("x".join(map(str, right)) or "scalar")
            model = _add_model(left, right, qs, "none", i, swapped)
            order = "_swapped" if swapped else ""
            yield f"broadcast_{sizes}{order}", model, _clips(left, 3, str(i)), len(right) < 5


def _pad() -> Iterator[Made]:
    plans: list[tuple[tuple[int, ...], tuple[tuple[int, int], ...]]] = [
        ((1, 4, 3, 2), ((0, 0), (1, 2), (0, 1), (0, 0))),
        ((1, 4, 3, 2), ((0, 0), (0, 0), (0, 0), (0, 0))),
        ((1, 4, 3, 2), ((0, 0), (0, 0), (2, 0), (1, 3))),
        ((1, 4, 3), ((0, 0), (1, 2), (3, 0))),
        ((1, 7), ((0, 0), (5, 1))),
        ((7,), ((2, 1),)),
        ((1, 2, 3, 2, 2), ((0, 0), (1, 0), (0, 1), (2, 0), (0, 1))),
        ((1, 4, 3, 2), ((1, 1), (1, 1), (1, 1), (1, 1))),
    ]
    for shape, paddings in plans:
        for zero_point in (-128, 5):
            sizes = "x".join(map(str, shape)) + "_" + "_".join(f"{a}.{b}" for a, b in paddings)
            model = tb.pad(shape=shape, paddings=paddings, q=(1 / 64, zero_point))
            inputs = _clips(shape, zero_point, "p")
            portable = len(shape) < 5 and paddings[0] == (0, 0)
            yield f"{sizes}_zero{zero_point}", model, inputs, portable


def _concatenation_model(shapes: tuple[tuple[int, ...], ...], axis: int, q: QParams) -> bytes:
    """The input, or the input copied, beside constants."""
    joined = list(shapes[0])
    joined[axis] = sum(s[axis] for s in shapes)
    rng = _rng(f"concatenation {shapes}")
    tensors = [activation_tensor("input", shapes[0], q)]
    for i, shape in enumerate(shapes[1:]):
        data = rng.integers(-128, 128, shape).astype(np.int8)
        tensors.append(activation_tensor(f"constant{i}", shape, q, data=data))
    tensors.append(activation_tensor("output", joined, q))
    places = tuple(range(len(shapes)))
    op = OpSpec("CONCATENATION", places, (len(shapes),), g.Concatenation(axis))
    return tb.build_model([op], tensors)


def _concatenation() -> Iterator[Made]:
    plans: list[tuple[tuple[tuple[int, ...], ...], int]] = [
        (((1, 4, 3), (1, 4, 2)), 2),
        (((1, 4, 3), (1, 4, 2)), -1),
        (((1, 4, 3), (1, 1, 3)), 1),
        (((1, 2, 3, 4), (1, 2, 3, 1), (1, 2, 3, 5)), 3),
        (((1, 2, 3, 4), (1, 5, 3, 4)), 1),
        (((1, 2, 3, 4), (1, 2, 1, 4)), 2),
        (((1, 6), (1, 3)), 1),
        (((5,), (3,)), 0),
        (((1, 4), (1, 4)), 0),
        (tuple((1, i + 1) for i in range(10)), 1),
    ]
    for shapes, axis in plans:
        sizes = "_".join("x".join(map(str, s)) for s in shapes)
        model = _concatenation_model(shapes, axis, (1 / 64, 3))
        portable = len(shapes) < 10 and axis != 0
        yield f"{sizes}_axis{axis}".replace("-", "m"), model, _clips(shapes[0], 3, "c"), portable
    q = (0.05, -4)
    tensors = [
        activation_tensor("input", (1, 3, 4), q),
        activation_tensor("relu", (1, 3, 4), q),
        activation_tensor("output", (1, 3, 12), q),
    ]
    ops = [
        OpSpec("RELU", (0,), (1,)),
        OpSpec("CONCATENATION", (0, 1, 0), (2,), g.Concatenation(2)),
    ]
    yield "repeated_input", tb.build_model(ops, tensors), _clips((1, 3, 4), -4, "c"), True


def _network() -> Iterator[Made]:
    """Small nets, so that buffers are reused between layers."""
    for i in range(6):
        rng = _rng(f"network {i}")
        channels = int(rng.integers(2, 9))
        yield (
            f"separable_{i}",
            _separable(rng, channels, residual=i % 2 == 1),
            _clips((1, 9, 6, 1), 3, str(i)),
            True,
        )


def _separable(rng: np.random.Generator, channels: int, residual: bool) -> bytes:
    """conv, depthwise, pointwise (+ shortcut), mean, dense, softmax."""

    def weights(name: str, shape: tuple[int, ...], axis: int) -> TensorSpec:
        scales = tuple(float(np.float32(s)) for s in rng.uniform(0.002, 0.02, shape[axis]))
        data = rng.integers(-127, 128, shape).astype(np.int8)
        return TensorSpec(name, shape, "int8", scales, (0,), axis, data)

    def bias(name: str, count: int) -> TensorSpec:
        data = rng.integers(-2000, 2000, count).astype(np.int32)
        return TensorSpec(name, (count,), "int32", (1e-4,), (0,), 0, data)

    full, half = (1, 9, 6, channels), (1, 5, 3, channels)
    tensors = [
        activation_tensor("input", (1, 9, 6, 1), (1 / 64, 3)),  # 0
        weights("w0", (channels, 3, 3, 1), 0),  # 1
        bias("b0", channels),  # 2
        activation_tensor("conv", half, (0.03, -128)),  # 3
        weights("w1", (1, 3, 3, channels), 3),  # 4
        bias("b1", channels),  # 5
        activation_tensor("depthwise", half, (0.02, -128)),  # 6
        weights("w2", (channels, 1, 1, channels), 0),  # 7
        bias("b2", channels),  # 8
        activation_tensor("pointwise", half, (0.05, -10)),  # 9
        activation_tensor("sum", half, (0.06, -20)),  # 10
        constant("axes", (1, 2)),  # 11
        activation_tensor("mean", (1, channels), (0.03, -20)),  # 12
        weights("w3", (7, channels), 0),  # 13
        bias("b3", 7),  # 14
        activation_tensor("logits", (1, 7), (0.02, 4)),  # 15
        activation_tensor("output", (1, 7), (1 / 256, -128)),  # 16
    ]
    assert full
    last = 10 if residual else 9
    ops = [
        OpSpec("CONV_2D", (0, 1, 2), (3,), g.Conv2D("same", (2, 2), (1, 1), "relu")),
        OpSpec("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), g.DepthwiseConv2D("same", (1, 1), 1)),
        OpSpec("CONV_2D", (6, 7, 8), (9,), g.Conv2D("same", (1, 1))),
        *([OpSpec("ADD", (3, 9), (10,), g.Add("relu"))] if residual else []),
        OpSpec("MEAN", (last, 11), (12,), g.Mean(False)),
        OpSpec("FULLY_CONNECTED", (12, 13, 14), (15,), g.FullyConnected()),
        OpSpec("SOFTMAX", (15,), (16,), g.Softmax(1.0)),
    ]
    return tb.build_model(ops, tensors, [0], [16])


def _low_bit() -> Iterator[Made]:
    from tests import lowbit_cases  # it uses this module's helpers

    return lowbit_cases.cases()


def _int16() -> Iterator[Made]:
    from tests import wide_cases  # it widens the cases of this module

    return wide_cases.cases()


FAMILIES: dict[str, Callable[[], Iterator[Made]]] = {
    "conv_2d": _conv_2d,
    "depthwise_conv_2d": _depthwise_conv_2d,
    "fully_connected": _fully_connected,
    "max_pool_2d": lambda: _pool("MAX_POOL_2D"),
    "average_pool_2d": lambda: _pool("AVERAGE_POOL_2D"),
    "mean": _mean,
    "softmax": _softmax,
    "logistic": _logistic,
    "relu": _relu,
    "relu6": _relu6,
    "quantize": _quantize,
    "dequantize": _dequantize,
    "reshape": _reshape,
    "add": _add,
    "pad": _pad,
    "concatenation": _concatenation,
    "network": _network,
    "low_bit": _low_bit,
    "int16": _int16,
    "lstm": recurrent_cases.lstm_cases,
    "svdf": recurrent_cases.svdf_cases,
    "strided_slice": recurrent_cases.slice_cases,
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
