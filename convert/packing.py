"""Offsets for blocks of memory of which some must lie apart, in as little memory as possible.

Two blocks that conflict have a distance for each order: with j above i, offset j - offset i must
be at least `above[i][j]`. It is the size of i where they must not share a byte, and less where a
kernel allows it (`convert.overlap`); 0 allows both to begin at the same byte. Distances are never
negative, so moving a block down harms none above it, and in a placement in which none can be moved
any more each block's offset follows from those of the blocks below it. So it is enough to search
the orders of the blocks: each is placed as low as those before it allow.

Packing is NP-hard. Networks for microcontrollers are short and mostly chains; there one of a few
orders usually meets the lower bound, which is the most that the blocks of one clique (those that
are live at one operator) need by themselves. Where none does, a seeded local search follows, and
for few blocks the exact one. The result is a function of the blocks alone.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

ALIGNMENT = (
    16  # bytes; every offset and the arena size are multiples, so any vector load is aligned
)
_LOCAL_STEPS = 2000  # orders tried by the local search at most
_LOCAL_LIMIT = 64  # blocks; above this the search would take seconds and the orders must do
_EXACT_LIMIT = 14  # blocks, for the exact search over all of them
_EXACT_STEPS = 20000  # placements tried by the exact search at most

Above = tuple[tuple[int | None, ...], ...]


def aligned(nbytes: int) -> int:
    """`nbytes` rounded up to a multiple of `ALIGNMENT`."""
    return -(-nbytes // ALIGNMENT) * ALIGNMENT


@dataclass(frozen=True)
class Blocks:
    """What is to be packed.

    Attributes:
        sizes: bytes, multiples of `ALIGNMENT`.
        above: `above[i][j]`, bytes, multiples of `ALIGNMENT`: how far block j must begin behind the
            beginning of block i if it does not begin before it. None for both orders of two blocks
            that have nothing to do with each other.
    """

    sizes: tuple[int, ...]
    above: Above

    def __len__(self) -> int:
        return len(self.sizes)

    @cached_property
    def near(self) -> tuple[tuple[tuple[int, int, int], ...], ...]:
        """For each block (block in conflict, distance to it from below, from above)."""
        return tuple(
            tuple(
                (j, down, up)
                for j, (down, up) in enumerate(zip(row, column, strict=True))
                if down is not None and up is not None
            )
            for row, column in zip(self.above, zip(*self.above, strict=True), strict=True)
        )

    def part(self, chosen: Sequence[int]) -> Blocks:
        """The chosen blocks by themselves."""
        return Blocks(
            tuple(self.sizes[i] for i in chosen),
            tuple(tuple(self.above[i][j] for j in chosen) for i in chosen),
        )

    def peak(self, offsets: Sequence[int]) -> int:
        """End of the last block."""
        return max((o + s for o, s in zip(offsets, self.sizes, strict=True)), default=0)


def pack(blocks: Blocks, cliques: Sequence[Sequence[int]]) -> tuple[int, ...]:
    """An offset for each block.

    Args:
        blocks: what to pack.
        cliques: sets of blocks, each of which gives a lower bound by what it needs by itself.
    """
    bound = lower_bound(blocks, cliques)
    everything = list(range(len(blocks)))
    sizes = blocks.sizes
    degree = [len(near) for near in blocks.near]
    orders = [
        sorted(everything, key=lambda i: (-sizes[i], i)),
        sorted(everything, key=lambda i: (-degree[i], -sizes[i], i)),
        sorted(everything, key=lambda i: (-sizes[i] * (degree[i] + 1), i)),
        everything,
        everything[::-1],
    ]
    best_order, best = orders[0], first_fit(blocks, orders[0])
    for order in orders[1:]:
        if blocks.peak(best) <= bound:
            break
        offsets = first_fit(blocks, order)
        if blocks.peak(offsets) < blocks.peak(best):
            best_order, best = order, offsets
    if blocks.peak(best) > bound and len(blocks) <= _LOCAL_LIMIT:
        best = _local_search(blocks, best_order, best, bound)
    if blocks.peak(best) > bound and len(blocks) <= _EXACT_LIMIT:
        best = exact(blocks, bound, best)
    return best


def lower_bound(blocks: Blocks, cliques: Sequence[Sequence[int]]) -> int:
    """Bytes below which no placement can go."""
    most = max(blocks.sizes, default=0)
    for clique in {tuple(sorted(c)) for c in cliques}:
        part = blocks.part(clique)
        if sum(part.sizes) > most:
            most = max(most, _least(part))
    return most


def _least(part: Blocks) -> int:
    """What a clique needs, or less where it is too large to know."""
    if len(part) > _EXACT_LIMIT:
        return max(part.sizes)
    found = exact(part, 0, first_fit(part, range(len(part))), limit=None)
    return part.peak(found)


def first_fit(blocks: Blocks, order: Sequence[int]) -> tuple[int, ...]:
    """Give each block in turn the lowest offset that those before it allow."""
    offsets = [-1] * len(blocks)
    for i in order:
        refused = sorted(
            (offsets[j] - down, offsets[j] + up)  # both ends are allowed
            for j, down, up in blocks.near[i]
            if offsets[j] >= 0
        )
        offset = 0
        for low, high in refused:
            if offset <= low:
                break
            offset = max(offset, high)
        offsets[i] = offset
    return tuple(offsets)


def _local_search(
    blocks: Blocks, order: list[int], best: tuple[int, ...], bound: int
) -> tuple[int, ...]:
    """Move one block at a time to another place in the order; keep what is not worse."""
    generator = random.Random(0)  # a fixed seed: the placement must be repeatable
    for _ in range(_LOCAL_STEPS):
        candidate = list(order)
        moved = candidate.pop(generator.randrange(len(candidate)))
        candidate.insert(generator.randrange(len(candidate) + 1), moved)
        offsets = first_fit(blocks, candidate)
        if blocks.peak(offsets) <= blocks.peak(best):
            order, best = candidate, offsets
        if blocks.peak(best) <= bound:
            break
    return best


def exact(
    blocks: Blocks, bound: int, best: tuple[int, ...], limit: int | None = _EXACT_STEPS
) -> tuple[int, ...]:
    """The best placement, or the best that is found within `limit` steps.

    Blocks are placed in the order of their offsets, each as low as those below it allow.

    Args:
        blocks: what to pack.
        bound: a peak with which the search may end.
        best: a placement to begin with.
        limit: placements that are tried at most, None for no limit.
    """
    count = len(blocks)
    least = blocks.peak(best)
    steps = 0
    offsets = [0] * count
    seen: dict[tuple[int, ...], int] = {}

    def go_on(lowest: tuple[int, ...], last: int, peak: int) -> None:
        nonlocal best, least, steps
        rest = [i for i in range(count) if lowest[i] >= 0]
        if not rest:
            best, least = tuple(offsets), peak
            return
        if any(max(lowest[i], last) + blocks.sizes[i] >= least for i in rest):
            return
        key = tuple(low if low < 0 else max(low, last) for low in lowest)
        if seen.get(key, least) <= peak:
            return
        seen[key] = peak
        # What could begin below the last one had its turn before it.
        ready = [i for i in rest if lowest[i] >= last]
        for i in sorted(ready, key=lambda i: (lowest[i], -blocks.sizes[i])):
            if least <= bound or (limit is not None and steps >= limit):
                return
            steps += 1
            offset = offsets[i] = lowest[i]
            after = list(lowest)
            for j, up, _ in blocks.near[i]:
                if after[j] >= 0:
                    after[j] = max(after[j], offset + up)
            after[i] = -1
            go_on(tuple(after), offset, max(peak, offset + blocks.sizes[i]))

    go_on((0,) * count, 0, 0)
    return best
