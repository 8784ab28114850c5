"""Built models that are changed through the object API, for `tests.convert.broken_*`."""

from __future__ import annotations

from collections.abc import Callable

from tests import tflite_builder as build

BrokenModel = tuple[Callable, str, bytes, str]
"""The constraint, what is wrong, the file, and what the message says was received."""


def one_sentence(error: Exception) -> str:
    """What a refusal says, which must be one sentence."""
    text = str(error)
    assert "\n" not in text and 20 < len(text) < 700
    assert "Received" in text or "must be written" in text
    return text


def edit(make: Callable[..., bytes], change: Callable, **keywords) -> bytes:
    """A built model, changed through the object API; `change` gets (subgraph, operator)."""
    model = build.unpack(make(**keywords))
    sub = model.subgraphs[0]
    change(sub, sub.operators[0])
    return build.pack(model)


def set_quant(index: int, scale=None, zero_point=None, axis=None):
    def change(sub, op):
        q = sub.tensors[index].quantization
        q.scale = q.scale if scale is None else scale
        q.zeroPoint = q.zeroPoint if zero_point is None else zero_point
        q.quantizedDimension = q.quantizedDimension if axis is None else axis

    return change


def set_shape(index: int, shape):
    return lambda sub, op: setattr(sub.tensors[index], "shape", list(shape))


def make_input(index: int):
    """Turn a constant into a second graph input."""

    def change(sub, op):
        sub.tensors[index].buffer = 0
        sub.inputs = [*sub.inputs, index]

    return change


def unquantized(make: Callable[..., bytes], index: int) -> bytes:
    return edit(make, lambda sub, op: setattr(sub.tensors[index], "quantization", None))
