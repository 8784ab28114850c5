"""Models with states: one-operator .tflite files, and their families of operator cases.

data = lstm(units=7, steps=5, time_major=True)
data = svdf(units=4, rank=2, memory=6)
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests import tflite_builder as tb
from tests.tflite_builder import OpSpec, QParams, TensorSpec, activation_tensor, constant

Made = tuple[str, bytes, NDArray, bool]
ZERO_POINTS = (-128, -60, -1, 0, 3, 127)


def _rng(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def _float32(value: float) -> float:
    return float(np.float32(value))


def weights(
    name: str, data: NDArray[np.integer], scale: float, dtype: str = "int8", **more
) -> TensorSpec:
    """A constant with one scale."""
    return TensorSpec(name, data.shape, dtype, (scale,), (0,), data=data, **more)


def lstm(
    *,
    batch: int = 1,
    steps: int = 4,
    depth: int = 5,
    units: int = 3,
    time_major: bool = False,
    cell_clip: float = 10.0,
    activation: g.Activation = "tanh",
    input_q: QParams = (1 / 64, 3),
    hidden_q: QParams = (1 / 128, -2),
    output_q: QParams | None = None,
    cell_power: int = -12,
    cell_scale: float | None = None,
    input_scales: Sequence[float] = (0.01, 0.012, 0.02, 0.008),
    hidden_scales: Sequence[float] = (0.02, 0.011, 0.016, 0.01),
    bias_size: int = 2000,
    variable: bool = True,
    weight_data: Sequence[NDArray] | None = None,
    seed: int = 0,
) -> bytes:
    """UNIDIRECTIONAL_SEQUENCE_LSTM; the scales are of the input, forget, cell and output gate.

    `weight_data` are the four weights of the input and then the four of the hidden state.
    """
    rng = np.random.default_rng(seed)
    shape = (steps, batch) if time_major else (batch, steps)
    sizes = [(units, depth)] * 4 + [(units, units)] * 4
    drawn = weight_data or [rng.integers(-127, 128, size) for size in sizes]
    scales = (*input_scales, *hidden_scales)
    tensors = [activation_tensor("input", (*shape, depth), input_q)]
    tensors += [
        weights(f"weights{i}", np.asarray(d), _float32(s))
        for i, (d, s) in enumerate(zip(drawn, scales, strict=True))
    ]
    for i, scale in enumerate(input_scales):
        data = rng.integers(-bias_size, bias_size + 1, units)
        tensors.append(weights(f"bias{i}", data, _float32(input_q[0] * scale), "int32"))
    cell = cell_scale if cell_scale is not None else 2.0**cell_power
    tensors += [
        activation_tensor("hidden", (batch, units), hidden_q, variable=variable),
        TensorSpec("cell", (batch, units), "int16", (cell,), (0,), variable=variable),
        activation_tensor("output", (*shape, units), output_q or hidden_q),
    ]
    places = (0, *range(1, 9), -1, -1, -1, *range(9, 13), -1, -1, 13, 14, -1, -1, -1, -1)
    options = g.Lstm(activation, cell_clip, 0.0, time_major)
    op = OpSpec("UNIDIRECTIONAL_SEQUENCE_LSTM", places, (15,), options)
    return tb.build_model([op], tensors, [0], [15])


def svdf_parts(
    rng: np.random.Generator,
    first: int,
    source: int,
    depth: int,
    units: int,
    rank: int,
    memory: int,
    *,
    batch: int = 1,
    input_q: QParams = (1 / 64, 3),
    state_q: QParams = (0.05, 0),
    output_q: QParams = (0.05, -128),
    feature_scale: float = 0.01,
    time_scale: float = 0.01,
    activation: g.Activation = "none",
    bias: bool = True,
    variable: bool = True,
) -> tuple[list[TensorSpec], OpSpec]:
    """Five tensors, numbered from `first`, and the SVDF that reads `source` and writes the last."""
    filters = units * rank
    scale = _float32(np.float32(state_q[0]) * np.float32(time_scale))
    feature_data, time_data = (rng.integers(-127, 128, (filters, n)) for n in (depth, memory))
    size = max(1, int(20000 / math.sqrt(filters)))
    tensors = [
        weights("feature", feature_data, _float32(feature_scale)),
        weights("time", time_data, _float32(time_scale)),
        weights("bias", rng.integers(-size, size + 1, units), scale, "int32"),
        activation_tensor("state", (batch, filters * memory), state_q, variable=variable),
        activation_tensor("output", (batch, units), output_q),
    ]
    places = (source, first, first + 1, first + 2 if bias else -1, first + 3)
    return tensors, OpSpec("SVDF", places, (first + 4,), g.Svdf(rank, activation))


def svdf(
    *,
    batch: int = 1,
    depth: int = 6,
    units: int = 4,
    rank: int = 2,
    memory: int = 5,
    input_q: QParams = (1 / 64, 3),
    seed: int = 0,
    **more,
) -> bytes:
    """SVDF; keywords as of `svdf_parts`."""
    rng = np.random.default_rng(seed)
    tensors, op = svdf_parts(
        rng, 1, 0, depth, units, rank, memory, batch=batch, input_q=input_q, **more
    )
    return tb.build_model([op], [activation_tensor("input", (batch, depth), input_q), *tensors])


# Families -----------------------------------------------------------------------------------------


def _clips(rng: np.random.Generator, shape: tuple[int, ...], zero_point: int) -> NDArray[np.int8]:
    """Two random clips, two extreme ones, and extremes in turn."""
    drawn = rng.integers(-128, 128, (2, *shape))
    turns = np.where(np.arange(math.prod(shape)) % 2 == 0, -128, 127).reshape(shape)
    extremes = [np.full(shape, v) for v in (-128, 127)]
    still = np.full(shape, zero_point)
    return np.concatenate([drawn, np.stack([*extremes, turns, still])]).astype(np.int8)


def lstm_cases() -> Iterator[Made]:
    """Sizes, zero points, scales of every part, clips, gates that saturate."""
    for i in range(24):
        rng = _rng(f"lstm {i}")
        batch = int(rng.choice([1, 1, 1, 2, 3]))
        steps, depth, units = (int(rng.integers(1, n)) for n in (9, 20, 12))
        time_major = bool(rng.random() < 0.4)
        strength = float(rng.choice([0.02, 0.3, 1.0, 6.0])) / math.sqrt(depth)
        input_q = (_float32(rng.uniform(0.004, 0.1)), int(rng.choice(ZERO_POINTS)))
        scales = rng.uniform(0.3, 1.0, 8) * strength / (127 * 60 * input_q[0])
        hidden = rng.uniform(0.3, 1.0, 4) * strength / 60
        model = lstm(
            batch=batch,
            steps=steps,
            depth=depth,
            units=units,
            time_major=time_major,
            cell_clip=float(rng.choice([0.0, 10.0, 0.4])),
            input_q=input_q,
            hidden_q=(_float32(rng.uniform(0.002, 0.02)), int(rng.choice(ZERO_POINTS))),
            cell_power=int(rng.integers(-16, -7)),
            input_scales=[_float32(s) for s in scales[:4]],
            hidden_scales=[_float32(s) for s in hidden],
            bias_size=int(rng.choice([0, 300, 100_000])),
            seed=i,
        )
        shape = (steps, batch) if time_major else (batch, steps)
        one = (*shape[1:], depth) if shape[0] == 1 else (*shape, depth)
        name = f"{i}_{'time' if time_major else 'batch'}_{batch}x{steps}x{depth}_{units}"
        yield name, model, _clips(rng, one, input_q[1]), shape[0] == 1
    for power in (-20, -15, -12, -11, 0):  # every form of the cell's tanh
        rng = _rng(f"cell {power}")
        model = lstm(cell_power=power, steps=6, cell_clip=0.0, seed=3)
        yield f"cell_scale_{-power}", model, _clips(rng, (6, 5), 3), True
    rng = _rng("lstm stepped")
    yield "one_step_at_a_time", lstm(steps=1), _clips(rng, (7, 1, 5), 3), True


def svdf_cases() -> Iterator[Made]:
    """Sizes, ranks, memories, zero points and scales over sequences."""
    for i in range(24):
        rng = _rng(f"svdf {i}")
        batch = int(rng.choice([1, 1, 1, 2]))
        depth, units, rank = (int(rng.integers(1, n)) for n in (24, 9, 4))
        memory = int(rng.integers(1, 13))
        input_q = (_float32(rng.uniform(0.004, 0.1)), int(rng.choice(ZERO_POINTS)))
        feature = float(rng.uniform(0.002, 0.02))
        largest = input_q[0] * feature * 70 * 70 * math.sqrt(depth) / 100
        state_q = (_float32(largest * rng.choice([1.0, 1.0, 0.1])), int(rng.choice([0, 0, 0, 5])))
        time = float(rng.uniform(0.002, 0.02))
        result = state_q[0] * time * 70 * 50 * math.sqrt(rank * memory) / 100
        model = svdf(
            batch=batch,
            depth=depth,
            units=units,
            rank=rank,
            memory=memory,
            input_q=input_q,
            state_q=state_q,
            output_q=(_float32(result * rng.choice([1.0, 0.1])), int(rng.choice(ZERO_POINTS))),
            feature_scale=feature,
            time_scale=time,
            seed=i,
        )
        one = (depth,) if batch == 1 else (batch, depth)
        inputs = _clips(rng, (int(rng.integers(2, 20)), *one), input_q[1])
        yield f"{i}_{batch}x{depth}_{units}r{rank}m{memory}", model, inputs, batch == 1
    rng = _rng("svdf relu")
    yield "relu", svdf(activation="relu"), _clips(rng, (9, 6), 3), True
    yield "single_run", svdf(memory=1), _clips(rng, (6,), 3), True
    yield "network", svdf_network(), _clips(rng, (15, 1, 10, 1), 3), True


def svdf_network(zero_point: int = 3) -> bytes:
    """RESHAPE, two SVDF, dense, softmax: a frame of 10 values per step."""
    rng = np.random.default_rng(0)
    scale = (1 / 64, zero_point)
    tensors = [activation_tensor("input", (1, 1, 10, 1), scale), constant("shape", (1, 10))]
    tensors.append(activation_tensor("frame", (1, 10), scale))
    more, first = svdf_parts(rng, 3, 2, 10, 6, 2, 5, input_q=scale)
    tensors += more
    more, second = svdf_parts(rng, 8, 7, 6, 5, 1, 4, input_q=(0.05, -128))
    tensors += [
        *more,
        weights("dense", rng.integers(-127, 128, (4, 5)), 0.01),
        activation_tensor("logits", (1, 4), (0.05, 3)),
        activation_tensor("output", (1, 4), (1 / 256, -128)),
    ]
    ops = [
        OpSpec("RESHAPE", (0, 1), (2,)),
        first,
        second,
        OpSpec("FULLY_CONNECTED", (12, 13, -1), (14,), g.FullyConnected()),
        OpSpec("SOFTMAX", (14,), (15,), g.Softmax(1.0)),
    ]
    return tb.build_model(ops, tensors, [0], [15])
