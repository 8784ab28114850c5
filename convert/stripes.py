"""Some layers a few rows at a time, so that what is between them never exists whole.

In the first layers of a network for images, activations are large and each of their rows is soon
not needed any more. Here a region, neighbouring operators that begin with one tensor and end with
one, is cut into stripes of the last one's rows. For each stripe every operator computes those rows
that the operators after it lack, no more, and no row twice. Between two operators there is only a
buffer with the rows that are still needed: before new ones are written behind them, they move to
its beginning.

What each kernel is given is an ordinary operator on a smaller image (`convert.rows`), so the values
are those of the whole layers, bit for bit. (Lin et al., MCUNetV2, 2021, cut such layers into
patches of rows and columns; these overlap, and what lies in two patches is computed twice.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from convert.graph import Graph
from convert.params import Params
from convert.rows import Reach, reach_of, with_rows


@dataclass(frozen=True)
class Region:
    """Operators `first` to `last`, positions in `Graph.ops`, both included.

    Attributes:
        source: the one tensor that they read and do not compute.
        target: the one tensor that is needed after them.
    """

    first: int
    last: int
    source: int
    target: int


@dataclass(frozen=True)
class Move:
    """Rows of a buffer that go to its beginning, from row `first` on."""

    tensor: int
    first: int
    rows: int


@dataclass(frozen=True)
class Call:
    """One operator, for some rows of its output.

    Attributes:
        position: in `Graph.ops`.
        params: of the operator on the smaller image.
        reads: row at which each of its inputs begins, in its buffer; in the whole source.
        writes: row at which the output begins, in its buffer; in the whole target.
    """

    position: int
    params: Params
    reads: tuple[int, ...]
    writes: int


Stripe = tuple[Move | Call, ...]


@dataclass(frozen=True)
class Schedule:
    """A region in stripes.

    Attributes:
        region: what is cut.
        rows: of the target that each stripe makes; the last one may make fewer.
        stripes: in order.
        heights: rows of each buffer, by tensor.
        kept: tensors of which rows are kept from one stripe to the next.
        reads: first row of the source that each stripe reads, of those that read any.
        writes: rows of the target that there are after each of these.
    """

    region: Region
    rows: int
    stripes: tuple[Stripe, ...]
    heights: dict[int, int]
    kept: frozenset[int]
    reads: tuple[int, ...]
    writes: tuple[int, ...]

    @property
    def calls(self) -> Iterator[Call]:
        """Of all stripes."""
        return (step for stripe in self.stripes for step in stripe if isinstance(step, Call))


def regions(graph: Graph, params: Sequence[Params]) -> Iterator[Region]:
    """All regions of two operators or more that can be cut into stripes."""
    reaches = [reach_of(graph, op, p) for op, p in zip(graph.ops, params, strict=True)]
    last_use = {index: at for at, op in enumerate(graph.ops) for index in op.inputs}
    last_use.update((index, len(graph.ops)) for index in graph.outputs)
    for first in range(len(graph.ops)):
        made: set[int] = set()
        sources: set[int] = set()
        for last in range(first, len(graph.ops)):
            op = graph.ops[last]
            if reaches[last] is None:
                break
            sources.update(index for index in op.values if index not in made)
            if len(sources) != 1:
                break
            target = op.outputs[0]
            inner_ends = all(last_use.get(index, -1) <= last for index in made)
            if last > first and inner_ends and graph.tensors[target].shape[1] > 1:
                yield Region(first, last, min(sources), target)
            made.add(target)


def cut(graph: Graph, params: Sequence[Params], region: Region, rows: int) -> Schedule | None:
    """The schedule of a region, or None where some operator would see nothing but padding."""
    return _Cutter(graph, params, region, rows).schedule()


class _Cutter:
    """State of one `cut`: how many rows there are of each tensor, and which of them its buffer has.

    `ends[tensor][stripe]` is the row after the last one that is computed when the stripe is over.
    """

    def __init__(self, graph: Graph, params: Sequence[Params], region: Region, rows: int) -> None:
        self.graph, self.params, self.region, self.rows = graph, params, region, rows
        self.positions = range(region.first, region.last + 1)
        self.height = {
            index: graph.tensors[index].shape[1]
            for at in self.positions
            for index in (*graph.ops[at].values, *graph.ops[at].outputs)
        }
        self.count = -(-self.height[region.target] // rows)
        self.ends = self._ends()

    def _reach(self, position: int) -> Reach:
        found = reach_of(self.graph, self.graph.ops[position], self.params[position])
        assert found is not None
        return found

    def _ends(self) -> dict[int, list[int]]:
        target = self.region.target
        ends = {index: [0] * self.count for index in self.height}
        ends[target] = [
            min((stripe + 1) * self.rows, self.height[target]) for stripe in range(self.count)
        ]
        for at in reversed(self.positions):
            op, reach = self.graph.ops[at], self._reach(at)
            for stripe, end in enumerate(ends[op.outputs[0]]):
                for index in op.values:
                    needed = reach.needed(0, end, self.height[index])[1] if end else 0
                    ends[index][stripe] = max(ends[index][stripe], needed)
        return ends

    def _new(self, tensor: int, stripe: int) -> tuple[int, int]:
        """First and end of the rows that a stripe computes."""
        ends = self.ends[tensor]
        return ends[stripe - 1] if stripe else 0, ends[stripe]

    def _first_needed(self, tensor: int) -> list[int]:
        """The lowest row that each stripe, or one after it, reads; the last entry is after all."""
        height = self.height[tensor]
        lowest = [height] * (self.count + 1)
        for at in self.positions:
            op, reach = self.graph.ops[at], self._reach(at)
            if tensor not in op.values:
                continue
            for stripe in range(self.count):
                first, end = self._new(op.outputs[0], stripe)
                if first < end:
                    lowest[stripe] = min(lowest[stripe], reach.needed(first, end, height)[0])
        for stripe in reversed(range(self.count)):
            lowest[stripe] = min(lowest[stripe], lowest[stripe + 1])
        return lowest

    def schedule(self) -> Schedule | None:
        """All stripes."""
        source, target = self.region.source, self.region.target
        needed = {index: self._first_needed(index) for index in self.height}
        begins = dict.fromkeys(self.height, 0)  # the row with which a buffer begins
        heights = {index: 0 for index in self.height if index not in (source, target)}
        kept: set[int] = set()
        stripes: list[Stripe] = []
        for stripe in range(self.count):
            steps: list[Move | Call] = []
            for at in self.positions:
                op, reach = self.graph.ops[at], self._reach(at)
                output = op.outputs[0]
                first, end = self._new(output, stripe)
                if first == end:
                    continue
                if output != target:
                    begin = min(needed[output][stripe], first)
                    if begin < first:
                        kept.add(output)
                        if begin > begins[output]:
                            steps.append(Move(output, begin - begins[output], first - begin))
                    begins[output] = begin
                    heights[output] = max(heights[output], end - begin)
                call = self._call(at, reach, (first, end), begins)
                if call is None:
                    return None
                steps.append(call)
            stripes.append(tuple(steps))
        kept.update(self._waiting())
        busy = [s for s in range(self.count) if needed[source][s] < self.height[source]]
        return Schedule(
            region=self.region,
            rows=self.rows,
            stripes=tuple(stripes),
            heights=heights,
            kept=frozenset(kept),
            reads=tuple(needed[source][s] for s in busy),
            writes=tuple(self.ends[target][s] for s in busy),
        )

    def _waiting(self) -> Iterator[int]:
        """Tensors that a stripe reads without computing rows of them."""
        for at in self.positions:
            op = self.graph.ops[at]
            for stripe in range(self.count):
                first, end = self._new(op.outputs[0], stripe)
                for index in op.values if first < end else ():
                    new = self._new(index, stripe)
                    if new[0] == new[1]:
                        yield index

    def _call(
        self, at: int, reach: Reach, new: tuple[int, int], begins: dict[int, int]
    ) -> Call | None:
        op, (first, end) = self.graph.ops[at], new
        height = self.height[op.values[0]]
        low, high = reach.needed(first, end, height)
        if low >= high:
            return None
        above = low - (first * reach.stride - reach.padding)
        _, _, width, channels = self.graph.tensors[op.outputs[0]].shape
        return Call(
            position=at,
            params=with_rows(self.params[at], high - low, above, end - first, width * channels),
            reads=tuple(low - begins[index] for index in op.values),
            writes=first - begins[op.outputs[0]],
        )
