"""The planner: no two live storages share a byte, whatever the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import graph as g
from convert.errors import ModelError
from convert.memory import ALIGNMENT, Plan, aligned, plan
from convert.overlap import Overlap
from convert.passes import prepare
from convert.tflite_reader import read
from tests import tflite_builder as build
from tests.public_models import PUBLIC


def tensor(index: int, shape: tuple[int, ...], dtype: g.DType = "int8") -> g.Tensor:
    return g.Tensor(index, f"t{index}", shape, dtype, g.Quant((1.0,), (0,)))


def op(index: int, kind: str, inputs: tuple[int, ...], outputs: tuple[int, ...]) -> g.Op:
    return g.Op(index, kind, inputs, outputs, g.NoOptions())


@st.composite
def graphs(draw) -> g.Graph:
    """Random DAGs: chains, branches, RESHAPEs, dead ends, several inputs and outputs."""
    tensors: list[g.Tensor] = []

    def fresh(shape) -> int:
        tensors.append(tensor(len(tensors), shape))
        return len(tensors) - 1

    shapes = st.tuples(st.integers(1, 300))
    inputs = tuple(fresh(draw(shapes)) for _ in range(draw(st.integers(1, 3))))
    ops = []
    for index in range(draw(st.integers(1, 14))):
        recent = st.integers(max(0, len(tensors) - 4), len(tensors) - 1)
        anyone = st.integers(0, len(tensors) - 1)
        sources = tuple(draw(st.lists(recent | anyone, min_size=1, max_size=3)))
        if draw(st.booleans()) and draw(st.booleans()):
            size = tensors[sources[0]].size
            ops.append(op(index, "RESHAPE", sources[:1], (fresh((1, size)),)))
        else:
            made = tuple(fresh(draw(shapes)) for _ in range(draw(st.integers(1, 2))))
            ops.append(op(index, "ADD", sources, made))
    chosen = st.lists(st.integers(0, len(tensors) - 1), min_size=1, max_size=3, unique=True)
    made_graph = g.Graph(tuple(tensors), tuple(ops), inputs, tuple(draw(chosen)))
    made_graph.verify()
    return made_graph


def live_ranges(graph: g.Graph) -> dict[int, tuple[int, int]]:
    """First and last position at which each tensor must hold its values, told naively."""
    first = dict.fromkeys(graph.inputs, -1)
    last = dict(first)
    for position, o in enumerate(graph.ops):
        for t in o.outputs:
            first[t] = last[t] = position
        for t in o.inputs:
            if t != -1 and graph.tensors[t].data is None:
                last[t] = position
    for t in graph.outputs:
        last[t] = len(graph.ops)
    return {t: (first[t], last[t]) for t in first}


Overlaps = Mapping[int, Sequence[Overlap]]


def allowed(
    graph: g.Graph, overlaps: Overlaps, source: int, target: int, offsets: Mapping[int, int]
) -> bool:
    """Whether the operator that writes `target` lets it lie so over `source`, which it reads."""
    for position, o in enumerate(graph.ops):
        if o.outputs and o.outputs[0] == target:
            stated = overlaps.get(position, ())
            uses = [i for i, t in enumerate(o.inputs) if t == source]
            apart = offsets[source] - offsets[target]
            return bool(uses) and all(
                i < len(stated) and (apart >= stated[i].lead or (apart == 0 and stated[i].together))
                for i in uses
            )
    return False


def check_plan(graph: g.Graph, made: Plan, overlaps: Overlaps | None = None) -> None:
    """The invariant, on tensors and not on the planner's own storages."""
    root = dict(made.aliases)
    while any(root.get(r) for r in root.values()):
        root = {t: root.get(r, r) for t, r in root.items()}
    ranges = live_ranges(graph)
    spans = []
    offsets = {}
    for t, (first, last) in ranges.items():
        assert t in made
        offsets[t] = made.offset_of(t)
        spans.append((first, last, made.offset_of(t), graph.tensors[t].nbytes, root.get(t, t)))
    tensors = [*ranges, *(-1 for _ in made.scratch)]
    spans += [
        (b.first_op, b.last_op, b.offset, b.nbytes, -1 - i) for i, b in enumerate(made.scratch)
    ]
    for first, last, offset, nbytes, _ in spans:
        assert offset % ALIGNMENT == 0
        assert first <= last
        assert 0 <= offset <= offset + nbytes <= made.arena_size
    for i, (first_a, last_a, offset_a, size_a, root_a) in enumerate(spans):
        for j, (first_b, last_b, offset_b, size_b, root_b) in enumerate(spans[:i]):
            if root_a != root_b and first_a <= last_b and first_b <= last_a:
                if offset_a + size_a <= offset_b or offset_b + size_b <= offset_a:
                    continue
                # One is written by the last operator that reads the other.
                a, b = (i, j) if first_a == last_b else (j, i)
                assert spans[a][0] == spans[b][1]
                assert allowed(graph, overlaps or {}, tensors[b], tensors[a], offsets)
    assert made.arena_size % ALIGNMENT == 0
    assert made.lower_bound <= made.arena_size <= made.naive_size
    live = [
        sum({root: size for f, t, _, size, root in spans if f <= at <= t}.values())
        for at in range(-1, len(graph.ops) + 1)
    ]
    assert overlaps or made.arena_size >= max(live)


@settings(max_examples=120)
@given(graphs(), st.dictionaries(st.integers(0, 13), st.integers(0, 200), max_size=4))
def test_no_two_live_storages_overlap(graph: g.Graph, scratch: dict[int, int]) -> None:
    wanted = {k: v for k, v in scratch.items() if k < len(graph.ops)}
    made = plan(graph, wanted)
    check_plan(graph, made)
    assert {b.first_op: b.nbytes for b in made.scratch} == {k: v for k, v in wanted.items() if v}
    assert plan(graph, wanted) == made  # repeatable


@st.composite
def graphs_with_overlaps(draw) -> tuple[g.Graph, dict[int, list[Overlap]]]:
    graph = draw(graphs())
    stated = {}
    for position, o in enumerate(graph.ops):
        size = graph.tensors[o.outputs[0]].nbytes
        lead = st.integers(0, size) | st.just(0) | st.just(size)
        one = st.builds(Overlap, lead, st.booleans())
        stated[position] = draw(st.lists(one, max_size=len(o.inputs)))
    return graph, stated


@settings(max_examples=120)
@given(graphs_with_overlaps(), st.dictionaries(st.integers(0, 13), st.integers(0, 200), max_size=2))
def test_overlap_is_what_kernels_allow(
    made_graph: tuple[g.Graph, dict[int, list[Overlap]]], scratch: dict[int, int]
) -> None:
    graph, overlaps = made_graph
    wanted = {k: v for k, v in scratch.items() if k < len(graph.ops)}
    made = plan(graph, wanted, overlaps)
    check_plan(graph, made, overlaps)
    assert made.arena_size <= plan(graph, wanted).arena_size
    assert plan(graph, wanted, overlaps) == made  # repeatable


def test_chain_needs_the_two_largest_neighbours() -> None:
    sizes = [100, 64, 320, 48, 16]
    tensors = tuple(tensor(i, (s,)) for i, s in enumerate(sizes))
    ops = tuple(op(i, "RELU", (i,), (i + 1,)) for i in range(4))
    made = plan(g.Graph(tensors, ops, (0,), (4,)))
    assert made.arena_size == made.lower_bound == 64 + 320
    assert made.naive_size == sum(map(aligned, sizes))


def test_reshape_is_an_alias_and_keeps_its_source_alive() -> None:
    tensors = (tensor(0, (4, 8)), tensor(1, (32,)), tensor(2, (1, 32)), tensor(3, (32,)))
    ops = (
        op(0, "RESHAPE", (0,), (1,)),
        op(1, "RESHAPE", (1,), (2,)),
        op(2, "RELU", (0,), (3,)),
    )
    made = plan(g.Graph(tensors, ops, (0,), (2, 3)))
    assert made.offset_of(0) == made.offset_of(1) == made.offset_of(2) != made.offset_of(3)
    assert [made.is_alias(i) for i in range(4)] == [False, True, True, False]
    assert [(b.tensor, b.first_op, b.last_op) for b in made.buffers] == [(0, -1, 3), (3, 2, 3)]


def test_constants_and_unused_tensors_have_no_place() -> None:
    graph = read(build.conv_2d())
    made = plan(graph)
    assert 0 in made and 3 in made and 1 not in made
    with pytest.raises(KeyError):
        made.offset_of(1)


def test_larger_types_count_their_bytes() -> None:
    made = plan(read(build.dequantize(shape=(1, 10))))
    assert {b.tensor: b.nbytes for b in made.buffers} == {0: 10, 1: 40}


def test_search_finds_what_greedy_misses() -> None:
    # Storages (size, first, last).
    spans = [(9, 0, 2), (5, 1, 4), (7, 3, 6), (9, 5, 8), (5, 7, 9), (4, 2, 3), (6, 4, 5), (3, 6, 7)]
    tensors = tuple(tensor(i, (16 * size,)) for i, (size, _, _) in enumerate(spans))
    ops = []
    for position in range(10):
        outputs = tuple(i for i, (_, first, _) in enumerate(spans) if first == position)
        inputs = tuple(i for i, (_, f, last) in enumerate(spans) if last == position and f < last)
        ops.append(op(position, "ADD", inputs, outputs))
    graph = g.Graph(tensors, tuple(ops), (), ())
    made = plan(graph)
    check_plan(graph, made)
    assert made.arena_size <= made.lower_bound + 2 * ALIGNMENT


def test_scratch_outside_the_graph_is_refused() -> None:
    with pytest.raises(ModelError, match="Scratch"):
        plan(read(build.relu()), {1: 4})
    with pytest.raises(ModelError, match="Scratch"):
        plan(read(build.relu()), {0: -4})


def test_unknown_element_type_is_refused() -> None:
    graph = read(build.relu())
    odd = replace(graph.tensors[1], dtype="other")
    with pytest.raises(ModelError, match="known size"):
        plan(replace(graph, tensors=(graph.tensors[0], odd)))


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models_meet_the_lower_bound(path) -> None:
    graph = prepare(read(path.read_bytes()))
    made = plan(graph)
    check_plan(graph, made)
    assert made.arena_size == made.lower_bound
