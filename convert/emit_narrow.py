"""C of convolutions in parts (`convert.narrow`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from convert.emit_filters import check_window, macs_of, words_of
from convert.emit_layer import Layer, LayerCode, struct_text
from convert.narrow import Narrow, Rows


def emit_narrow(
    layer: Layer,
    found: Narrow,
    family: str,
    emit: Callable[[Layer, Any, str | None], LayerCode],
    scratch: str | None,
) -> LayerCode:
    """The C of one layer.

    Args:
        layer: the operator.
        found: what `narrow` made of it.
        family: suffix of its kernel.
        emit: the C of one of the family's layers.
        scratch: C expression of type `int8_t *`, None where none is needed.

    Raises:
        UnsupportedModelError: a size would overflow the kernel's integers.
    """
    p = found.params
    check_window(layer, p)
    codes: dict[int, LayerCode] = {}
    # Constants of the largest filter come first: those of filters that are cut are parts of them.
    for part in sorted(found.parts, key=lambda part: -part.params.filter_shape[1]):
        begin = part.first * p.output_shape[2] * p.output_shape[3]
        mine = replace(
            layer,
            name=f"{layer.name}_row_{part.first}" if len(found.parts) > 1 else layer.name,
            output=f"{layer.output} + {begin}" if begin else layer.output,
        )
        if part.filled:
            codes[part.first] = _windows(mine, part, family, emit, scratch)
        else:
            codes[part.first] = emit(mine, part.found, f"{layer.output} + {part.scratch_at}")
    body = [
        line for part in found.parts for line in (f"/* {_about(part)} */", *codes[part.first].body)
    ]
    named = {name for code in codes.values() for name in (code.kernel, *code.also) if name}
    kernel, *also = sorted(named)
    return LayerCode(
        tuple(text for code in codes.values() for text in code.definitions),
        tuple(body),
        kernel,
        macs_of(p),
        words_of(layer, p),
        tuple(also),
    )


def _about(part: Rows) -> str:
    height = part.params.output_shape[1]
    rows = f"row {part.first}" if height == 1 else f"rows {part.first} to {part.first + height - 1}"
    way = "a window at a time" if part.filled else "by tiles"
    return f"{rows}, {way}, filter of {part.params.filter_shape[1]} rows"


def _windows(
    layer: Layer,
    part: Rows,
    family: str,
    emit: Callable[[Layer, Any, str | None], LayerCode],
    scratch: str | None,
) -> LayerCode:
    p = part.params
    name = f"{layer.name}_windows"
    walk = struct_text(
        "ws_window_walk",
        name,
        [
            ("batches", p.input_shape[0]),
            ("input", p.input_shape[1:]),
            ("output", p.output_shape[1:]),
            ("filter", p.filter_shape[1:3]),
            ("stride", p.stride),
            ("padding", p.padding),
            ("filled", part.filled),
            ("input_zero", -p.input_offset),
        ],
    )
    dense = emit(layer, part.found, None)
    call = (
        f"ws_conv2d_narrow_{family}(&{name}, &{layer.name}_params, {layer.inputs[0]}, "
        f"{layer.output}, {scratch});"
    )
    return LayerCode(
        (*dense.definitions, walk),
        (call,),
        f"{family}_conv2d_narrow.c",
        also=("each_window.c", dense.kernel, *dense.also),
    )
