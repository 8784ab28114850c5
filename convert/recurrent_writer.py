"""Chains of LSTM, SVDF and dense layers as .tflite files: what no Keras converter writes.

The TFLite converter knows no SVDF, and no LSTM whose ranges were learned in quantization-aware
training. Here a chain of such layers is written operator by operator, in int8 with given ranges or
in float32. An LSTM reads whole windows, an SVDF a frame per run; the file's input follows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UnsupportedModelError
from convert.tflite_writer import Model, QuantPair

Array = NDArray[np.floating]
Range = tuple[float, float]
Precision = Literal["float32", "int8"]

GATES = 4
_INPUT: QuantPair = (1.0 / 64.0, 0)
_SOFTMAX: QuantPair = (1.0 / 256.0, -128)
_LARGEST = 127  # of symmetric int8 weights


@dataclass(frozen=True, eq=False)
class LstmBlock:
    """An LSTM layer with weights as Keras has them, gates input, forget, cell, output.

    Attributes:
        name: of the layer.
        kernel: (width, 4 * units).
        recurrent: (units, 4 * units).
        bias: (4 * units,).
        hidden: range of the hidden state.
        cell_peak: largest absolute cell.
        sequences: give every frame's output to the next block, not only the last one's.
    """

    name: str
    kernel: Array
    recurrent: Array
    bias: Array
    hidden: Range
    cell_peak: float
    sequences: bool = False


@dataclass(frozen=True, eq=False)
class SvdfBlock:
    """An SVDF layer with ReLU.

    Attributes:
        name: of the layer.
        feature: (width, units * rank).
        time: (units * rank, memory), the newest frame last.
        bias: (units,).
        rank: filters of a unit.
        state_peak: largest absolute value that is remembered.
        output: range of the output; begins at 0.
    """

    name: str
    feature: Array
    time: Array
    bias: Array
    rank: int
    state_peak: float
    output: Range


@dataclass(frozen=True, eq=False)
class DenseBlock:
    """A dense layer.

    Attributes:
        name: of the layer.
        kernel: (width, units).
        bias: (units,).
        activation: what follows.
        output: range of the output; with softmax, of what goes into it.
    """

    name: str
    kernel: Array
    bias: Array
    activation: Literal["linear", "relu", "softmax"]
    output: Range


Block = LstmBlock | SvdfBlock | DenseBlock


def affine(low: float, high: float) -> QuantPair:
    """Scale and zero point of int8 for a range, which is widened to hold zero.

    As TensorFlow's fake quantization nudges it: the scale is that of the range, the zero point the
    nearest integer.
    """
    low, high = min(low, 0.0), max(high, 0.0, low + 1e-6)
    scale = np.float32((high - low) / 255.0)
    zero_point = math.floor(-128.0 - low / float(scale) + 0.5)
    return float(scale), int(np.clip(zero_point, -128, 127))


def symmetric(peak: float) -> QuantPair:
    """Scale for values of up to `peak` on both sides."""
    return float(np.float32(max(peak, 1e-6) / _LARGEST)), 0


def power_of_two(peak: float) -> QuantPair:
    """Scale of int16 cells: the least power of two that holds `peak`, at most 2^0 a step."""
    exponent = math.ceil(math.log2(max(peak, 2.0**-5)))
    return 2.0 ** min(exponent - 15, 0), 0


def write(
    blocks: Sequence[Block], shape: tuple[int, int], precision: Precision, description: str = ""
) -> bytes:
    """A .tflite of a chain.

    Args:
        blocks: in order; LSTM or SVDF first, dense layers after them.
        shape: frames and width of a window.
        precision: "int8" with the blocks' ranges, or "float32".
        description: stands in the file.

    Returns:
        The file; the same for the same blocks.

    Raises:
        UnsupportedModelError: LSTM and SVDF in one chain.
        ModelError: no recurrent block, or one after a dense block.
    """
    kinds = [type(block) for block in blocks]
    recurrent = [kind for kind in kinds if kind is not DenseBlock]
    if len(set(recurrent)) > 1:
        raise UnsupportedModelError(
            "A chain must hold LSTM layers or SVDF layers. Received: both. An LSTM reads a window "
            "at once, an SVDF a frame at a time; use one of them."
        )
    if not recurrent or DenseBlock in kinds[: len(recurrent)]:
        raise ModelError(
            "A chain must begin with recurrent layers, dense ones follow. Received: "
            f"{', '.join(kind.__name__ for kind in kinds) or 'nothing'}."
        )
    return _Chain(precision == "int8", description).write(blocks, shape)


class _Chain:
    """The file as it grows; `place` is the tensor that the next block reads."""

    def __init__(self, int8: bool, description: str) -> None:
        self.int8 = int8
        self.model = Model(description or "written by wakesmith")
        self.place = -1
        self.quant: QuantPair = _INPUT

    def write(self, blocks: Sequence[Block], shape: tuple[int, int]) -> bytes:
        frames, width = shape
        if isinstance(blocks[0], LstmBlock):
            first = self._activation("features", (1, frames, width, 1), _INPUT)
            wanted = self._constant("frames", np.asarray([1, frames, width], np.int32))
            self.place = self._activation("frames_of_bands", (1, frames, width), _INPUT)
            self.model.op("RESHAPE", (first, wanted), self.place, "ReshapeOptions")
        else:
            first = self.place = self._activation("features", (1, width), _INPUT)
        for block in blocks:
            if isinstance(block, LstmBlock):
                self._lstm(block, frames)
            elif isinstance(block, SvdfBlock):
                self._svdf(block)
            else:
                self._dense(block)
        return self.model.finish(first, self.place)

    def _activation(self, name: str, shape: tuple[int, ...], quant: QuantPair, **more: Any) -> int:
        return self.model.tensor(
            name, shape, "int8" if self.int8 else "float32", quant if self.int8 else None, **more
        )

    def _constant(self, name: str, values: NDArray[np.generic]) -> int:
        return self.model.tensor(name, values.shape, values.dtype.name, data=values)

    def _weights(self, name: str, values: Array) -> tuple[int, float]:
        """(tensor, scale): int8 with one scale, its largest absolute value being 127."""
        if not self.int8:
            return self._constant(name, values.astype(np.float32)), 1.0
        quant = symmetric(float(np.abs(values).max()))
        codes = np.rint(values.astype(np.float64) / quant[0]).clip(-_LARGEST, _LARGEST)
        data = codes.astype(np.int8)
        return self.model.tensor(name, data.shape, "int8", quant, data=data), quant[0]

    def _bias(self, name: str, values: Array, before: float, weight: float) -> int:
        """int32 in units of the products' scale."""
        if not self.int8:
            return self._constant(name, values.astype(np.float32))
        scale = float(np.float32(np.float32(before) * np.float32(weight)))
        limits = np.iinfo(np.int32)
        codes = np.rint(values.astype(np.float64) / scale).clip(limits.min, limits.max)
        data = codes.astype(np.int32)
        return self.model.tensor(name, data.shape, "int32", (scale, 0), data=data)

    def _lstm(self, block: LstmBlock, frames: int) -> None:
        units = block.recurrent.shape[0]
        hidden = affine(*block.hidden)
        names = ("input", "forget", "cell", "output")
        of_input, of_hidden, biases = [], [], []
        for i, name in enumerate(names):
            part = slice(i * units, (i + 1) * units)
            place, scale = self._weights(f"{block.name}/{name}/kernel", block.kernel[:, part].T)
            of_input.append(place)
            of_hidden.append(
                self._weights(f"{block.name}/{name}/recurrent", block.recurrent[:, part].T)[0]
            )
            biases.append(
                self._bias(f"{block.name}/{name}/bias", block.bias[part], self.quant[0], scale)
            )
        kept = self._activation(f"{block.name}/hidden", (1, units), hidden, variable=True)
        cells = self.model.tensor(
            f"{block.name}/cells",
            (1, units),
            "int16" if self.int8 else "float32",
            power_of_two(block.cell_peak) if self.int8 else None,
            variable=True,
        )
        output = self._activation(f"{block.name}/sequence", (1, frames, units), hidden)
        none = (-1,) * 4
        inputs = (self.place, *of_input, *of_hidden, -1, -1, -1, *biases, -1, -1, kept, cells)
        self.model.op(
            "UNIDIRECTIONAL_SEQUENCE_LSTM",
            (*inputs, *none),
            output,
            "UnidirectionalSequenceLSTMOptions",
            fusedActivationFunction="TANH",
        )
        self.place, self.quant = output, hidden
        if not block.sequences:
            limits = [
                self._constant(f"{block.name}/{name}", np.asarray(values, np.int32))
                for name, values in (
                    ("begin", (0, -1, 0)),
                    ("end", (0, 0, 0)),
                    ("strides", (1, 1, 1)),
                )
            ]
            last = self._activation(f"{block.name}/last", (1, units), hidden)
            self.model.op(
                "STRIDED_SLICE",
                (output, *limits),
                last,
                "StridedSliceOptions",
                beginMask=0b101,
                endMask=0b101,
                shrinkAxisMask=0b010,
            )
            self.place = last

    def _svdf(self, block: SvdfBlock) -> None:
        filters, memory = block.time.shape
        units = filters // block.rank
        state, output = symmetric(block.state_peak), affine(0.0, block.output[1])
        feature, _ = self._weights(f"{block.name}/feature", block.feature.T)
        time, scale = self._weights(f"{block.name}/time", block.time)
        bias = self._bias(f"{block.name}/bias", block.bias, state[0], scale)
        kept = self._activation(f"{block.name}/state", (1, filters * memory), state, variable=True)
        result = self._activation(f"{block.name}/output", (1, units), output)
        self.model.op(
            "SVDF",
            (self.place, feature, time, bias, kept),
            result,
            "SVDFOptions",
            version=4 if self.int8 else 1,
            rank=block.rank,
            fusedActivationFunction="RELU",
        )
        self.place, self.quant = result, output

    def _dense(self, block: DenseBlock) -> None:
        units = block.kernel.shape[1]
        output = affine(*block.output)
        kernel, scale = self._weights(f"{block.name}/kernel", block.kernel.T)
        bias = self._bias(f"{block.name}/bias", block.bias, self.quant[0], scale)
        name = "logits" if block.activation == "softmax" else "output"
        result = self._activation(f"{block.name}/{name}", (1, units), output)
        self.model.op(
            "FULLY_CONNECTED",
            (self.place, kernel, bias),
            result,
            "FullyConnectedOptions",
            version=4 if self.int8 else 1,
            fusedActivationFunction="RELU" if block.activation == "relu" else "NONE",
        )
        self.place, self.quant = result, output
        if block.activation == "softmax":
            self.place = self._activation(f"{block.name}/softmax", (1, units), _SOFTMAX)
            self.model.op(
                "SOFTMAX",
                (result,),
                self.place,
                "SoftmaxOptions",
                version=2 if self.int8 else 1,
                beta=1.0,
            )
            self.quant = _SOFTMAX
