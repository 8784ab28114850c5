"""Families of kernels: which layers each computes, and how their C is made.

The plain kernels define the bits and compute whatever a family leaves to them. A family is a module
that looks at the layers (conditions, constants in the order in which its kernels read them) and one
that writes their C; this is the only place that knows all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from convert import fast, fast_mve, muls
from convert.constant_layers import ConstantLayer
from convert.emit_dsp import emit_fast
from convert.emit_host import emit_host
from convert.emit_layer import Layer, LayerCode
from convert.emit_muls import emit_muls
from convert.emit_mve import emit_mve
from convert.emit_recurrent import emit_lstm
from convert.fast_lstm import FastLstm, fast_lstms
from convert.fast_svdf import FastSvdf, emit_svdf, fast_svdfs
from convert.graph import Graph
from convert.host_layers import host_layers
from convert.overlap import Overlaps
from convert.params import Params

Kernels = Literal["plain", "dsp", "muls", "mve", "host"]
"""Families of kernels: "plain" runs anywhere, "dsp" is made for Cortex-M4, M7 and M33 (and runs
anywhere, with less RAM than "plain"), "muls" for Cortex-M0 and M0+, "mve" for Cortex-M55 (both run
anywhere), "host" evaluates on a desktop or server."""


class FamilyLayer(Protocol):
    """What a family knows of one layer; more of it is between its own two modules."""

    @property
    def scratch(self) -> int:
        """Bytes."""

    @property
    def overlaps(self) -> Overlaps:
        """How far apart inputs and output must lie (`convert.overlap`)."""


_Emit = Callable[[Layer, Any, str | None], LayerCode]


def _no_layers(graph: Graph, params: Sequence[Params]) -> Mapping[int, FamilyLayer]:
    return {}


@dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        header: file in firmware/include with its functions; empty for none.
        layers: from a graph and the parameters of its operators to the layers that the family
            computes, by position in `Graph.ops`.
        emit: from a layer, what `layers` gave for it, and its scratch memory (a C expression of
            type `int8_t *`, None where none is needed) to C.
        small_layers: the same for layers that have another form with less scratch memory.
        instead: files in firmware/kernels that define the functions of a plain one, by its name.
    """

    header: str
    layers: Callable[[Graph, Sequence[Params]], Mapping[int, FamilyLayer]]
    emit: _Emit
    small_layers: Callable[[Graph, Sequence[Params]], Mapping[int, FamilyLayer]] = _no_layers
    instead: Mapping[str, str] = field(default_factory=dict)

    def files(self, codes: Sequence[LayerCode]) -> tuple[str, ...]:
        """What is to be compiled for these layers, in firmware/kernels, sorted."""
        named = {name for code in codes for name in (code.kernel, *code.also) if name}
        return tuple(sorted({self.instead.get(name, name) for name in named}))


def _no_code(layer: Layer, found: FamilyLayer, scratch: str | None) -> LayerCode:
    raise AssertionError(f"the plain kernels have no layers of their own: {layer.name}")


def _muls_dense(layer: ConstantLayer) -> Any:
    return muls.muls_layer(layer) or fast.fast_layer(layer)


def _mve_dense(layer: ConstantLayer) -> Any:
    return fast_mve.mve_layer(layer) or fast.fast_layer(layer)


def _dsp_layers(graph: Graph, params: Sequence[Params]) -> Mapping[int, FamilyLayer]:
    return {
        **fast.fast_layers(graph, params),
        **fast_lstms(graph, params),
        **fast_svdfs(graph, params, fast.fast_layer),
    }


def _muls_layers(graph: Graph, params: Sequence[Params]) -> Mapping[int, FamilyLayer]:
    return {**muls.muls_layers(graph, params), **fast_svdfs(graph, params, _muls_dense)}


def _mve_layers(graph: Graph, params: Sequence[Params]) -> Mapping[int, FamilyLayer]:
    return {**fast_mve.mve_layers(graph, params), **fast_svdfs(graph, params, _mve_dense)}


def _recurrent(emit: _Emit) -> _Emit:
    """`emit` for the layers of FULLY_CONNECTED that recurrent ones hold, too."""

    def emitted(layer: Layer, found: Any, scratch: str | None) -> LayerCode:
        if isinstance(found, FastLstm):
            return emit_lstm(layer, found.params, found.halves, left=found.left)
        if isinstance(found, FastSvdf):
            return emit_svdf(layer, found, str(scratch), emit)
        return emit(layer, found, scratch)

    return emitted


FAMILIES: Mapping[Kernels, Family] = {
    "plain": Family("", _no_layers, _no_code),
    "dsp": Family("ws_kernels_dsp.h", _dsp_layers, _recurrent(emit_fast), fast.small_layers),
    "muls": Family("ws_kernels_muls.h", _muls_layers, _recurrent(emit_muls), muls.small_layers),
    "mve": Family("ws_kernels_mve.h", _mve_layers, _recurrent(emit_mve)),
    "host": Family(
        "ws_kernels_host.h",
        host_layers,
        emit_host,
        instead={"add.c": "host/add.c", "pool2d.c": "host/pool2d.c"},
    ),
}
"""Families by name."""
