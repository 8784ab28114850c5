"""Where each activation lives in the one static arena.

A storage is a run of arena bytes that holds one tensor, or several tensors that are the same bytes
under different shapes (RESHAPE). It is live from the operator that writes it to the last operator
that reads it, both included. This is sound because each tensor is written once (`Graph.verify`).

Storages that are live together share no byte, with one exception: where an input is read for the
last time, the operator's output may lie over it as far as the kernel allows (`convert.overlap`).

Graph inputs are live from before the first operator (-1) to their last reader; running the model
may overwrite them. Graph outputs stay live after the last operator (len(ops)). States are live from
-1 to len(ops), so that nothing ever shares their bytes, also not between two runs.

Offsets are found by `convert.packing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import combinations

from convert.errors import ModelError
from convert.graph import Graph
from convert.overlap import Overlap
from convert.packing import ALIGNMENT, Blocks, aligned, lower_bound, pack
from convert.variables import shared_with_states

_SUBSETS = 4  # in-place pairs of which all choices are tried

__all__ = ["ALIGNMENT", "Buffer", "Plan", "aligned", "plan"]

Pair = tuple[int, int]


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
    lower_bound: int = 0  # bytes below which no plan with these lifetimes can go
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
    def naive_size(self) -> int:
        """Bytes needed if no two storages shared memory."""
        return sum(aligned(b.nbytes) for b in (*self.buffers, *self.scratch))


def plan(
    graph: Graph,
    scratch: Mapping[int, int] | None = None,
    overlaps: Mapping[int, Sequence[Overlap]] | None = None,
    tails: Mapping[int, int] | None = None,
) -> Plan:
    """Lay out the activations of `graph`.

    Args:
        graph: a verified graph; tensor sizes are taken from shapes and element types.
        scratch: bytes of scratch memory by position in `graph.ops`, where kernels ask for some.
        overlaps: by position in `graph.ops`, what the kernel allows of the first input, the second
            and so on, and the first output; inputs beyond must lie apart.
        tails: bytes that a kernel uses behind its first output, by position in `graph.ops`.

    Raises:
        ModelError: an activation has an element type of unknown size.
    """
    storages, extra, root, allowed = _wanted(graph, scratch, overlaps, tails)
    placed, least = place([*storages, *extra], allowed)
    return Plan(
        buffers=tuple(placed[: len(storages)]),
        arena_size=max((b.end for b in placed), default=0),
        aliases=tuple((tensor, owner) for tensor, owner in root.items() if tensor != owner),
        scratch=tuple(placed[len(storages) :]),
        lower_bound=least,
    )


def needs(
    graph: Graph,
    scratch: Mapping[int, int] | None = None,
    overlaps: Mapping[int, Sequence[Overlap]] | None = None,
    tails: Mapping[int, int] | None = None,
) -> tuple[int, ...]:
    """Bytes below which no plan can go, for each operator by itself; arguments as for `plan`."""
    storages, extra, _, allowed = _wanted(graph, scratch, overlaps, tails)
    buffers = [*storages, *extra]
    blocks, _ = _relaxed(buffers, allowed)
    parts = [blocks.part(_live(buffers, at)) for at in range(len(graph.ops))]
    return tuple(lower_bound(part, [range(len(part))]) for part in parts)


def _wanted(
    graph: Graph,
    scratch: Mapping[int, int] | None,
    overlaps: Mapping[int, Sequence[Overlap]] | None,
    tails: Mapping[int, int] | None,
) -> tuple[list[Buffer], list[Buffer], dict[int, int], dict[Pair, Overlap]]:
    """Storages and scratch memory, not placed; whose storage tensors have; what may share."""
    storages, root = _storages(graph)
    for position, nbytes in (tails or {}).items():
        output = graph.ops[position].outputs[0]
        at = next(i for i, storage in enumerate(storages) if storage.tensor == root[output])
        most = max(storages[at].nbytes, graph.tensors[output].nbytes + nbytes)
        storages[at] = replace(storages[at], nbytes=most)
    wanted = sorted((scratch or {}).items())
    for position, nbytes in wanted:
        if not 0 <= position < len(graph.ops) or nbytes < 0:
            raise ModelError(
                f"Scratch must be 0 or more bytes for one of {len(graph.ops)} operators. "
                f"Received: {nbytes} bytes for operator {position}."
            )
    extra = [Buffer(-1, 0, nbytes, position, position) for position, nbytes in wanted if nbytes]
    return storages, extra, root, _allowed(graph, storages, root, overlaps or {})


def _storages(graph: Graph) -> tuple[list[Buffer], dict[int, int]]:
    """Unplaced storages in order of first use, and whose storage each tensor has."""
    root: dict[int, int] = {}
    first: dict[int, int] = {}
    last: dict[int, int] = {}

    def touch(tensor: int, position: int) -> None:
        owner = root.get(tensor)
        if owner is not None:
            last[owner] = max(last[owner], position)

    def create(tensor: int, position: int) -> None:
        if graph.tensors[tensor].data is None and tensor not in root:
            root[tensor] = tensor
            first[tensor] = last[tensor] = position

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
            else:
                create(index, position)
    for index in graph.outputs:
        touch(index, len(graph.ops))
    return [Buffer(t, 0, graph.tensors[t].nbytes, first[t], last[t]) for t in first], root


def _same_bytes(graph: Graph, source: int, target: int) -> bool:
    a, b = graph.tensors[source], graph.tensors[target]
    return a.dtype == b.dtype and a.size == b.size


def _allowed(
    graph: Graph,
    storages: Sequence[Buffer],
    root: Mapping[int, int],
    overlaps: Mapping[int, Sequence[Overlap]],
) -> dict[Pair, Overlap]:
    """(input, output) of `storages` -> how they may share memory, where they may."""
    place = {b.tensor: i for i, b in enumerate(storages)}
    found: dict[Pair, Overlap] = {}
    for position, kernel in overlaps.items():
        op = graph.ops[position]
        target = place.get(op.outputs[0]) if op.outputs else None
        if target is None or storages[target].first_op != position:
            continue
        reads = [place[root[index]] if index in root else -1 for index in op.inputs]
        for source in sorted({i for i in reads if i >= 0 and storages[i].last_op == position}):
            uses = [i for i, index in enumerate(reads) if index == source]
            if max(uses) < len(kernel):
                found[source, target] = Overlap(
                    max(kernel[i].lead for i in uses), all(kernel[i].together for i in uses)
                )
    return found


def place(buffers: Sequence[Buffer], allowed: Mapping[Pair, Overlap]) -> tuple[list[Buffer], int]:
    """The buffers with offsets, and what no placement can go below.

    Args:
        buffers: whose offsets are not looked at.
        allowed: (input, output), as numbers of buffers -> how they may share memory.
    """
    above = _distances(buffers, allowed)
    live = [_live(buffers, at) for at in sorted({b.first_op for b in buffers})]
    together = _together(allowed)
    blocks, free = _relaxed(buffers, allowed)
    sizes = blocks.sizes
    least = lower_bound(blocks, live)
    best: list[int] = []
    for chosen in _choices(together):
        groups = _groups(len(buffers), chosen, above, free)
        blocks = Blocks(
            tuple(max(sizes[i] for i in group) for group in groups),
            tuple(tuple(_between(a, b, above) for b in groups) for a in groups),
        )
        owner = {i: number for number, group in enumerate(groups) for i in group}
        packed = pack(blocks, [sorted({owner[i] for i in clique}) for clique in live])
        offsets = [packed[owner[i]] for i in range(len(buffers))]
        if not best or _peak(offsets, sizes) < _peak(best, sizes):
            best = offsets
        if _peak(best, sizes) <= least:
            break
    return [replace(b, offset=offset) for b, offset in zip(buffers, best, strict=True)], least


def _live(buffers: Sequence[Buffer], at: int) -> list[int]:
    """Which buffers hold something that is needed at an operator."""
    return [i for i, b in enumerate(buffers) if b.first_op <= at <= b.last_op]


def _together(allowed: Mapping[Pair, Overlap]) -> list[Pair]:
    """Pairs that may begin at the same byte, but not a little apart."""
    return [pair for pair, overlap in allowed.items() if overlap.together and overlap.lead > 0]


def _relaxed(
    buffers: Sequence[Buffer], allowed: Mapping[Pair, Overlap]
) -> tuple[Blocks, set[Pair]]:
    """Blocks that need no more than any choice of pairs, and the pairs, in both orders."""
    free = {(i, j) for pair in _together(allowed) for i, j in (pair, pair[::-1])}
    above = tuple(
        tuple(None if (i, j) in free else distance for j, distance in enumerate(row))
        for i, row in enumerate(_distances(buffers, allowed))
    )
    return Blocks(tuple(aligned(b.nbytes) for b in buffers), above), free


def _distances(
    buffers: Sequence[Buffer], allowed: Mapping[Pair, Overlap]
) -> list[list[int | None]]:
    """`Blocks.above`, with every buffer a block."""
    above: list[list[int | None]] = [
        [aligned(a.nbytes) if a is not b and a.live_with(b) else None for b in buffers]
        for a in buffers
    ]
    for (source, target), overlap in allowed.items():
        above[target][source] = min(aligned(overlap.lead), aligned(buffers[target].nbytes))
    return above


def _choices(together: list[Pair]) -> Iterator[list[Pair]]:
    """Which pairs begin at the same byte: all, then fewer."""
    yield together
    if len(together) > _SUBSETS:
        yield []
        return
    for count in range(len(together) - 1, -1, -1):
        yield from (list(chosen) for chosen in combinations(together, count))


def _groups(
    count: int,
    chosen: Sequence[Pair],
    above: Sequence[Sequence[int | None]],
    free: set[Pair],
) -> list[list[int]]:
    """Buffers that begin at the same byte; a pair that others forbid is left apart."""
    groups = [[i] for i in range(count)]
    for source, target in chosen:
        one = next(group for group in groups if source in group)
        other = next(group for group in groups if target in group)
        apart = any(above[i][j] is not None and (i, j) not in free for i in one for j in other)
        if one is not other and not apart:
            one += other
            groups.remove(other)
    return groups


def _between(
    below: Sequence[int], over: Sequence[int], above: Sequence[Sequence[int | None]]
) -> int | None:
    """The distance that two groups must keep, None where nothing binds them."""
    if below is over:
        return None
    found = [d for i in below for j in over if (d := above[i][j]) is not None]
    return max(found) if found else None


def _peak(offsets: Sequence[int], sizes: Sequence[int]) -> int:
    return max((o + s for o, s in zip(offsets, sizes, strict=True)), default=0)
