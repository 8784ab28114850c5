"""C of the operators that pick elements index by index; see `convert.picks`."""

from __future__ import annotations

from convert.emit_layer import Layer, LayerCode, emits, struct_text
from convert.params import PickParams

_DIMENSIONS = 4


@emits(PickParams)
def _pick(layer: Layer, p: PickParams) -> LayerCode:
    """In bytes."""
    places = ((0,),) * (_DIMENSIONS - len(p.places)) + p.places
    names, definitions = [], []
    for axis, part in enumerate(places):
        name, text = layer.pool.add(
            "int32_t", f"{layer.name}_places{axis}", [place * p.item for place in part]
        )
        names.append(name)
        definitions.append(text)
    params = f"{layer.name}_params"
    struct = struct_text(
        "ws_pick_params",
        params,
        [("shape", tuple(map(len, places))), ("places", tuple(names)), ("run", p.run * p.item)],
    )
    call = f"ws_pick(&{params}, {layer.inputs[0]}, {layer.output});"
    return LayerCode((*definitions, struct), (call,), "pick.c", about=f"runs of {p.run} values")
