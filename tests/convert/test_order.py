"""The order of operators: none needs less memory, told by trying all."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import graph as g
from convert.emit_aot import emit_model
from convert.families import FAMILIES, Kernels
from convert.order import best_order, peak
from convert.overlap import Overlap
from convert.passes import prepare
from convert.planning import planned
from convert.tflite_reader import read
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from tests.convert.test_memory import graphs
from tests.tflite_builder import Streaming


def orders(graph: g.Graph) -> Iterator[tuple[int, ...]]:
    """All orders in which what an operator reads is there."""

    def go_on(order: tuple[int, ...], ready: frozenset[int]) -> Iterator[tuple[int, ...]]:
        if len(order) == len(graph.ops):
            yield order
        for position, op in enumerate(graph.ops):
            if position not in order and ready.issuperset(op.inputs):
                yield from go_on((*order, position), ready | set(op.outputs))

    yield from go_on((), frozenset(graph.inputs))


@st.composite
def small(draw) -> tuple[g.Graph, dict[int, int], dict[int, tuple[Overlap, ...]]]:
    """A graph of at most seven operators, scratch memory, and what kernels allow."""
    graph = draw(graphs().filter(lambda graph: len(graph.ops) <= 7))
    positions = range(len(graph.ops))
    scratch = {p: draw(st.integers(0, 300)) for p in positions if draw(st.booleans())}
    overlap = st.builds(Overlap, st.integers(0, 300), st.booleans())
    overlaps = {p: tuple(draw(st.lists(overlap, max_size=2))) for p in positions}
    return graph, scratch, overlaps


@given(small())
@settings(max_examples=80, deadline=None)
def test_no_order_needs_less(case: tuple) -> None:
    graph, scratch, overlaps = case
    found = best_order(graph, scratch, overlaps)
    assert found in set(orders(graph))
    least = min(peak(graph, order, scratch, overlaps) for order in orders(graph))
    assert peak(graph, found, scratch, overlaps) == least


@given(graphs())
@settings(max_examples=60, deadline=None)
def test_a_short_search_still_gives_an_order(graph: g.Graph) -> None:
    found = best_order(graph, {}, {}, kept=1)
    made = set(graph.inputs)
    for position in found:
        assert made.issuperset(graph.ops[position].inputs)
        made.update(graph.ops[position].outputs)
    assert sorted(found) == list(range(len(graph.ops)))


def _wide_branches() -> bytes:
    """Branches that grow and shrink again; the file opens all of them before it closes one."""
    made = Streaming((1 / 40, 3))
    source = made.tensor((1, 8, 4))
    grown = [
        made.op("CONCATENATION", (source,) * 6, (1, 48, 4), g.Concatenation(1)) for _ in range(3)
    ]
    limits = [(made.constant([0, 5 * i, 0]), made.constant([1, 8, 4])) for i in range(3)]
    small = [
        made.op("SLICE", (wide, *limit), (1, 8, 4))
        for wide, limit in zip(grown, limits, strict=True)
    ]
    first = made.op("ADD", small[:2], (1, 8, 4), g.Add())
    return made.finish(source, [made.op("ADD", (first, small[2]), (1, 8, 4), g.Add())])


@pytest.mark.parametrize("kernels", ["plain", "dsp"])
def test_branches_are_closed_before_others_are_opened(kernels: Kernels) -> None:
    graph = read(_wide_branches())
    found = planned(prepare(graph), FAMILIES[kernels])
    kinds = [op.kind for op in found.graph.ops]
    assert kinds[:4] == ["CONCATENATION", "SLICE", "CONCATENATION", "SLICE"]
    assert found.plan.arena_size < 2 * 192 < 3 * 192
    inputs = np.random.default_rng(1).integers(-128, 128, (5, 8, 4)).astype(np.int8)
    trace = HostBackend(emit_model(graph, kernels=kernels)).run(inputs)
    expected = ReferenceBackend(graph).run(inputs)
    for tensor, values in trace.items():
        np.testing.assert_array_equal(values, expected[tensor])
    assert len(trace) == len(graph.ops) + 1


def test_operators_on_the_same_state_keep_their_order() -> None:
    made = Streaming((1 / 40, 3))
    source = made.tensor((1, 4, 6))
    before = made.read("old", (1, 4, 6))
    made.assign("old", source)
    after = made.read("old", (1, 4, 6))
    last = made.op("SUB", (before, after), (1, 4, 6), g.Sub())
    graph = prepare(read(made.finish(source, [last])))
    found = best_order(graph, {}, {})
    states = [p for p in found if graph.ops[p].kind.endswith("VARIABLE")]
    assert states == sorted(states) and len(states) == 3
