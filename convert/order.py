"""In which order operators run, where a graph has branches: the one with the least memory at once.

What is needed at an operator are the tensors that some later operator reads, its output as far as
that may not lie over an input (`convert.overlap`), and its scratch memory. The search goes through
the sets of operators that can have run after one, two, three... steps. How a set was reached
matters to what comes after it only by the most that was needed, so one order per set is enough, and
the search is exact as long as all sets are kept; of large graphs with many branches, the best ones
are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from convert.graph import Graph, Op
from convert.overlap import Overlap

_KEPT = 256  # sets of the same size


def best_order(
    graph: Graph,
    scratch: Mapping[int, int],
    overlaps: Mapping[int, Sequence[Overlap]],
    kept: int = _KEPT,
) -> tuple[int, ...]:
    """Positions in `graph.ops`, in the order in which they should run.

    Among equally good orders it is the one that stays nearest to the graph's own.

    Args:
        graph: verified.
        scratch: bytes by position.
        overlaps: by position, as for `convert.memory.plan`.
        kept: sets of the same size that the search goes on with.
    """
    return _Search(graph, scratch, overlaps).run(kept)


def peak(
    graph: Graph,
    order: Sequence[int],
    scratch: Mapping[int, int],
    overlaps: Mapping[int, Sequence[Overlap]],
) -> int:
    """Most bytes that are needed at one operator in this order."""
    search, done, most = _Search(graph, scratch, overlaps), 0, 0
    for position in order:
        most = max(most, search.need(done, position))
        done |= 1 << position
    return most


class _Search:
    """What operators need; sets of operators are bits of a number."""

    def __init__(
        self,
        graph: Graph,
        scratch: Mapping[int, int],
        overlaps: Mapping[int, Sequence[Overlap]],
    ) -> None:
        self.graph, self.scratch, self.overlaps = graph, scratch, overlaps
        self.count = len(graph.ops)
        self.before = [self._before(position) for position in range(self.count)]
        self.writer = {
            index: 1 << p
            for p, op in enumerate(graph.ops)
            for index in op.outputs
            if not graph.tensors[index].state
        }
        self.readers: dict[int, int] = dict.fromkeys((*graph.inputs, *self.writer), 0)
        for position, op in enumerate(graph.ops):
            for index in op.inputs:
                if index in self.readers:
                    self.readers[index] |= 1 << position
        for index in graph.outputs:
            if index in self.readers:
                self.readers[index] |= 1 << self.count
        self.bytes = {index: graph.tensors[index].nbytes for index in self.readers}

    def _before(self, position: int) -> int:
        """Operators that must have run; those on the same state stay in their order."""
        op = self.graph.ops[position]
        found = 0
        for earlier, other in enumerate(self.graph.ops[:position]):
            if set(other.outputs) & set(op.inputs) or self._states(op) & self._states(other):
                found |= 1 << earlier
        return found

    def _states(self, op: Op) -> set[int]:
        touched = (*op.inputs, *op.outputs)
        return {index for index in touched if index != -1 and self.graph.tensors[index].state}

    def _live(self, done: int) -> int:
        """Bytes of tensors that are there and needed later, `done` having run."""
        return sum(
            self.bytes[index]
            for index, readers in self.readers.items()
            if readers & ~done and self.writer.get(index, 0) & ~done == 0
        )

    def need(self, done: int, position: int) -> int:
        """Bytes while an operator runs."""
        op = self.graph.ops[position]
        made = sum(self.bytes.get(index, 0) for index in op.outputs)
        after = done | 1 << position
        saved = 0
        for index, overlap in zip(op.inputs, self.overlaps.get(position, ()), strict=False):
            last = index in self.readers and self.readers[index] & ~after == 0
            if last and op.inputs.count(index) == 1:
                size = self.bytes[index]
                lead = 0 if overlap.together else overlap.lead
                saved = max(saved, size + made - max(made, lead + size))
        return self._live(done) + made - saved + self.scratch.get(position, 0)

    def run(self, kept: int) -> tuple[int, ...]:
        """The best order of all operators."""
        level: dict[int, tuple[int, tuple[int, ...]]] = {0: (0, ())}
        for _ in range(self.count):
            following: dict[int, tuple[int, tuple[int, ...]]] = {}
            for done, (most, order) in level.items():
                for position in range(self.count):
                    bit = 1 << position
                    if done & bit or self.before[position] & ~done:
                        continue
                    found = (max(most, self.need(done, position)), (*order, position))
                    if done | bit not in following or found < following[done | bit]:
                        following[done | bit] = found
            if len(following) > kept:
                best = sorted(following, key=lambda s: (following[s][0], self._live(s)))[:kept]
                following = {done: following[done] for done in best}
            level = following
        return level[(1 << self.count) - 1][1]
