"""SVDF for the fast families: a FULLY_CONNECTED of the family, and one kernel for the memories."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from convert.constant_layers import ConstantLayer
from convert.emit_layer import Layer, LayerCode, struct_text
from convert.fast_outputs import Outputs, outputs_of
from convert.graph import Graph
from convert.overlap import Overlaps
from convert.params import FullyConnectedParams, Params, SvdfParams
from convert.prepare_recurrent import SVDF_BIAS, SVDF_FEATURE_WEIGHTS, SVDF_TIME_WEIGHTS

_WORD = 4
_MOST_MEMORY = 1 << 12  # places of eight filters fit 16 bits


class _Dense(Protocol):
    """What a family makes of a FULLY_CONNECTED."""

    @property
    def scratch(self) -> int:
        """Bytes."""


_D = TypeVar("_D", bound=_Dense)


@dataclass(frozen=True)
class FastSvdf(Generic[_D]):
    """One layer.

    Attributes:
        params: of the operator.
        projection: FULLY_CONNECTED from a step's input to the newest value of each filter.
        outputs: what follows the sums over time.
        weights: int8 (units, rank * memory), over time.
        scratch: bytes; the newest values.
        overlaps: none.
    """

    params: SvdfParams
    projection: _D
    outputs: Outputs
    weights: NDArray[np.int8]
    scratch: int
    overlaps: Overlaps = ()


def fast_svdfs(
    graph: Graph, params: Sequence[Params], dense: Callable[[ConstantLayer], _D | None]
) -> dict[int, FastSvdf[_D]]:
    """The layers that can be computed so, by their position in `graph.ops`.

    Args:
        graph: of int8 values, or with others beside them.
        params: of its operators.
        dense: what the family makes of a FULLY_CONNECTED, None where it cannot.
    """
    found = {}
    for position, (op, p) in enumerate(zip(graph.ops, params, strict=True)):
        if not isinstance(p, SvdfParams):
            continue
        constants = [
            None if op.inputs[i] == -1 else graph.tensors[op.inputs[i]].data
            for i in (SVDF_FEATURE_WEIGHTS, SVDF_TIME_WEIGHTS, SVDF_BIAS)
        ]
        if constants[0] is None or constants[1] is None or (p.has_bias and constants[2] is None):
            continue
        feature, time = (np.asarray(data, np.int8) for data in constants[:2])
        bias = None if constants[2] is None else np.asarray(constants[2], np.int32)
        made = _layer(p, position, feature, time, bias, dense)
        if made is not None:
            found[position] = made
    return found


def _layer(
    p: SvdfParams,
    position: int,
    feature: NDArray[np.int8],
    time: NDArray[np.int8],
    bias: NDArray[np.int32] | None,
    dense: Callable[[ConstantLayer], _D | None],
) -> FastSvdf[_D] | None:
    """None where the plain kernel must do it."""
    if p.memory > _MOST_MEMORY:
        return None
    filters = p.units * p.rank
    projecting = _dense(
        p.batches, p.depth, filters, p.input_offset, 0, (p.feature_multiplier, p.feature_shift)
    )
    projection = dense(
        ConstantLayer(position, projecting, feature.reshape(filters, p.depth), None, None)
    )
    by_unit = time.reshape(p.units, p.rank * p.memory)
    summing = _dense(
        p.batches,
        p.rank * p.memory,
        p.units,
        -p.state_offset,
        p.output_offset,
        (p.time_multiplier, p.time_shift),
    )
    outputs = outputs_of(summing, by_unit, bias)
    if projection is None or projection.scratch or outputs is None or not outputs.usual:
        return None
    kept = np.where(outputs.constant[:, np.newaxis], np.int8(0), by_unit)
    return FastSvdf(p, projection, outputs, kept, -(-p.batches * filters // _WORD) * _WORD)


def _dense(
    rows: int, depth: int, units: int, input_offset: int, output_offset: int, scale: tuple[int, int]
) -> FullyConnectedParams:
    return FullyConnectedParams(
        rows=rows,
        depth=depth,
        units=units,
        per_channel=False,
        has_bias=False,
        input_offset=input_offset,
        filter_offset=0,
        output_offset=output_offset,
        activation_min=-128,
        activation_max=127,
        multiplier=(scale[0],) * units,
        shift=(scale[1],) * units,
    )


def emit_svdf(
    layer: Layer,
    found: FastSvdf[_D],
    scratch: str,
    emit: Callable[[Layer, _D, str | None], LayerCode],
) -> LayerCode:
    """The C of one layer.

    Args:
        layer: the operator.
        found: what `fast_svdfs` made of it.
        scratch: C expression of type `int8_t *`.
        emit: makes the C of the family's FULLY_CONNECTED.
    """
    p, outputs = found.params, found.outputs
    projecting = replace(layer, name=f"{layer.name}_feature", output=scratch)
    projection = emit(projecting, found.projection, None)
    numbers = np.stack([outputs.bias, outputs.multiplier, outputs.shift], axis=1)
    channels, channels_text = layer.pool.add_structs(
        "ws_rescale", f"{layer.name}_channels", numbers
    )
    weights, weights_text = layer.pool.add("int8_t", f"{layer.name}_time_weights", found.weights)
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_svdf_memory_params",
        params,
        [
            ("batches", p.batches),
            ("units", p.units),
            ("rank", p.rank),
            ("memory", p.memory),
            ("state_offset", p.state_offset),
            ("output_offset", p.output_offset),
            ("channels", channels),
            ("weights", weights),
        ],
    )
    call = f"ws_svdf_memory(&{params}, {scratch}, {layer.states[0]}, {layer.output});"
    macs = p.batches * p.units * p.rank * (p.depth + p.memory)
    return LayerCode(
        (*projection.definitions, channels_text, weights_text, struct),
        (*projection.body, call),
        projection.kernel,
        macs,
        f"{p.depth} values to {p.units} units of rank {p.rank}, {p.memory} steps remembered",
        (*projection.also, "svdf_memory.c"),
    )
