"""The packer against every placement there is."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from convert.packing import ALIGNMENT, Blocks, exact, first_fit, lower_bound, pack


@st.composite
def blocks(draw, most: int = 5) -> Blocks:
    """Sizes of 1 to 6 units; conflicts whose distances are the size, or less in one order."""
    sizes = draw(st.lists(st.integers(1, 6), min_size=1, max_size=most))
    above: list[list[int | None]] = [[None] * len(sizes) for _ in sizes]
    for i, size in enumerate(sizes):
        for j in range(i):
            if draw(st.integers(0, 3)):
                near = draw(st.booleans())
                above[i][j] = size * ALIGNMENT
                above[j][i] = (draw(st.integers(0, sizes[j])) if near else sizes[j]) * ALIGNMENT
    return Blocks(tuple(s * ALIGNMENT for s in sizes), tuple(map(tuple, above)))


def allowed(b: Blocks, offsets: tuple[int, ...]) -> bool:
    for i in range(len(b)):
        for j in range(i):
            below, over = b.above[i][j], b.above[j][i]
            apart = offsets[j] - offsets[i]
            if below is not None and over is not None and not (apart >= below or -apart >= over):
                return False
    return True


def all_placements(b: Blocks, peak: int, taken: tuple[int, ...] = ()) -> Iterator[tuple[int, ...]]:
    """All that end at `peak` at most."""
    if len(taken) == len(b):
        yield taken
        return
    part = b.part(range(len(taken) + 1))
    for offset in range(0, peak - b.sizes[len(taken)] + 1, ALIGNMENT):
        if allowed(part, (*taken, offset)):
            yield from all_placements(b, peak, (*taken, offset))


def cliques(b: Blocks) -> list[list[int]]:
    """Some sets of blocks that are pairwise in conflict."""
    found = []
    for i in range(len(b)):
        clique = [i]
        for j in range(len(b)):
            if j != i and all(b.above[j][k] is not None for k in clique):
                clique.append(j)
        found.append(clique)
    return found


@settings(max_examples=200)
@given(blocks())
def test_no_placement_is_better(b: Blocks) -> None:
    found = pack(b, cliques(b))
    assert allowed(b, found)
    peak = b.peak(found)
    assert lower_bound(b, cliques(b)) <= peak
    assert next(all_placements(b, peak - ALIGNMENT), None) is None


@settings(max_examples=200)
@given(blocks(most=9), st.randoms(use_true_random=False))
def test_every_way_keeps_the_distances(b: Blocks, chance) -> None:
    order = list(range(len(b)))
    chance.shuffle(order)
    greedy = first_fit(b, order)
    best = exact(b, 0, greedy, limit=None)
    assert allowed(b, greedy) and allowed(b, best)
    assert b.peak(best) <= b.peak(greedy)
    assert lower_bound(b, cliques(b)) <= b.peak(best)


def test_nothing_takes_nothing() -> None:
    assert pack(Blocks((), ()), []) == ()
