"""Streaming models: variables that are read, joined, and assigned in every order there is."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from convert import graph as g
from tests.op_cases.drawing import Made, rng_of
from tests.tflite_builder import Streaming

_ROW = (1, 1, 6)


def _buffer(made: Streaming, x: int, frames: int, name: str = "buffer") -> int:
    """The last frames and x, (1, frames + 1, 6); as the streaming layers of Keras have it."""
    old = made.read(name, (1, frames, 6))
    joined = made.op("CONCATENATION", (old, x), (1, frames + 1, 6), g.Concatenation(1))
    made.assign(name, made.newest(joined, frames))
    return joined


def _convolution(made: Streaming) -> bytes:
    x = made.tensor(_ROW)
    first = _buffer(made, x, 2)
    sums = made.op("MEAN", (first, made.constant([1])), _ROW, g.Mean(True), (1 / 70, 3))
    scaled = made.op("QUANTIZE", (sums,), _ROW)
    second = _buffer(made, scaled, 4, "second")
    return made.finish(x, [made.op("RELU", (second,), (1, 5, 6))])


def _delay(made: Streaming) -> bytes:
    """The input itself is assigned, and what was read is the output."""
    x = made.tensor(_ROW)
    old = made.read("last", _ROW)
    made.assign("last", x)
    return made.finish(x, [made.op("RELU", (old,), _ROW)])


def _old_after(made: Streaming) -> bytes:
    """The old value is needed after the new one is there."""
    x = made.tensor(_ROW)
    old = made.read("sum", _ROW)
    new = made.op("ADD", (old, x), _ROW, g.Add())
    made.assign("sum", new)
    return made.finish(x, [made.op("SUB", (new, old), _ROW, g.Sub())])


def _accumulate(made: Streaming) -> bytes:
    """The old value is needed for the last time where the new one is computed."""
    x = made.tensor(_ROW)
    new = made.op("ADD", (made.read("sum", _ROW), x), _ROW, g.Add())
    made.assign("sum", new)
    return made.finish(x, [made.op("RELU", (new,), _ROW)])


def _read_again(made: Streaming) -> bytes:
    """Once before and once after the assignment, by another handle."""
    x = made.tensor(_ROW)
    old = made.read("value", _ROW)
    made.assign("value", made.op("MAXIMUM", (old, x), _ROW))
    new = made.read("value", _ROW, again=True)
    return made.finish(x, [made.op("SUB", (new, old), _ROW, g.Sub())])


def _swap(made: Streaming) -> bytes:
    """Two variables take each other's value, one of them through the input."""
    x = made.tensor(_ROW)
    one, other = made.read("one", _ROW), made.read("other", _ROW)
    made.assign("one", other)
    made.assign("other", made.op("ADD", (one, x), _ROW, g.Add()))
    return made.finish(x, [made.op("ADD", (one, other), _ROW, g.Add())])


def _reshaped(made: Streaming) -> bytes:
    """Read and assigned under other shapes than what is computed with."""
    x = made.tensor(_ROW)
    old = made.op("RESHAPE", (made.read("flat", (1, 12)),), (1, 2, 6))
    joined = made.op("CONCATENATION", (old, x), (1, 3, 6), g.Concatenation(1))
    made.assign("flat", made.op("RESHAPE", (made.newest(joined, 2),), (1, 12)))
    return made.finish(x, [made.op("RELU", (joined,), (1, 3, 6))])


def _twice(made: Streaming) -> bytes:
    """Assigned twice in one run, and read between."""
    x = made.tensor(_ROW)
    old = made.read("value", _ROW)
    made.assign("value", made.op("MINIMUM", (old, x), _ROW))
    between = made.read("value", _ROW)
    made.assign("value", made.op("ADD", (between, x), _ROW, g.Add()))
    return made.finish(x, [made.op("SUB", (between, old), _ROW, g.Sub())])


def _assigned_output(made: Streaming) -> bytes:
    """What is assigned is the model's output."""
    x = made.tensor(_ROW)
    joined = made.op(
        "CONCATENATION", (made.read("last", (1, 2, 6)), x), (1, 3, 6), g.Concatenation(1)
    )
    new = made.newest(joined, 2)
    made.assign("last", new)
    return made.finish(x, [new])


def _shared_value(made: Streaming) -> bytes:
    """One value is assigned to two variables; one of them is never read."""
    x = made.tensor(_ROW)
    old = made.read("one", _ROW)
    new = made.op("SUB", (old, x), _ROW, g.Sub())
    made.assign("one", new)
    made.assign("other", new)
    return made.finish(x, [made.op("RELU", (old,), _ROW)])


def _split(made: Streaming) -> bytes:
    """Parts of one tensor go to two variables."""
    x = made.tensor(_ROW)
    joined = made.op(
        "PACK", (made.read("a", _ROW), made.read("b", _ROW), x), (1, 1, 3, 6), g.Pack(2)
    )
    flat = made.op("RESHAPE", (joined,), (1, 3, 6))
    made.assign("a", made.op("RESHAPE", (made.newest(flat, 1),), _ROW))
    wanted = (flat, made.constant([0, 1, 0]), made.constant([1, 1, -1]))
    made.assign("b", made.op("SLICE", wanted, _ROW))
    return made.finish(x, [made.op("RELU", (flat,), (1, 3, 6))])


MODELS: dict[str, Callable[[Streaming], bytes]] = {
    "convolution": _convolution,
    "delay": _delay,
    "old_after": _old_after,
    "accumulate": _accumulate,
    "read_again": _read_again,
    "swap": _swap,
    "reshaped": _reshaped,
    "twice": _twice,
    "assigned_output": _assigned_output,
    "shared_value": _shared_value,
    "split": _split,
}


def inputs_of(name: str) -> NDArray[np.int8]:
    """Clips of 7 steps: random ones and both extremes."""
    drawn = rng_of(f"variables {name}").integers(-128, 128, (3, 7, *_ROW[1:]))
    extremes = [np.full((7, *_ROW[1:]), v) for v in (-128, 127)]
    return np.concatenate([drawn, np.stack(extremes)]).astype(np.int8)


def variable_cases() -> Iterator[Made]:
    for name, make in MODELS.items():
        for zero_point in (-128, 3):
            model = make(Streaming((1 / 64, zero_point)))
            # The C runner lists what layers give; a trace holds a variable's last value only.
            yield f"{name}_zero{zero_point}", model, inputs_of(name), name != "twice"
