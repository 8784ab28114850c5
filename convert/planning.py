"""From a graph to layers with places in memory, within a budget where there is one.

Operators run in the order of the file, or in another one that needs less memory (`convert.order`).
Without a budget every layer takes the kernel with the fewest instructions. Layers take less memory
and more instructions where that makes the arena smaller: it is little more, and what decides how
large a chip must be is memory. With a budget that this does not meet, a region of layers is
computed in stripes (`convert.stripes`): the one with the least extra work of those that fit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from convert import memory, overlap
from convert.errors import SpecError
from convert.families import Family, FamilyLayer
from convert.graph import ITEM_BYTES, Graph
from convert.narrow import Narrow
from convert.order import best_order, peak
from convert.overlap import Overlaps
from convert.params import Params
from convert.prepare import prepare_graph
from convert.rows import reach_of
from convert.striped import fused, row_bytes, striped
from convert.stripes import Region, cut, regions

_CALL = 500  # instructions that a kernel takes to begin, about
_MOVED = 2  # instructions per byte that is moved, about
_HEIGHTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # rows of a stripe that are tried


@dataclass(frozen=True, eq=False)
class Planned:
    """Layers and their memory.

    Attributes:
        graph: what is computed; a region in stripes is one operator.
        params: of its operators; a region's are those of its last one.
        layers: what a family computes, or a region in stripes, by position in `graph.ops`.
        plan: where everything is.
        whole_arena: bytes that the arena has, or would have without a region in stripes.
    """

    graph: Graph
    params: tuple[Params, ...]
    layers: Mapping[int, FamilyLayer]
    plan: memory.Plan
    whole_arena: int


def planned(graph: Graph, family: Family, ram: int = 0) -> Planned:
    """Choose kernels and places.

    Args:
        graph: as `convert.passes.prepare` leaves it.
        family: of kernels.
        ram: bytes that the arena may have; 0 for no limit.

    Raises:
        SpecError: no choice fits.
        UnsupportedModelError: an operator or a type that the kernels do not have.
        ModelError: scales or shapes break a rule of TFLite Micro.
    """
    params = tuple(prepare_graph(graph))
    found = _with(graph, params, family.layers(graph, params))
    for position, small in family.small_layers(graph, params).items():
        other = _with(graph, params, {**found.layers, position: small})
        if other.plan.arena_size < found.plan.arena_size:
            found = other
    found = _in_order(found)
    if ram and found.plan.arena_size > ram:
        return _within(found, family, ram)
    return found


def _in_order(found: Planned) -> Planned:
    """With operators in another order where that makes the arena smaller."""
    graph = found.graph
    scratch = {position: layer.scratch for position, layer in found.layers.items()}
    overlaps = _overlaps(graph, found.params, found.layers)
    order = best_order(graph, scratch, overlaps)
    least = peak(graph, order, scratch, overlaps)
    if least >= peak(graph, range(len(graph.ops)), scratch, overlaps):
        return found
    other = replace(graph, ops=tuple(graph.ops[position] for position in order))
    other.verify()
    moved = {order.index(position): layer for position, layer in found.layers.items()}
    made = _with(other, tuple(found.params[position] for position in order), moved)
    return made if made.plan.arena_size < found.plan.arena_size else found


def _with(graph: Graph, params: tuple[Params, ...], layers: Mapping[int, FamilyLayer]) -> Planned:
    scratch = {position: layer.scratch for position, layer in layers.items()}
    overlaps = _overlaps(graph, params, layers)
    plan = memory.plan(graph, scratch=scratch, overlaps=overlaps, tails=_tails(layers))
    return Planned(graph, params, layers, plan, plan.arena_size)


def _tails(layers: Mapping[int, FamilyLayer]) -> dict[int, int]:
    """Bytes that kernels use behind their outputs."""
    return {at: layer.tail for at, layer in layers.items() if isinstance(layer, Narrow)}


def _overlaps(
    graph: Graph, params: Sequence[Params], layers: Mapping[int, FamilyLayer]
) -> dict[int, Overlaps]:
    """How far apart inputs and output of each operator must lie."""
    found: dict[int, Overlaps] = {}
    for position, (op, p) in enumerate(zip(graph.ops, params, strict=True)):
        if position in layers:
            found[position] = layers[position].overlaps
        elif not op.inputs or not op.outputs:
            found[position] = ()
        else:
            ends = (graph.tensors[index] for index in (op.inputs[0], op.outputs[0]))
            found[position] = overlap.plain(p, [ITEM_BYTES[end.dtype] for end in ends])
    return found


def _within(whole: Planned, family: Family, ram: int) -> Planned:
    """The region in stripes with the least extra work that fits.

    Raises:
        SpecError: none does.
    """
    candidates = _candidates(whole)
    made: dict[_Candidate, int] = {}
    for candidate in sorted(candidates, key=lambda one: one.work):
        if candidate.ram <= ram:
            found = in_stripes(whole, family, candidate.region, candidate.rows)
            if found is not None and found.plan.arena_size <= ram:
                return found
            made[candidate] = whole.plan.arena_size if found is None else found.plan.arena_size
    least = min((whole.plan.arena_size, *made.values()))
    for candidate in sorted(candidates, key=lambda one: one.ram):
        if candidate.ram >= least:
            break
        found = (
            None
            if candidate in made
            else in_stripes(whole, family, candidate.region, candidate.rows)
        )
        least = least if found is None else min(least, found.plan.arena_size)
    raise SpecError(
        f"The arena must fit {ram:,} bytes. Received: a model that needs "
        f"{whole.plan.arena_size:,}, and {least:,} with layers computed in stripes. Raise the "
        "budget, or choose a smaller model."
    )


def in_stripes(whole: Planned, family: Family, region: Region, rows: int) -> Planned | None:
    """The same with a region in stripes of so many rows; None where it cannot be cut so."""
    schedule = cut(whole.graph, whole.params, region, rows)
    if schedule is None:
        return None
    layer = striped(whole.graph, schedule, family)
    graph = fused(whole.graph, layer)
    params = (*whole.params[: region.first], *whole.params[region.last :])
    layers: dict[int, FamilyLayer] = {region.first: layer}
    for position, one in whole.layers.items():
        if position < region.first:
            layers[position] = one
        elif position > region.last:
            layers[position - region.last + region.first] = one
    return replace(_with(graph, params, layers), whole_arena=whole.whole_arena)


@dataclass(frozen=True)
class _Candidate:
    """One way to compute layers in stripes.

    Attributes:
        region: of layers.
        rows: of a stripe.
        ram: bytes that the arena takes, about; seldom more than there will be.
        work: about how many instructions it takes more than whole layers.
    """

    region: Region
    rows: int
    ram: int
    work: int


def _candidates(whole: Planned) -> list[_Candidate]:
    """All that leave out what needs most."""
    graph, params = whole.graph, whole.params
    scratch = {position: layer.scratch for position, layer in whole.layers.items()}
    overlaps = _overlaps(graph, params, whole.layers)
    needs = memory.needs(graph, scratch, overlaps, _tails(whole.layers))
    worst = needs.index(max(needs))
    found = []
    for region in regions(graph, params):
        if region.first <= worst <= region.last:
            outside = max((*needs[: region.first], *needs[region.last + 1 :]), default=0)
            height = graph.tensors[region.target].shape[1]
            found += [
                _candidate(whole, region, rows, outside) for rows in _HEIGHTS if 2 * rows <= height
            ]
    return found


def _candidate(whole: Planned, region: Region, rows: int, outside: int) -> _Candidate:
    """The estimate of one candidate.

    A stripe computes as many rows of a tensor as the strides after it make necessary. Buffers of
    which rows are kept are there all the time, with the source and the target; of the others at
    least one. Kernels begin anew for every stripe, and rows that are kept are moved.
    """
    graph = whole.graph
    fresh = {region.target: rows}  # rows that a stripe computes, by tensor
    kept: dict[int, int] = {}  # rows that the next stripe sees, too
    for position in range(region.last, region.first - 1, -1):
        op = graph.ops[position]
        reach = reach_of(graph, op, whole.params[position])
        assert reach is not None
        for tensor in op.values:
            fresh[tensor] = max(fresh.get(tensor, 0), reach.stride * fresh[op.outputs[0]])
            kept[tensor] = max(kept.get(tensor, 0), reach.rows - reach.stride)
    steady, moved, single = 0, 0, 0
    for tensor in set(fresh) - {region.source, region.target}:
        height, row = graph.tensors[tensor].shape[1], row_bytes(graph, tensor)
        nbytes = min(fresh[tensor] + kept[tensor], height) * row
        if kept[tensor]:
            steady += nbytes
            moved += kept[tensor] * row
        else:
            single = max(single, nbytes)
    ends = max(graph.tensors[region.source].nbytes, graph.tensors[region.target].nbytes)
    stripes = -(-graph.tensors[region.target].shape[1] // rows)
    calls = region.last - region.first + 1
    return _Candidate(
        region=region,
        rows=rows,
        ram=max(outside, ends + steady + single),
        work=stripes * (_CALL * calls + _MOVED * moved),
    )
