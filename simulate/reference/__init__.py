"""The definition: a plain NumPy interpreter of int8 models, equal to TFLite Micro on every bit.

It is written to be read beside docs/SPEC.md, "Rounding contract", and it is what the generated C is
held against. All clips go through an operator together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert import passes
from convert.errors import UnsupportedModelError
from convert.graph import Graph, Op, Tensor
from convert.params import (
    ConcatenationParams,
    ConvParams,
    CopyParams,
    DepthwiseConvParams,
    DequantizeParams,
    FullyConnectedParams,
    MeanParams,
    PadParams,
    Params,
    PickParams,
    PoolParams,
    QuantizeParams,
    ReduceExtremeParams,
    RescaleParams,
    ReshapeParams,
    SoftmaxParams,
    TableParams,
    TransposeConvParams,
    WideLeakyReluParams,
    WideSigmoidParams,
    WideSoftmaxParams,
)
from convert.params_binary import ExtremeParams, MulParams, PreluParams, SumParams
from convert.params_recurrent import LstmParams, SvdfParams
from convert.prepare import prepare_graph
from convert.prepare_recurrent import (
    LSTM_BIASES,
    LSTM_CELL,
    LSTM_HIDDEN,
    LSTM_HIDDEN_WEIGHTS,
    LSTM_INPUT_WEIGHTS,
    SVDF_STATE,
)
from simulate.backend import Trace, batch_of, clip_shape, empty_trace
from simulate.reference import binary, convolution, elementwise, pooling, recurrent, wide

Array = NDArray[np.generic]


class ReferenceBackend:
    """Runs a graph in NumPy integers.

    Args:
        graph: What `convert.tflite_reader.read` returns, passes applied or not.

    Raises:
        UnsupportedModelError: an operator.
        ModelError: scales or shapes that break a rule of TFLite Micro.
    """

    name = "reference"

    def __init__(self, graph: Graph) -> None:
        self._graph = passes.prepare(graph)
        self._params = prepare_graph(self._graph)

    def run(self, inputs: NDArray[np.generic]) -> Trace:
        """Run a batch; see `simulate.backend.Backend.run`. Returns every activation tensor.

        Args:
            inputs: (batch, *input shape without its leading 1), of the input tensor's dtype; with
                steps after the batch where the model has states.

        Raises:
            ModelError: the shape or type of `inputs` is another.
        """
        sources = [self._graph.tensors[index] for index in self._graph.inputs]
        batch = batch_of(inputs, sources, bool(self._graph.states))
        shown = [*self._graph.inputs, *(op.outputs[0] for op in self._graph.ops)]
        if batch.clips == 0:
            return empty_trace(self._graph, shown, batch.lead)
        states = {
            t.index: np.full((batch.clips, *t.shape), self._zero(t), t.dtype)
            for t in self._graph.states
        }
        parts = batch.parts
        steps = [self._step([part[:, i] for part in parts], states) for i in range(batch.steps)]

        def joined(index: int) -> Array:
            every = [step[index] for step in steps]
            values = np.stack(every, axis=1) if batch.lead else every[0]
            shape = clip_shape(self._graph.tensors[index].shape)
            return values.reshape(batch.clips, *batch.lead, *shape)

        return {index: joined(index) for index in shown}

    @staticmethod
    def _zero(tensor: Tensor) -> int:
        """What stands for the real value 0."""
        return tensor.quant.zero_point[0] if tensor.quant and tensor.dtype == "int8" else 0

    def _step(self, inputs: Sequence[Array], states: dict[int, Array]) -> dict[int, Array]:
        """One run: every tensor, clips first; `states` are changed."""
        clips = len(inputs[0])
        values: dict[int, Array] = {
            index: part.reshape(clips, *self._graph.tensors[index].shape)
            for index, part in zip(self._graph.inputs, inputs, strict=True)
        }
        values.update(states)
        for op, params in zip(self._graph.ops, self._params, strict=True):
            result = self._run_op(op, params, values)
            output = self._graph.tensors[op.outputs[0]]
            if result.shape[0] != clips:  # everything it read was constant
                result = np.broadcast_to(result, (clips, *result.shape[1:]))
            values[output.index] = result.reshape(clips, *output.shape)
            if output.state:
                states[output.index] = values[output.index]
        return values

    def _read(self, values: dict[int, Array], index: int) -> Array:
        """Values of a tensor, clips first; a constant counts as one clip."""
        if index in values:
            return values[index]
        data = self._graph.tensors[index].data
        assert data is not None  # Graph.verify: read only what is constant or was written
        return data[np.newaxis]

    def _constant(self, op: Op, position: int) -> Array | None:
        """Weights or biases: constant data, or None when the input is absent."""
        if len(op.inputs) <= position or op.inputs[position] == -1:
            return None
        tensor = self._graph.tensors[op.inputs[position]]
        if tensor.data is None:
            raise UnsupportedModelError(
                f"Operator {op.index} ({op.kind}) must have constant weights. Received: tensor "
                f"{tensor.index} ({tensor.name}), which is computed."
            )
        return tensor.data

    def _run_op(self, op: Op, params: Params, values: dict[int, Array]) -> Array:
        """One operator; the result has the clips first and the output's elements in order."""
        x: NDArray = self._read(values, op.inputs[0])
        match params:
            case ConvParams():
                weights, bias = self._constant(op, 1), self._constant(op, 2)
                return convolution.conv_2d(params, x, weights, bias)  # type: ignore[arg-type]
            case TransposeConvParams():
                weights, bias = self._constant(op, 1), self._constant(op, 2)
                return convolution.transpose_conv(params, x, weights, bias)  # type: ignore[arg-type]
            case DepthwiseConvParams():
                weights, bias = self._constant(op, 1), self._constant(op, 2)
                return convolution.depthwise_conv_2d(params, x, weights, bias)  # type: ignore[arg-type]
            case FullyConnectedParams():
                weights, bias = self._constant(op, 1), self._constant(op, 2)
                return convolution.fully_connected(params, x, weights, bias)  # type: ignore[arg-type]
            case PoolParams() if op.kind == "MAX_POOL_2D":
                return pooling.max_pool_2d(params, x)
            case PoolParams():
                return pooling.average_pool_2d(params, x)
            case MeanParams():
                return pooling.mean(params, x)
            case SumParams():
                return binary.joined(params, x, self._read(values, op.inputs[1]))
            case PreluParams():
                return binary.prelu(params, x, self._read(values, op.inputs[1]))
            case MulParams():
                return binary.product(params, x, self._read(values, op.inputs[1]))
            case ExtremeParams():
                return binary.extreme(params, x, self._read(values, op.inputs[1]))
            case ReduceExtremeParams():
                return pooling.reduce_extreme(params, x)
            case SoftmaxParams():
                return elementwise.softmax(params, x)
            case TableParams():
                unsigned = self._graph.tensors[op.outputs[0]].dtype == "uint8"
                return elementwise.table(params, x, np.uint8 if unsigned else np.int8)
            case QuantizeParams():
                return elementwise.quantize(params, x)
            case DequantizeParams():
                return elementwise.dequantize(params, x)
            case PadParams():
                return elementwise.pad(params, x)
            case ConcatenationParams():
                parts = [self._read(values, index) for index in op.inputs]
                return elementwise.concatenation(params, parts)
            case ReshapeParams():
                return x
            case RescaleParams():
                return wide.rescale(params, x)
            case WideSoftmaxParams():
                return wide.softmax(params, x)
            case WideSigmoidParams():
                return wide.sigmoid(params, x)
            case WideLeakyReluParams():
                return wide.leaky_relu(params, x)
            case PickParams():
                return elementwise.pick(params, x)
            case CopyParams():
                return elementwise.copy(params, x)
            case LstmParams():
                return self._lstm(op, params, x, values)
            case SvdfParams():
                constants: list[Any] = [self._constant(op, position) for position in (1, 2, 3)]
                memory = values[op.inputs[SVDF_STATE]].reshape(
                    len(x), params.batches, params.units * params.rank, params.memory
                )
                return recurrent.svdf(params, x, constants, memory)  # type: ignore[arg-type]

    def _lstm(self, op: Op, params: LstmParams, x: Array, values: dict[int, Array]) -> Array:
        """The constants of an LSTM collected, and its states as (clips, batches, units)."""
        groups: list[Any] = [
            [self._constant(op, position) for position in positions]
            for positions in (LSTM_INPUT_WEIGHTS, LSTM_HIDDEN_WEIGHTS, LSTM_BIASES)
        ]
        hidden, cell = (
            values[op.inputs[position]].reshape(len(x), params.batches, params.units)
            for position in (LSTM_HIDDEN, LSTM_CELL)
        )
        return recurrent.lstm(params, x, groups, hidden, cell)  # type: ignore[arg-type]
