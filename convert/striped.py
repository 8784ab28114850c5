"""A region in stripes as one layer: where its buffers are, and how near its ends may lie.

To `convert.memory` the region is one operator. Its scratch memory holds the buffers between its
operators and the scratch memory of their kernels, packed like an arena of its own: a buffer of
which no row is kept is needed only from the operator that writes it to the last one that reads it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from convert.families import Family, FamilyLayer
from convert.graph import Graph, NoOptions, Op
from convert.memory import Buffer, Pair, place
from convert.overlap import Overlap, Overlaps, overlap_of_steps, plain
from convert.params import Params
from convert.stripes import Schedule

KIND = "STRIPES"
Part = tuple[int, Params]
"""Position of an operator in `Graph.ops`, and what it computes of its rows."""


@dataclass(frozen=True)
class Striped:
    """A region as a layer.

    Attributes:
        graph: that the region is of.
        schedule: what is computed when.
        layers: what the family of kernels makes of a part; without those left to plain kernels.
        buffers: of tensors, in scratch memory.
        spaces: of kernels, in scratch memory, by position of the operator.
        scratch: bytes.
        overlaps: how far apart the source and the target must lie.
    """

    graph: Graph
    schedule: Schedule
    layers: Mapping[Part, FamilyLayer]
    buffers: Mapping[int, Buffer]
    spaces: Mapping[int, Buffer]
    scratch: int
    overlaps: Overlaps


def striped(graph: Graph, schedule: Schedule, family: Family) -> Striped:
    """The layer that a schedule makes with a family's kernels."""
    parts = list(dict.fromkeys((call.position, call.params) for call in schedule.calls))
    alone = replace(graph, ops=tuple(graph.ops[position] for position, _ in parts))
    found = family.layers(alone, [params for _, params in parts])
    layers = {parts[number]: layer for number, layer in found.items()}
    buffers = _buffers(graph, schedule)
    spaces: dict[int, int] = {}
    for (position, _), layer in layers.items():
        spaces[position] = max(spaces.get(position, 0), layer.scratch)
    first = schedule.region.first
    extra = [
        Buffer(-1, 0, nbytes, position - first, position - first)
        for position, nbytes in sorted(spaces.items())
        if nbytes
    ]
    allowed = _allowed(graph, schedule, buffers, layers)
    placed, _ = place([*buffers, *extra], allowed)
    return Striped(
        graph=graph,
        schedule=schedule,
        layers=layers,
        buffers={b.tensor: b for b in placed if b.tensor >= 0},
        spaces={b.first_op + first: b for b in placed if b.tensor < 0},
        scratch=max((b.end for b in placed), default=0),
        overlaps=(_overlap(graph, schedule),),
    )


def fused(graph: Graph, found: Striped) -> Graph:
    """The graph with the region as one operator, which has the index of its last one."""
    region = found.schedule.region
    last = graph.ops[region.last]
    one = Op(last.index, KIND, (region.source,), (region.target,), NoOptions())
    return replace(graph, ops=(*graph.ops[: region.first], one, *graph.ops[region.last + 1 :]))


def _buffers(graph: Graph, schedule: Schedule) -> list[Buffer]:
    """Not placed; `first_op` and `last_op` count operators of the region, as `convert.memory`."""
    region = schedule.region
    ops = graph.ops[region.first : region.last + 1]
    found = []
    for at, op in enumerate(ops):
        tensor = op.outputs[0]
        if tensor == region.target:
            continue
        last = max(i for i, reader in enumerate(ops) if tensor in reader.values)
        ends = (-1, len(ops)) if tensor in schedule.kept else (at, last)
        found.append(Buffer(tensor, 0, schedule.heights[tensor] * row_bytes(graph, tensor), *ends))
    return found


def row_bytes(graph: Graph, tensor: int) -> int:
    """Of one image row."""
    _, _, width, channels = graph.tensors[tensor].shape
    return width * channels


def _allowed(
    graph: Graph,
    schedule: Schedule,
    buffers: Sequence[Buffer],
    layers: Mapping[Part, FamilyLayer],
) -> dict[Pair, Overlap]:
    """(input, output) of `buffers` -> how they may share memory, for all parts of an operator.

    Only where both are read and written from their beginning in every stripe.
    """
    number = {buffer.tensor: i for i, buffer in enumerate(buffers)}
    first = schedule.region.first
    found: dict[Pair, Overlap] = {}
    apart: set[Pair] = set()
    for call in schedule.calls:
        op = graph.ops[call.position]
        target = number.get(op.outputs[0])
        if target is None or buffers[target].first_op != call.position - first:
            continue
        layer = layers.get((call.position, call.params))
        kernel = plain(call.params) if layer is None else layer.overlaps
        for source in {number[index] for index in op.values if index in number}:
            uses = [i for i, index in enumerate(op.values) if number.get(index) == source]
            pair = (source, target)
            begins = call.writes == 0 and all(call.reads[i] == 0 for i in uses)
            ends = buffers[source].last_op == call.position - first
            if not (begins and ends and max(uses) < len(kernel)):
                apart.add(pair)
                continue
            before = found.get(pair, Overlap(0, together=True))
            found[pair] = Overlap(
                max(before.lead, *(kernel[i].lead for i in uses)),
                before.together and all(kernel[i].together for i in uses),
            )
    return {pair: overlap for pair, overlap in found.items() if pair not in apart}


def _overlap(graph: Graph, schedule: Schedule) -> Overlap:
    """Of the source and the target: a stripe is read before it is written, but by its last layer.

    That one may read the source itself.
    """
    region = schedule.region
    return overlap_of_steps(
        np.array(schedule.reads, np.int64) * row_bytes(graph, region.source),
        np.array(schedule.writes, np.int64) * row_bytes(graph, region.target),
        reads_first=region.source not in graph.ops[region.last].values,
    )
