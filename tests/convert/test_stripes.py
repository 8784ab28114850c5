"""Layers in stripes: every row is computed once, from the rows that the whole layer has."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import planning
from convert.emit_aot import emit_model
from convert.errors import SpecError
from convert.families import FAMILIES, Kernels
from convert.graph import Graph
from convert.params import TableParams
from convert.passes import prepare
from convert.planning import planned
from convert.prepare import prepare_graph
from convert.rows import reach_of
from convert.striped import KIND, row_bytes, striped
from convert.stripes import Call, Region, Schedule, cut, regions
from convert.tflite_reader import read
from simulate.hostlib import HostLibrary
from simulate.reference import ReferenceBackend
from tests.op_cases.networks import drawn_network
from tests.striped_cases import padded, striped_cases

LOST = -1  # what rows that nobody may read any more are said to hold


@st.composite
def networks(draw) -> tuple[Graph, tuple, Region, int]:
    """A network, one of its regions, and rows of a stripe."""
    rng = np.random.default_rng(draw(st.integers(0, 1 << 32)))
    sides = [draw(st.integers(4, 24)) for _ in range(2)]
    graph = prepare(read(drawn_network(rng, (1, *sides, 2))))
    params = tuple(prepare_graph(graph))
    found = list(regions(graph, params))
    if not found:
        graph = prepare(read(padded()))
        params = tuple(prepare_graph(graph))
        found = list(regions(graph, params))
    region = draw(st.sampled_from(found))
    return graph, params, region, draw(st.integers(1, graph.tensors[region.target].shape[1]))


def followed(graph: Graph, params: tuple, schedule: Schedule) -> list[int]:
    """Rows of the target in the order in which they are computed.

    What a buffer holds is followed by the rows' numbers.
    """
    region = schedule.region
    held = {tensor: [LOST] * height for tensor, height in schedule.heights.items()}
    held[region.source] = list(range(graph.tensors[region.source].shape[1]))
    held[region.target] = [LOST] * graph.tensors[region.target].shape[1]
    made: Counter[int] = Counter()  # rows of each tensor
    order = []
    for stripe in schedule.stripes:
        for tensor in set(schedule.heights) - schedule.kept:
            held[tensor] = [LOST] * len(held[tensor])
        for step in stripe:
            if not isinstance(step, Call):
                rows = held[step.tensor][step.first : step.first + step.rows]
                assert len(rows) == step.rows and step.first > 0
                rest = len(held[step.tensor]) - step.rows
                held[step.tensor] = rows + [LOST] * rest
                continue
            op = graph.ops[step.position]
            reach = reach_of(graph, op, params[step.position])
            assert reach is not None
            p = step.params
            row = row_bytes(graph, op.outputs[0])
            count = p.size // row if isinstance(p, TableParams) else p.output_shape[1]
            first = made[op.outputs[0]]
            made[op.outputs[0]] += count
            height = graph.tensors[op.values[0]].shape[1]
            low, high = reach.needed(first, first + count, height)
            for tensor, row in zip(op.values, step.reads, strict=True):
                assert held[tensor][row : row + high - low] == list(range(low, high))
            new = list(range(first, first + count))
            assert step.writes + count <= len(held[op.outputs[0]])
            held[op.outputs[0]][step.writes : step.writes + count] = new
            order += new if op.outputs[0] == region.target else []
    return order


@given(networks())
@settings(max_examples=150, deadline=None)
def test_rows_are_where_kernels_look_for_them(case: tuple[Graph, tuple, Region, int]) -> None:
    graph, params, region, rows = case
    schedule = cut(graph, params, region, rows)
    if schedule is None:
        return
    order = followed(graph, params, schedule)
    assert order == list(range(graph.tensors[region.target].shape[1]))
    assert all(a <= b for a, b in zip(schedule.reads, schedule.reads[1:], strict=False))


@given(networks(), st.sampled_from(["plain", "dsp", "muls", "mve"]))
@settings(max_examples=60, deadline=None)
def test_what_is_needed_at_once_lies_apart(
    case: tuple[Graph, tuple, Region, int], kernels: Kernels
) -> None:
    graph, params, region, rows = case
    schedule = cut(graph, params, region, rows)
    if schedule is None:
        return
    found = striped(graph, schedule, FAMILIES[kernels])
    blocks = [*found.buffers.values(), *found.spaces.values()]
    for i, a in enumerate(blocks):
        assert a.end <= found.scratch
        for b in blocks[:i]:
            if a.offset < b.end and b.offset < a.end and a.live_with(b):
                writer, reader = (a, b) if a.first_op > b.first_op else (b, a)
                assert reader.last_op == writer.first_op and -1 not in (a.tensor, b.tensor)
                assert not schedule.kept & {a.tensor, b.tensor}


def test_without_a_budget_nothing_changes() -> None:
    graph = prepare(read(padded()))
    whole = planned(graph, FAMILIES["dsp"])
    assert whole.graph is graph and whole.plan.arena_size == whole.whole_arena
    assert planned(graph, FAMILIES["dsp"], ram=whole.plan.arena_size).graph is graph


@pytest.mark.parametrize("kernels", ["plain", "dsp", "muls", "mve", "host"])
def test_the_least_work_that_fits(kernels: Kernels) -> None:
    graph = prepare(read(padded()))
    family = FAMILIES[kernels]
    whole = planned(graph, family)
    sizes: dict[int, int] = {}  # arena -> least work, of every way there is
    for candidate in planning._candidates(whole):
        made = planning.in_stripes(whole, family, candidate.region, candidate.rows)
        if made is not None:
            size = made.plan.arena_size
            sizes[size] = min(candidate.work, sizes.get(size, candidate.work))
    least = min(sizes)
    assert least < whole.plan.arena_size
    for limit in (least, (least + whole.plan.arena_size) // 2):
        found = planned(graph, family, ram=limit)
        assert found.plan.arena_size <= limit and found.whole_arena == whole.plan.arena_size
        assert sizes[found.plan.arena_size] == min(w for s, w in sizes.items() if s <= limit)
    with pytest.raises(SpecError, match=rf"{whole.plan.arena_size:,}, and {least:,} with"):
        planned(graph, family, ram=least - 1)


def test_a_model_without_images_cannot_be_cut() -> None:
    from tests import tflite_builder as tb

    graph = read(tb.fully_connected())
    with pytest.raises(SpecError, match="must fit 1 bytes"):
        emit_model(graph, ram=1)


def test_the_region_is_one_operator_to_the_planner() -> None:
    graph = prepare(read(padded()))
    found = planned(graph, FAMILIES["plain"], ram=planned(graph, FAMILIES["plain"]).whole_arena - 1)
    kinds = [op.kind for op in found.graph.ops]
    assert kinds.count(KIND) == 1 and len(kinds) < len(graph.ops)
    position = kinds.index(KIND)
    scratch = found.plan.scratch_of(position)
    assert scratch is not None and scratch.nbytes == found.layers[position].scratch


def test_c_for_this_machine_is_exact_in_stripes() -> None:
    """The other families are in `tests.firmware.generated_cases`, for every core."""
    cases = list(striped_cases(("host",)))
    assert len(cases) > 10
    library = HostLibrary([generated for _, _, generated in cases])
    loops = 0
    for case, graph, generated in cases:
        expected = ReferenceBackend(graph).run(case.inputs)
        found = library.backends[generated.prefix].run(case.inputs)
        shown = {layer.output for layer in generated.layers}
        assert graph.outputs[0] in shown and len(shown) < len(graph.ops)
        for tensor in shown:
            np.testing.assert_array_equal(found[tensor], expected[tensor], err_msg=case.name)
        loops += "for (int32_t stripe" in generated.files[f"{generated.prefix}.c"]
    assert loops > 5
