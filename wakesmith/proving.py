"""Run the same inputs through several back ends and count the bytes that agree."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from convert.graph import ITEM_BYTES, Graph
from simulate.backend import Backend, FeatureBackend, input_shape, last_step
from simulate.compare import Comparison, compare, compare_features
from wakesmith.results import Proof

BACKENDS = ("reference", "tflm", "host", "cortex-m")
_CHUNK_BYTES = 64 << 20
_CHUNK_CLIPS = 16  # few, so that progress is seen

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Outcome:
    """One proof, and the graph's outputs of every back end.

    Attributes:
        proof: summed over all pairs.
        sentences: one line per pair, for a person.
        outputs: back end -> values of the first graph output, (clips, classes).
    """

    proof: Proof
    sentences: tuple[str, ...]
    outputs: Mapping[str, NDArray[np.generic]]


def check_names(names: Sequence[str]) -> tuple[str, ...]:
    """Back end names, in their usual order.

    Raises:
        UserError: an unknown name, or fewer than two.
    """
    for name in names:
        if name not in BACKENDS:
            raise UserError(f"--backends must be among {', '.join(BACKENDS)}. Received: {name}.")
    if len(set(names)) < 2:
        raise UserError(
            f"--backends must name at least two of {', '.join(BACKENDS)}. "
            f"Received: {', '.join(names) or 'none'}."
        )
    return tuple(name for name in BACKENDS if name in names)


def prove_layers(
    backends: Mapping[str, Backend],
    graph: Graph,
    inputs: NDArray[np.generic],
    progress: Progress | None = None,
) -> Outcome:
    """Compare every tensor that two back ends show; the first back end is the standard.

    Args:
        backends: name -> back end, two or more.
        graph: the model.
        inputs: (clips, *input shape without its leading 1).
        progress: called after each block of clips and back end.
    """
    names = tuple(backends)
    total: dict[str, Comparison] = {}
    outputs: dict[str, list[NDArray[np.generic]]] = {name: [] for name in names}
    steps = len(names) * len(inputs)
    done = 0
    for start, block in _blocks(inputs, graph):
        traces = {}
        for name, backend in backends.items():
            traces[name] = backend.run(block)
            output = graph.tensors[graph.outputs[0]]
            outputs[name].append(last_step(traces[name][output.index], output.shape))
            done += len(block)
            if progress:
                progress(done, steps, f"{name}, clip {start + len(block)}")
        for name in names[1:]:
            found = compare(traces[names[0]], traces[name], graph, (names[0], name))
            total[name] = _joined(total.get(name), found, start)
    first = next((c for c in total.values() if c.difference is not None), None)
    proof = Proof(
        what="every layer",
        backends=names,
        clips=len(inputs),
        compared=sum(c.bytes_compared for c in total.values()),
        mismatches=sum(c.differing_bytes for c in total.values()),
        first=str(first) if first else "",
    )
    joined = {name: np.concatenate(parts) for name, parts in outputs.items()}
    return Outcome(proof, tuple(str(c) for c in total.values()), joined)


def prove_features(
    backends: Mapping[str, FeatureBackend],
    clips: NDArray[np.int16],
    progress: Progress | None = None,
) -> tuple[Proof, tuple[str, ...]]:
    """Compare features of the same clips, (clips, samples) int16; the first is the standard."""
    names = tuple(backends)
    found = {}
    for done, (name, backend) in enumerate(backends.items()):
        if progress:
            progress(done, len(names), f"features, {name}")
        found[name] = backend.features(clips)
    results = [compare_features(found[names[0]], found[n], (names[0], n)) for n in names[1:]]
    first = next((r for r in results if r.differing), None)
    proof = Proof(
        what="features",
        backends=names,
        clips=len(clips),
        compared=sum(r.bytes_compared for r in results),
        mismatches=sum(r.differing for r in results),
        first=str(first) if first else "",
    )
    return proof, tuple(str(r) for r in results)


def spread_rows(rows: NDArray[np.intp], count: int) -> NDArray[np.intp]:
    """At most `count` of `rows`, spread evenly, so that every word is among them."""
    if len(rows) <= count:
        return rows
    return rows[np.linspace(0, len(rows) - 1, count).astype(np.intp)]


def _blocks(inputs: NDArray[np.generic], graph: Graph) -> Iterator[tuple[int, NDArray[np.generic]]]:
    """Inputs in blocks whose traces fit into memory; at least one block, possibly empty."""
    per_run = sum(
        graph.tensors[i].size * ITEM_BYTES.get(graph.tensors[i].dtype, 8)
        for op in graph.ops
        for i in op.outputs
    )
    inside = max(1, math.prod(input_shape([graph.tensors[i] for i in graph.inputs])))
    per_clip = per_run * max(1, math.prod(inputs.shape[1:]) // inside)
    size = max(1, min(_CHUNK_CLIPS, _CHUNK_BYTES // max(per_clip, 1)))
    for start in range(0, max(len(inputs), 1), size):
        yield start, inputs[start : start + size]


def _joined(before: Comparison | None, now: Comparison, start: int) -> Comparison:
    """The comparison of the first `start` clips and that of the next block as one."""
    moved = now.difference and replace(now.difference, clip=now.difference.clip + start)
    if before is None:
        return replace(now, difference=moved)
    clips = before.clips + now.clips
    sides = [(d, c.clips) for d, c in ((before.difference, before), (moved, now)) if d is not None]
    difference = None
    if sides:
        # The earliest layer of all clips; min() takes the earlier clip where layers are equal.
        first, counted = min(sides, key=lambda side: side[0].op_index)
        same = [d for d, _ in sides if d.op_index == first.op_index]
        difference = replace(
            first,
            differing=sum(d.differing for d in same),
            total=first.total // counted * clips,
            largest=max(d.largest for d in same),
        )
    return replace(
        now,
        clips=clips,
        bytes_compared=before.bytes_compared + now.bytes_compared,
        differing_bytes=before.differing_bytes + now.differing_bytes,
        difference=difference,
    )
