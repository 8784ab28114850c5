"""Where each activation lives in the one static arena.

A storage is a run of arena bytes that holds one tensor, or several tensors that are the same bytes
under different shapes (RESHAPE). It is live from the operator that writes it to the last operator
that reads it, both included, so an operator's inputs and outputs never share bytes, except that
the output of a RESHAPE *is* its input. This is sound because each tensor is written once
(`Graph.verify`) and no kernel writes to its inputs.

Graph inputs are live from before the first operator (-1) to their last reader; running the model
may overwrite them. Graph outputs stay live after the last operator (len(ops)). States are live from
-1 to len(ops), so that nothing ever shares their bytes, also not between two runs.

Packing storages with given lifetimes into the least memory is NP-hard. Networks for
microcontrollers are short and mostly chains, for which first fit in the order of falling size
usually meets the lower bound (the largest sum of sizes live at one operator). Where it does not,
other orders and then a seeded local search over orders are tried; the result is a function of the
graph alone.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from convert.errors import ModelError
from convert.graph import Graph
from convert.variables import shared_with_states

ALIGNMENT = (
    16  # bytes; every offset and the arena size are multiples, so any vector load is aligned
)
_SEARCH_STEPS = 2000  # orders tried by the local search at most
_SEARCH_LIMIT = 64  # storages; above this the search would take seconds and the orders must do


@dataclass(frozen=True)
class Buffer:
    """One storage: arena bytes `offset` to `offset + nbytes`, live at `first_op` to `last_op`.

    `first_op` and `last_op` are positions in `Graph.ops` (not `Op.index`), both included; -1 stands
    for before the first operator, len(ops) for after the last. `tensor` is the tensor that is
    written there, or -1 for scratch memory.
    """

    tensor: int
    offset: int
    nbytes: int
    first_op: int
    last_op: int

    @property
    def end(self) -> int:
        """First byte after the storage, with padding."""
        return self.offset + aligned(self.nbytes)

    def live_with(self, other: Buffer) -> bool:
        """True when there is an operator at which both hold something that is needed."""
        return self.first_op <= other.last_op and other.first_op <= self.last_op


@dataclass(frozen=True)
class Plan:
    """The arena: storages of tensors, scratch of operators, and which tensors share a storage."""

    buffers: tuple[Buffer, ...]
    arena_size: int
    aliases: tuple[tuple[int, int], ...] = ()  # (tensor, tensor whose storage it is)
    scratch: tuple[Buffer, ...] = ()  # tensor -1, first_op == last_op
    alignment: int = field(default=ALIGNMENT)

    @cached_property
    def _offsets(self) -> dict[int, int]:
        offsets = {b.tensor: b.offset for b in self.buffers}
        offsets.update((tensor, offsets[root]) for tensor, root in self.aliases)
        return offsets

    def __contains__(self, tensor: int) -> bool:
        """True when `tensor` lives in the arena (constants and unused tensors do not)."""
        return tensor in self._offsets

    def offset_of(self, tensor: int) -> int:
        """Arena offset in bytes of a tensor, aliases resolved.

        Raises:
            KeyError: the tensor is a constant or unused.
        """
        return self._offsets[tensor]

    def is_alias(self, tensor: int) -> bool:
        """True when the operator that writes `tensor` has nothing to do: its input is there."""
        return any(tensor == alias for alias, _ in self.aliases)

    def scratch_of(self, position: int) -> Buffer | None:
        """Scratch memory of the operator at `position` in `Graph.ops`, None without."""
        return next((b for b in self.scratch if b.first_op == position), None)

    @property
    def lower_bound(self) -> int:
        """Bytes below which no plan with these lifetimes and this alignment can go."""
        return _lower_bound((*self.buffers, *self.scratch))

    @property
    def naive_size(self) -> int:
        """Bytes needed if no two storages shared memory."""
        return sum(aligned(b.nbytes) for b in (*self.buffers, *self.scratch))


def aligned(nbytes: int) -> int:
    """`nbytes` rounded up to a multiple of `ALIGNMENT`."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


def plan(
    graph: Graph,
    scratch: Mapping[int, int] | None = None,
    in_place: Collection[int] = (),
) -> Plan:
    """Lay out the activations of `graph`.

    Args:
        graph: a verified graph; tensor sizes are taken from shapes and element types.
        scratch: bytes of scratch memory by position in `graph.ops`, where kernels ask for some.
        in_place: positions in `graph.ops` of operators that may write over their first input.

    Raises:
        ModelError: an activation has an element type of unknown size.
    """
    storages, aliases = _storages(graph, frozenset(in_place))
    wanted = sorted((scratch or {}).items())
    for position, nbytes in wanted:
        if not 0 <= position < len(graph.ops) or nbytes < 0:
            raise ModelError(
                f"Scratch must be 0 or more bytes for one of {len(graph.ops)} operators. "
                f"Received: {nbytes} bytes for operator {position}."
            )
    extra = [Buffer(-1, 0, nbytes, position, position) for position, nbytes in wanted if nbytes]
    placed = _pack([*storages, *extra])
    return Plan(
        buffers=tuple(placed[: len(storages)]),
        arena_size=max((b.end for b in placed), default=0),
        aliases=aliases,
        scratch=tuple(placed[len(storages) :]),
    )


def _storages(
    graph: Graph, in_place: frozenset[int]
) -> tuple[list[Buffer], tuple[tuple[int, int], ...]]:
    """Unplaced storages in order of first use, and aliases."""
    root: dict[int, int] = {}
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    size: dict[int, int] = {}
    reader = {index: p for p, op in enumerate(graph.ops) for index in op.inputs}
    reader.update((index, len(graph.ops)) for index in graph.outputs)
    kept = {state.index for state in graph.states}

    def free_after(source: int, position: int) -> bool:
        """Whether no one reads the storage of `source` after the operator, nor it twice."""
        owner = root[source]
        same = [tensor for tensor, other in root.items() if other == owner]
        reads = sum(index in same for index in graph.ops[position].inputs)
        return reads == 1 and owner not in kept and all(reader.get(t, -1) <= position for t in same)

    def touch(tensor: int, position: int) -> None:
        owner = root.get(tensor)
        if owner is not None:
            last[owner] = max(last[owner], position)

    def create(tensor: int, position: int) -> None:
        if graph.tensors[tensor].data is None and tensor not in root:
            root[tensor] = tensor
            first[tensor] = last[tensor] = position
            size[tensor] = graph.tensors[tensor].nbytes

    for index in graph.inputs:
        create(index, -1)
    for state in graph.states:
        create(state.index, -1)
        last[state.index] = len(graph.ops)
    shared = shared_with_states(graph)
    for position, op in enumerate(graph.ops):
        for index in op.inputs:
            touch(index, position)
        for index in op.outputs:
            source = op.inputs[0] if op.inputs else -1
            if index in shared:
                root[index] = shared[index]
            elif op.kind == "RESHAPE" and source in root and _same_bytes(graph, source, index):
                root[index] = root[source]
            elif position in in_place and source in root and free_after(source, position):
                root[index] = root[source]
                size[root[source]] = max(size[root[source]], graph.tensors[index].nbytes)
            else:
                create(index, position)
    for index in graph.outputs:
        touch(index, len(graph.ops))
    storages = [Buffer(t, 0, size[t], first[t], last[t]) for t in first]
    aliases = tuple((tensor, owner) for tensor, owner in root.items() if tensor != owner)
    return storages, aliases


def _same_bytes(graph: Graph, source: int, target: int) -> bool:
    a, b = graph.tensors[source], graph.tensors[target]
    return a.dtype == b.dtype and a.size == b.size


def _lower_bound(buffers: Sequence[Buffer]) -> int:
    """The largest sum of sizes live at one operator; it is reached where some storage begins."""
    return max(
        (
            sum(aligned(b.nbytes) for b in buffers if b.first_op <= start <= b.last_op)
            for start in {b.first_op for b in buffers}
        ),
        default=0,
    )


def _pack(buffers: Sequence[Buffer]) -> list[Buffer]:
    """The storages with offsets, in the given order."""
    everything = list(range(len(buffers)))
    conflicts = [
        {j for j in everything if j != i and buffers[i].live_with(buffers[j])} for i in everything
    ]
    sizes = [aligned(b.nbytes) for b in buffers]
    bound = _lower_bound(buffers)

    def length(i: int) -> int:
        return buffers[i].last_op - buffers[i].first_op

    orders = [
        sorted(everything, key=lambda i: (-sizes[i], buffers[i].first_op, i)),
        sorted(everything, key=lambda i: (-length(i), -sizes[i], i)),
        sorted(everything, key=lambda i: (-sizes[i] * (length(i) + 1), i)),
        everything,
        everything[::-1],
    ]
    best_order, best = orders[0], _first_fit(orders[0], sizes, conflicts)
    best_peak = _peak(best, sizes)
    for order in orders[1:]:
        if best_peak == bound:
            break
        offsets = _first_fit(order, sizes, conflicts)
        if _peak(offsets, sizes) < best_peak:
            best_order, best, best_peak = order, offsets, _peak(offsets, sizes)
    if best_peak > bound and len(buffers) <= _SEARCH_LIMIT:
        best = _search(best_order, best, sizes, conflicts, bound)
    return [replace(b, offset=offset) for b, offset in zip(buffers, best, strict=True)]


def _search(
    order: list[int], best: list[int], sizes: list[int], conflicts: list[set[int]], bound: int
) -> list[int]:
    """Move one storage at a time to another place in the order; keep what is not worse."""
    generator = random.Random(0)  # a fixed seed: the plan must be repeatable
    best_peak = _peak(best, sizes)
    for _ in range(_SEARCH_STEPS):
        candidate = list(order)
        moved = candidate.pop(generator.randrange(len(candidate)))
        candidate.insert(generator.randrange(len(candidate) + 1), moved)
        offsets = _first_fit(candidate, sizes, conflicts)
        peak = _peak(offsets, sizes)
        if peak <= best_peak:
            order, best, best_peak = candidate, offsets, peak
        if best_peak == bound:
            break
    return best


def _first_fit(order: Sequence[int], sizes: list[int], conflicts: list[set[int]]) -> list[int]:
    """Give each storage in turn the lowest offset that is free while it is live."""
    offsets = [-1] * len(sizes)
    for i in order:
        taken = sorted((offsets[j], sizes[j]) for j in conflicts[i] if offsets[j] >= 0)
        offset = 0
        for start, size in taken:
            if offset + sizes[i] <= start:
                break
            offset = max(offset, start + size)
        offsets[i] = offset
    return offsets


def _peak(offsets: list[int], sizes: list[int]) -> int:
    return max((o + s for o, s in zip(offsets, sizes, strict=True)), default=0)
