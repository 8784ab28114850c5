"""Cases of operators with weights or windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from convert import graph as g
from tests import tflite_builder as tb
from tests.op_cases.drawing import (
    ACTIVATIONS,
    Made,
    clips_of,
    described,
    quant,
    rng_of,
    weighted_options,
    window,
)
from tests.op_cases.edges import CHANNELS, rounding_edges
from tests.tflite_builder import OpSpec, TensorSpec, activation_tensor


def conv_2d_cases() -> Iterator[Made]:
    for i in range(64):
        rng = rng_of(f"conv_2d {i}")
        options = window(rng, dilate=i % 3 == 0)
        channels, filters = int(rng.integers(1, 10)), int(rng.integers(1, 10))
        if i % 8 == 7:  # pointwise, as in separable blocks
            options |= {"kernel": (1, 1), "dilation": (1, 1)}
            channels, filters = int(rng.integers(1, 40)), int(rng.integers(1, 40))
        depth = channels * math.prod(options["kernel"])
        options = weighted_options(rng, options, filters, depth)
        shape = (1, options["height"], options["width"], channels)
        model = tb.conv_2d(channels=channels, filters=filters, **options)
        inputs = clips_of(shape, options["input_q"][1], str(i))
        yield f"{i:02}_{described(options)}_c{channels}_f{filters}", model, inputs, True
    extremes: dict[str, dict[str, Any]] = {
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
        "some_minus_128": {"filters": 7, "weights": _some_minus_128((7, 3, 3, 3))},
        "steps": _STEPS,
        "bounds_within": {"activation": "relu_n1_to_1", "output_q": (0.02, -5), "filters": 5},
    }
    for label, more in extremes.items():
        options = {"input_q": (1 / 64, 3)} | more
        inputs = clips_of((1, 6, 5, 3), options["input_q"][1], label)
        yield label, tb.conv_2d(seed=len(label), **options), inputs, True
    yield from _large_windows()
    edges = rounding_edges(0, (CHANNELS, 1, 1, 4))
    shape = {"height": 1, "width": 1, "channels": 4, "filters": CHANNELS, "kernel": (1, 1)}
    yield "rounding_edges", tb.conv_2d(**shape, **edges), clips_of((1, 1, 1, 4)), True
    yield "two_images", tb.conv_2d(batch=2), clips_of((2, 6, 5, 3), 3, "two"), False
    yield from _groups()


def _groups() -> Iterator[Made]:
    """Groups of 1 to 9 channels that make 1 to 9 each."""
    for i in range(24):
        rng = rng_of(f"groups {i}")
        options = window(rng, dilate=i % 4 == 0)
        if i % 6 == 5:
            options |= {"kernel": (1, 1), "dilation": (1, 1)}
        groups = int(rng.integers(2, 7))
        depth, each = (4 * i % 9 + 1, int(rng.integers(1, 10))) if i else (4, 8)
        taps = math.prod(options["kernel"])
        options = weighted_options(rng, options, groups * each, depth * taps)
        shape = (1, options["height"], options["width"], groups * depth)
        model = tb.conv_2d(channels=shape[3], filters=groups * each, groups=groups, **options)
        inputs = clips_of(shape, options["input_q"][1], f"groups {i}")
        yield f"groups_{i:02}_{described(options)}_{groups}x{depth}to{each}", model, inputs, True
    extremes: dict[str, dict[str, Any]] = {
        "of_minus_128": {"weights": np.full((10, 3, 3, 3), -128)},
        "of_some_minus_128": {"filters": 6, "weights": _some_minus_128((6, 3, 3, 3))},
        "above_one": {"weight_scale": 0.05, "output_q": (0.0003, 5)},
        "of_one_and_bounds": {"channels": 2, "activation": "relu_n1_to_1", "output_q": (0.02, -5)},
        "steps": _STEPS
        | {"filters": 14, "groups": 7, "channels": 14}
        | {key: np.repeat(_STEPS[key], 2) for key in ("weight_scale", "bias_data")},
        "of_two_images": {"batch": 2},
        "without_bias": {"bias": False},
    }
    for label, more in extremes.items():
        options = {"input_q": (1 / 64, 3), "channels": 6, "filters": 10, "groups": 2} | more
        shape = (options.get("batch", 1), 6, 5, options["channels"])
        model = tb.conv_2d(seed=len(label), **options)
        yield f"groups_{label}", model, clips_of(shape, 3, label), "batch" not in options


def _large_windows() -> Iterator[Made]:
    """Outputs larger than the input, of few channels that each see much of it."""
    for height, width, channels, kernel, stride, filters, padding in (
        (25, 20, 1, (10, 8), (2, 2), 8, "same"),
        (25, 20, 1, (10, 8), (1, 2), 8, "valid"),
        (24, 6, 3, (5, 5), (1, 1), 8, "same"),
        (13, 9, 2, (7, 5), (1, 1), 5, "same"),
        (30, 4, 5, (15, 1), (1, 1), 7, "same"),
        (4, 33, 1, (4, 16), (1, 1), 6, "same"),
        (9, 7, 1, (9, 9), (1, 1), 3, "same"),
        (49, 40, 1, (10, 8), (2, 2), 8, "same"),
        (21, 10, 2, (9, 4), (1, 1), 6, "same"),
    ):
        label = f"large_{height}x{width}x{channels}_k{kernel[0]}x{kernel[1]}_{filters}_{padding}"
        options = weighted_options(rng_of(label), {}, filters, channels * math.prod(kernel))
        model = tb.conv_2d(
            height=height, width=width, channels=channels, kernel=kernel, stride=stride,
            filters=filters, padding=padding, **options,
        )  # fmt: skip
        inputs = clips_of((1, height, width, channels), options["input_q"][1], label)
        yield label, model, inputs, True


# Channels of hardly any scale: the first is usual, the output of the second to fourth rises by one
# somewhere in reach of the sums, that of the others never, wherever their bias has put it.
_STEPS: dict[str, Any] = {
    "filters": 7,
    "weight_scale": [0.01, 1e-7, 5e-8, 1e-7, 1e-9, 1e-12, 1e-11],
    "output_q": (0.02, -9),
    "bias_data": np.array([9, 6400000, -12800000, -19200000, 2**31 - 2**20, 2**30, 2**20 - 2**31]),
}


def _some_minus_128(shape: tuple[int, ...]) -> np.ndarray:
    """Weights of which -128 often is beside a negative one, for the first and for the second."""
    return rng_of(f"minus 128 {shape}").choice([-128, -1, 127, 3], shape)


def depthwise_conv_2d_cases() -> Iterator[Made]:
    for i in range(56):
        # With a bias: TFLite Micro crashes on a depthwise convolution whose third input is -1.
        rng = rng_of(f"depthwise {i}")
        options = window(rng, dilate=i % 3 == 0)
        multiplier = int(rng.choice([1, 1, 2, 3, 8]))
        channels = int(rng.integers(1, 12))
        options = weighted_options(
            rng, options, channels * multiplier, math.prod(options["kernel"])
        )
        options["bias"] = True
        shape = (1, options["height"], options["width"], channels)
        model = tb.depthwise_conv_2d(channels=channels, multiplier=multiplier, **options)
        inputs = clips_of(shape, options["input_q"][1], str(i))
        yield f"{i:02}_{described(options)}_c{channels}_m{multiplier}", model, inputs, True
    extremes: dict[str, dict[str, Any]] = {
        "multiplier_above_one": {"weight_scale": 0.05, "output_q": (0.0003, 5)},
        "ties": {"weight_scale": 1 / 64, "input_q": (1 / 64, 1), "output_q": (1 / 16, 0)},
        "multiplier_vanishes": {"weight_scale": 1e-7, "input_q": (1e-4, 9), "output_q": (0.5, -9)},
        "large_bias": {"bias_data": np.array([2**30, -(2**30), 2**20])},
        "weights_minus_128": {"weights": np.full((1, 3, 3, 3), -128)},
        "steps": {
            key: values if key == "output_q" else values[1:4]
            for key, values in _STEPS.items()
            if key != "filters"
        },
    }
    for label, more in extremes.items():
        options = {"input_q": (1 / 64, 3)} | more
        inputs = clips_of((1, 6, 5, 3), options["input_q"][1], label)
        yield label, tb.depthwise_conv_2d(seed=len(label), **options), inputs, True
    for side in (2, 3):
        edges = rounding_edges(3, (1, side, side, CHANNELS))
        shape = {"height": 2, "width": 3, "channels": CHANNELS, "kernel": (side, side)}
        model = tb.depthwise_conv_2d(**shape, **edges)
        yield f"rounding_edges_{side}", model, clips_of((1, 2, 3, CHANNELS)), True
    for label, more in _TAPS.items():
        options = {"input_q": (1 / 64, 3), "height": 9, "width": 7} | more
        inputs = clips_of((1, 9, 7, options["channels"]), 3, label)
        yield label, tb.depthwise_conv_2d(seed=len(label), **options), inputs, True
    yield "no_bias", _depthwise_without_bias(), clips_of((1, 6, 5, 3), 3, "no_bias"), True
    yield "two_images", tb.depthwise_conv_2d(batch=2), clips_of((2, 6, 5, 3), 3, "two"), False


# Four channels and more, where filters go tap by tap: left-overs, even numbers of taps, one tap.
_TAPS: dict[str, dict[str, Any]] = {
    "stride_2": {"channels": 16, "stride": (2, 2)},
    "stride_2_and_1": {"channels": 13, "stride": (2, 1), "padding": "valid"},
    "tall": {"channels": 18, "kernel": (9, 1), "padding": "valid"},
    "tall_and_same": {"channels": 7, "kernel": (6, 1), "output_q": (0.005, 3)},
    "wide": {"channels": 4, "kernel": (1, 5), "activation": "relu_n1_to_1"},
    "one_tap_of_three": {"channels": 3, "kernel": (1, 1)},
    "one_tap": {"channels": 5, "kernel": (1, 1), "output_q": (0.01, 3)},
    "dilated": {"channels": 11, "dilation": (2, 3)},
    "multiplier_above_one_6": {"channels": 6, "stride": (2, 2), "output_q": (0.0003, 5)},
    "minus_128_9": {"channels": 9, "stride": (1, 2), "weights": np.full((1, 3, 3, 9), -128)},
}


def _depthwise_without_bias() -> bytes:
    """Two inputs, the one way to leave the bias out that TFLite Micro survives."""
    weights = rng_of("no bias").integers(-127, 128, (1, 3, 3, 3)).astype(np.int8)
    tensors = [
        activation_tensor("input", (1, 6, 5, 3), (1 / 64, 3)),
        TensorSpec("weights", (1, 3, 3, 3), "int8", (0.01,), (0,), 3, weights),
        activation_tensor("output", (1, 6, 5, 3), (0.02, -7)),
    ]
    op = OpSpec("DEPTHWISE_CONV_2D", (0, 1), (2,), g.DepthwiseConv2D("same", (1, 1), 1))
    return tb.build_model([op], tensors)


def fully_connected_cases() -> Iterator[Made]:
    for i in range(44):
        rng = rng_of(f"fully_connected {i}")
        inputs_count, units = int(rng.integers(1, 300)), int(rng.integers(1, 20))
        options = weighted_options(rng, {}, units, inputs_count)
        if units == 1:
            options["per_channel"] = False
            options["weight_scale"] = options["weight_scale"][:1]
        if i % 2:  # scales whose product float32 must round
            options["input_q"] = (float(np.float32(rng.uniform(0.01, 0.1))), 11)
        model = tb.fully_connected(inputs=inputs_count, units=units, **options)
        how = "per_channel" if options["per_channel"] else "per_tensor"
        inputs = clips_of((1, inputs_count), options["input_q"][1], str(i))
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
        yield label, model, clips_of(more["input_shape"], 3, label), True
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
        yield f"ties_per_{how}", model, clips_of((1, 40), 1, "ties"), True
    edges = rounding_edges(0, (CHANNELS, 4))
    model = tb.fully_connected(inputs=4, units=CHANNELS, **edges)
    yield "rounding_edges", model, clips_of((1, 4)), True
    for units in (1, 7, 21):  # -128 beside others
        model = tb.fully_connected(units=units, weights=_some_minus_128((units, 12)))
        yield f"minus_128_to_{units}", model, clips_of((1, 12), 3, "minus"), True
    yield "no_bias", tb.fully_connected(bias=False), clips_of((1, 12), 3, "nb"), True
    yield "saturates", tb.fully_connected(output_q=(1e-4, 100)), clips_of((1, 12), 3, "sat"), True


def pool_cases(kind: str) -> Iterator[Made]:
    for i in range(28):
        rng = rng_of(f"{kind} {i}")
        options = window(rng, dilate=False)
        options["window"] = options.pop("kernel")
        del options["dilation"]
        channels = int(rng.integers(1, 10))
        activation = ACTIVATIONS[i % 4] if i % 2 else "none"
        q = quant(rng, 0.005, 0.1)
        if i % 7 == 6:  # over the whole map
            options |= {"window": (options["height"], options["width"]), "padding": "valid"}
        model = tb.pool_2d(kind, channels=channels, q=q, activation=activation, **options)
        shape = (1, options["height"], options["width"], channels)
        w, s = options["window"], options["stride"]
        name = (
            f"{i:02}_{options['height']}x{options['width']}_w{w[0]}x{w[1]}_s{s[0]}x{s[1]}_"
            f"{options['padding']}_c{channels}_{activation}"
        )
        yield name, model, clips_of(shape, q[1], str(i)), True
    yield "two_images", tb.pool_2d(kind, batch=2), clips_of((2, 6, 5, 3), 3, "two"), False
