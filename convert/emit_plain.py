"""C of the operators without weights; some have kernels for int8 and for int16 values."""

from __future__ import annotations

import math
from collections.abc import Sequence

from convert import cwriter
from convert.emit_layer import (
    Fields,
    Layer,
    LayerCode,
    by,
    check_steps,
    check_sum,
    counted,
    emits,
    refuse,
    struct_text,
    suffixes,
    without_offsets,
)
from convert.params import (
    ConcatenationParams,
    CopyParams,
    DequantizeParams,
    MeanParams,
    PadParams,
    PoolParams,
    QuantizeParams,
    ReduceExtremeParams,
    ReshapeParams,
    Shape,
    SoftmaxParams,
    TableParams,
)

_MAX_SOFTMAX = 8191  # the sum of the exponentials is kept in 32 bits


def _largest(layer: Layer) -> int:
    """The largest magnitude of a value, or of an int8 one less its zero point."""
    return 32768 if layer.wide else 255


@emits(PoolParams)
@emits(PoolParams, wide=True)
def _pool(layer: Layer, p: PoolParams) -> LayerCode:
    check_steps(layer, p.stride, p.window, p.padding)
    check_sum(layer, p.window[0] * p.window[1], _largest(layer))
    kind = "max" if layer.op.kind == "MAX_POOL_2D" else "average"
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_pool2d_params",
        params,
        [
            ("batches", p.input_shape[0]),
            ("input", p.input_shape[1:]),
            ("output", p.output_shape[1:]),
            ("window", p.window),
            ("stride", p.stride),
            ("padding", p.padding),
            ("activation_min", p.activation_min),
            ("activation_max", p.activation_max),
        ],
    )
    width, file = suffixes(layer)
    call = f"ws_{kind}_pool2d{width}(&{params}, {layer.inputs[0]}, {layer.output});"
    about = f"window {by(p.window)}, stride {by(p.stride)}"
    return LayerCode((struct,), (call,), f"pool2d{file}", about=about)


def split_mean(shape: Shape, axes: Sequence[int]) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """`shape` as alternating runs [kept][reduced][kept][reduced][kept] of dimensions.

    Neighbours of one sort are merged and dimensions of 1 belong to either. None when five runs are
    not enough, which takes five dimensions or more.
    """
    runs = [1]  # even positions are kept, odd ones reduced
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        if (len(runs) % 2 == 0) != (axis in axes):
            runs.append(1)
        runs[-1] *= size
    if len(runs) > 5:
        return None
    runs += [1] * (1 - len(runs) % 2)  # the last kept run, which kernels walk along, stays last
    runs = [1] * (5 - len(runs)) + runs
    return (runs[0], runs[2], runs[4]), (runs[1], runs[3])


def _kept_and_reduced(layer: Layer, p: MeanParams | ReduceExtremeParams) -> Fields:
    """How the input is walked through."""
    split = split_mean(p.input_shape, p.axes)
    if split is None:
        refuse(layer, "reduce axes that lie in at most two groups", f"axes {p.axes}")
    return [("kept", split[0]), ("reduced", split[1])]


@emits(ReduceExtremeParams)
def _reduce_extreme(layer: Layer, p: ReduceExtremeParams) -> LayerCode:
    params = f"{layer.name}_params"
    struct = struct_text("ws_reduction", params, _kept_and_reduced(layer, p))
    function = f"ws_{layer.op.kind.lower()}_s8"
    call = f"{function}(&{params}, {layer.inputs[0]}, {layer.output});"
    about = f"over axes {', '.join(map(str, p.axes))}"
    return LayerCode((struct,), (call,), "reduce_extreme.c", about=about)


@emits(MeanParams)
@emits(MeanParams, wide=True)
def _mean(layer: Layer, p: MeanParams) -> LayerCode:
    walk = _kept_and_reduced(layer, p)
    check_sum(layer, p.count, _largest(layer))
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_mean_params",
        params,
        without_offsets(
            layer,
            [
                *walk,
                ("sum_offset", p.sum_offset),
                ("output_offset", p.output_offset),
                ("multiplier", p.multiplier),
                ("shift", p.shift),
            ],
        ),
    )
    width, file = suffixes(layer)
    call = f"ws_mean{width}(&{params}, {layer.inputs[0]}, {layer.output});"
    about = f"over axes {', '.join(map(str, p.axes))}"
    return LayerCode((struct,), (call,), f"mean{file}", about=about)


@emits(SoftmaxParams)
@emits(SoftmaxParams, wide=True)
def _softmax(layer: Layer, p: SoftmaxParams) -> LayerCode:
    if p.depth > _MAX_SOFTMAX:
        refuse(layer, f"have at most {_MAX_SOFTMAX} classes", p.depth)
    table = list(p.exp_table)
    while len(table) > 1 and table[-1] == 0:  # a share of 0, as beyond the table
        table.pop()
    name, text = layer.pool.add("int32_t", f"{layer.name}_exp", table)
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_softmax_params",
        params,
        [
            ("rows", p.rows),
            ("depth", p.depth),
            ("exp_count", len(table)),
            ("exp_table", name),
        ],
    )
    function = "ws_softmax_s8_s16" if p.bits == 16 else "ws_softmax_s8"
    call = f"{function}(&{params}, {layer.inputs[0]}, {layer.output});"
    about = f"{counted(p.rows, 'row')} of {p.depth}"
    return LayerCode((text, struct), (call,), "softmax.c", about=about)


def merge_pads(
    shape: Shape, before: Sequence[int], after: Sequence[int]
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]] | None:
    """(input, output, before) of four dimensions; None when more are needed.

    A dimension that is not padded is merged into the one to its left, scaling its padding.
    """
    merged: list[tuple[int, int, int]] = []  # size, before, after
    for size, low, high in zip(shape, before, after, strict=True):
        if merged and low == 0 and high == 0:
            merged[-1] = tuple(v * size for v in merged[-1])  # type: ignore[assignment]
        else:
            merged.append((size, low, high))
    if len(merged) > 4:
        return None
    merged = [(1, 0, 0)] * (4 - len(merged)) + merged
    return (
        tuple(m[0] for m in merged),
        tuple(sum(m) for m in merged),
        tuple(m[1] for m in merged),
    )


@emits(PadParams)
def _pad(layer: Layer, p: PadParams) -> LayerCode:
    merged = merge_pads(p.input_shape, p.before, p.after)
    if merged is None:
        refuse(layer, "pad at most four dimensions", f"{p.before} and {p.after}")
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_pad_params",
        params,
        [
            ("input", merged[0]),
            ("output", merged[1]),
            ("before", merged[2]),
            ("value", p.value),
        ],
    )
    call = f"ws_pad_s8(&{params}, {layer.inputs[0]}, {layer.output});"
    sides = ", ".join(f"{a}+{b}" for a, b in zip(p.before, p.after, strict=True))
    return LayerCode((struct,), (call,), "pad.c", about=f"before+after {sides}")


@emits(ConcatenationParams)
def _concatenation(layer: Layer, p: ConcatenationParams) -> LayerCode:
    run, text = layer.pool.add("int32_t", f"{layer.name}_run", p.runs)
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_concatenation_params",
        params,
        [("outer", p.outer), ("count", len(p.runs)), ("run", run)],
    )
    sources = cwriter.wrapped(list(layer.inputs), "    ").rstrip("\n")
    body = (
        f"static const int8_t *const inputs[{len(p.runs)}] = {{\n{sources}\n}};",
        f"ws_concatenation_s8(&{params}, inputs, {layer.output});",
    )
    return LayerCode((text, struct), body, "concatenation.c", about=f"along axis {p.axis}")


@emits(TableParams)
def _table(layer: Layer, p: TableParams) -> LayerCode:
    table, text = layer.pool.add("int8_t", f"{layer.name}_table", p.table)
    params = f"{layer.name}_params"
    struct = struct_text("ws_table_params", params, [("size", p.size), ("table", table)])
    call = f"ws_table_s8(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((text, struct), (call,), "table.c")


def _edge(layer: Layer, p: QuantizeParams | DequantizeParams, function: str) -> LayerCode:
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_quantize_params",
        params,
        [("size", p.size), ("zero_point", p.zero_point), ("scale", cwriter.float32(p.scale))],
    )
    call = f"{function}(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((struct,), (call,), "quantize.c")


@emits(QuantizeParams)
def _quantize(layer: Layer, p: QuantizeParams) -> LayerCode:
    return _edge(layer, p, "ws_quantize_f32_s8")


@emits(DequantizeParams)
def _dequantize(layer: Layer, p: DequantizeParams) -> LayerCode:
    return _edge(layer, p, "ws_dequantize_s8_f32")


@emits(ReshapeParams)
def _reshape(layer: Layer, p: ReshapeParams) -> LayerCode:
    if layer.in_place:
        return LayerCode((), ("WS_NOTHING();",), "", about="the same bytes, nothing to do")
    call = f"memcpy({layer.output}, {layer.inputs[0]}, {p.nbytes});"
    return LayerCode((), (call,), "", about="a copy")


@emits(CopyParams)
@emits(CopyParams, wide=True)
def _copy(layer: Layer, p: CopyParams) -> LayerCode:
    """In bytes, so that one kernel serves all types."""
    source, output = layer.inputs[0], layer.output
    if layer.wide:
        source, output = f"(const int8_t *){source}", f"(int8_t *){output}"
    offset, run = p.offset * p.item, p.run * p.item
    if not p.shape:
        call = f"memcpy({output}, {source} + {offset}, {run});"
        return LayerCode((), (call,), "", about=f"a copy from byte {offset} on")
    missing = (1,) * (5 - len(p.shape))
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_copy_params",
        params,
        [
            ("shape", missing + p.shape),
            ("stride", tuple(0 for _ in missing) + tuple(s * p.item for s in p.stride)),
            ("offset", offset),
            ("run", run),
        ],
    )
    call = f"ws_copy(&{params}, {source}, {output});"
    about = f"{math.prod(p.shape)} runs of {run} bytes"
    return LayerCode((struct,), (call,), "copy.c", about=about)
