"""int8 weights that lie on a 4-bit grid, rewritten as TFLite INT4.

A quantizer of 4 bits leaves weights k * S, k from -7 to 7. The converter knows nothing of it and
writes them as int8 with the scale max|w| / 127, so that the largest k becomes 127 and every other
one the nearest integer to 127 k / k_max: 18, 36, 54, 73, 91, 109, 127 for k_max = 7. Here k and the
step are found back and the file is written with k itself and the scale S.

No tolerance is involved: a grid is accepted only if every int8 value is the nearest integer to its
level, in integer arithmetic, so that quantizing the levels to int8 again gives the same file. The
float weights are therefore not asked for: they could tell nothing more, and are changed by the
folding of batch normalisation that only the converter does.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert import tflite_writer as writer
from convert.errors import ModelError, SpecError
from convert.graph import CHANNEL_AXES, Graph, Op, Tensor, shown
from convert.nibbles import pack_nibbles
from convert.tflite_reader import read

LARGEST = 7  # -8 is left out, as TFLite leaves out -128: the grid is symmetric
_INT32 = np.iinfo(np.int32)


@dataclass(frozen=True, eq=False)
class Grid:
    """A channel's int8 values q as levels: q is the nearest integer to k * peak / steps."""

    levels: NDArray[np.int8]  # k, in -7..7
    peak: int  # largest |q|; 0 in a channel of zeros
    steps: int  # its |k|


def find_grid(values: NDArray[np.int8]) -> Grid | None:
    """The grid of at most 15 levels k * step, k = -7..7, on which int8 values lie.

    The step is peak / m with m from 1 to 7. With |2 (k * peak - q * m)| <= m for every value q,
    each is the nearest integer to its level; at a tie, which only 63.5 is when the peak is 127,
    either neighbour counts, because the converter divides in float32. Of several m the one with the
    smallest deviation is taken, and of equal ones (multiples) the largest, which gives the bias the
    finest unit.

    Args:
        values: one channel's weights, any shape.

    Returns:
        None when there is no such grid.
    """
    q = values.astype(np.int64)
    peak = int(np.abs(q).max(initial=0))
    if peak == 0:
        return Grid(np.zeros(values.shape, np.int8), 0, LARGEST)
    best: tuple[float, Grid] | None = None
    for m in range(LARGEST, 0, -1):
        k = np.sign(q) * ((2 * np.abs(q) * m + peak) // (2 * peak))
        off = int(np.abs(2 * (k * peak - q * m)).max())
        if off <= m and (best is None or off / m < best[0]):
            best = off / m, Grid(k.astype(np.int8), peak, m)
    return None if best is None else best[1]


def to_int4(tflite: bytes, tensors: Collection[str | int] | None = None) -> bytes:
    """Rewrite int8 weights on a 4-bit grid as INT4.

    A weight tensor with one scale per channel has one grid per channel. The new scale is
    float32(scale * peak / m) and the values are k, two per byte. What the layer adds up is then
    m / peak times as large, and its bias follows: round(bias * m / peak), halves away from zero. A
    channel of zeros keeps scale and bias.

    Args:
        tflite: a whole int8 file.
        tensors: names or indices of weight tensors; None for all of CONV_2D, DEPTHWISE_CONV_2D and
            FULLY_CONNECTED.

    Returns:
        the new file; tensors and operators keep their indices.

    Raises:
        ModelError: the file is damaged; a tensor is not int8, is read by other operators, too, or
            does not lie on a grid; a FULLY_CONNECTED has several scales, which TFLite Micro
            refuses in INT4.
        SpecError: a name or index is not in the file.
    """
    graph = read(tflite)
    wanted = _chosen(graph, tensors)
    model = writer.unpack(tflite)
    main = model.subgraphs[0]
    for index in wanted:
        tensor = graph.tensors[index]
        users = _users(graph, index)
        axis = _axis_of(tensor, users)
        assert tensor.data is not None and tensor.quant is not None
        grids = [_grid_of(tensor, part) for part in _parts(tensor.data, axis)]
        levels = np.stack([g.levels for g in grids], axis=axis or 0).reshape(tensor.shape)
        entry = main.tensors[index]
        entry.type = writer.tensor_type("INT4")
        entry.buffer = writer.new_buffer(model, pack_nibbles(levels))
        entry.quantization.scale = [
            _new_scale(scale, grid) for scale, grid in zip(tensor.quant.scale, grids, strict=True)
        ]
        for op in users:
            if len(op.inputs) > 2 and op.inputs[2] != -1:
                _requantize_bias(model, graph, op, grids, entry.quantization.scale)
    writer.drop_unused_buffers(model)
    made = writer.pack(model)
    read(made)
    return made


def weight_tensors(graph: Graph) -> tuple[int, ...]:
    """Indices of the constant weights of convolutions and dense layers, in order of the layers."""
    found = [op.inputs[1] for op in graph.ops if op.kind in CHANNEL_AXES and len(op.inputs) > 1]
    return tuple(dict.fromkeys(i for i in found if i != -1 and graph.tensors[i].data is not None))


def _chosen(graph: Graph, tensors: Collection[str | int] | None) -> tuple[int, ...]:
    weights = weight_tensors(graph)
    if tensors is None:
        return weights
    if isinstance(tensors, str):
        raise SpecError(f"Tensors must be a list of names or indices. Received: {tensors!r}.")
    by_name = {graph.tensors[i].name: i for i in weights}
    chosen = [by_name.get(t, -1) if isinstance(t, str) else int(t) for t in tensors]
    for asked, index in zip(tensors, chosen, strict=True):
        if index not in weights:
            names = ", ".join(shown(graph.tensors[i].name) for i in weights[:8])
            raise SpecError(
                f"Tensors must be weights of the model ({names}"
                f"{', ...' if len(weights) > 8 else ''}). Received: {shown(str(asked))}."
            )
    return tuple(dict.fromkeys(chosen))


def _users(graph: Graph, index: int) -> list[Op]:
    return [op for op in graph.ops if index in op.inputs]


def _axis_of(tensor: Tensor, users: Iterable[Op]) -> int | None:
    """The channel axis, None for a single scale.

    Raises:
        ModelError: this tensor cannot become INT4, whatever its values.
    """
    label = f"Weights that are to become INT4 (tensor {tensor.index}, {shown(tensor.name)})"
    if tensor.dtype != "int8" or tensor.quant is None or set(tensor.quant.zero_point) != {0}:
        raise ModelError(
            f"{label} must be int8 with zero point 0. Received: {tensor.dtype}. "
            "Convert the model to full int8."
        )
    for op in users:
        if op.kind not in CHANNEL_AXES or op.inputs.index(tensor.index) != 1:
            raise ModelError(
                f"{label} must be read as weights only. Received: operator {op.index} ({op.kind}), "
                "which reads them as values. Leave this tensor out."
            )
        if not tensor.quant.per_channel:
            continue
        if tensor.quant.axis != CHANNEL_AXES[op.kind]:
            raise ModelError(
                f"{label} must have scales along axis {CHANNEL_AXES[op.kind]}. Received: axis "
                f"{tensor.quant.axis}. Convert the model again."
            )
        if op.kind == "FULLY_CONNECTED":
            raise ModelError(
                f"{label} must have one scale, because TFLite Micro runs INT4 FULLY_CONNECTED only "
                f"so. Received: {len(tensor.quant.scale)} scales. Convert the model with "
                "per-channel quantization of dense layers turned off, or leave this tensor out."
            )
    return tensor.quant.axis if tensor.quant.per_channel else None


def _parts(data: NDArray, axis: int | None) -> list[NDArray]:
    return [data] if axis is None else list(np.moveaxis(data, axis, 0))


def _grid_of(tensor: Tensor, values: NDArray) -> Grid:
    found = find_grid(values)
    if found is None:
        distinct = np.unique(np.abs(values.astype(np.int16)))
        some = ", ".join(map(str, distinct[:9].tolist())) + (", ..." if distinct.size > 9 else "")
        raise ModelError(
            "Weights that are to become INT4 must lie on a grid of k * step, k = -7..7, per scale. "
            f"Received: tensor {tensor.index} ({shown(tensor.name)}) with the magnitudes {some}. "
            "Train it with a linear quantizer of 4 bits, or leave it int8."
        )
    return found


def _new_scale(scale: float, grid: Grid) -> float:
    return float(np.float32(scale * grid.peak / grid.steps)) if grid.peak else scale


def _requantize_bias(
    model: object, graph: Graph, op: Op, grids: list[Grid], scales: list[float]
) -> None:
    """The bias in units of input scale * new weight scale."""
    index = op.inputs[2]
    bias = graph.tensors[index]
    source = graph.tensors[op.inputs[0]].quant
    if bias.data is None or bias.dtype != "int32" or source is None or len(source.scale) != 1:
        raise ModelError(
            f"Operator {op.index} ({op.kind}) must have a constant int32 bias and a quantized "
            f"input where its weights become INT4. Received: {bias.dtype} for tensor {index} "
            f"({shown(bias.name)}). Convert the model to full int8."
        )
    if len(_users(graph, index)) > 1:
        raise ModelError(
            f"A bias must belong to one operator where its weights become INT4. Received: tensor "
            f"{index} ({shown(bias.name)}), which several share. Convert the model again."
        )
    if len(grids) not in (1, bias.size):
        raise ModelError(
            f"Operator {op.index} ({op.kind}) must have one bias per channel ({len(grids)}). "
            f"Received: {bias.size}."
        )
    steps = np.array([grid.steps if grid.peak else 1 for grid in grids], np.int64)
    peaks = np.array([grid.peak or 1 for grid in grids], np.int64)
    old = bias.data.astype(np.int64).reshape(-1)
    new = np.sign(old) * ((2 * np.abs(old) * steps + peaks) // (2 * peaks))
    if new.min(initial=0) < _INT32.min or new.max(initial=0) > _INT32.max:
        raise ModelError(
            "A bias must stay within int32 where its weights become INT4. Received: tensor "
            f"{index} ({shown(bias.name)}) with up to {int(np.abs(new).max())}."
        )
    entry = model.subgraphs[0].tensors[index]  # type: ignore[attr-defined]
    entry.buffer = writer.new_buffer(model, new.astype("<i4"))
    if entry.quantization is not None and entry.quantization.scale is not None:
        entry.quantization.scale = [
            float(np.float32(source.scale[0]) * np.float32(scale)) for scale in scales
        ]
        entry.quantization.zeroPoint = [0] * len(scales)
