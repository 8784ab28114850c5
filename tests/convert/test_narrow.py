"""Convolutions in parts: all rows once, and no byte is overwritten that somebody still needs."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import fast, muls
from convert.emit_aot import emit_model
from convert.families import Kernels
from convert.narrow import Narrow, Rows
from convert.prepare import prepare_graph
from convert.tflite_reader import read
from tests import tflite_builder as tb

SPEECH: dict[str, Any] = {"height": 49, "width": 40, "channels": 1, "filters": 8, "kernel": (10, 8)}


def _narrow(family: Kernels, model: bytes) -> Narrow | None:
    graph = read(model)
    small_layers = muls.small_layers if family == "muls" else fast.small_layers
    return small_layers(graph, prepare_graph(graph)).get(0)


def _reads(found: Narrow) -> list[set[int]]:
    """Indices of the input that each position sees, row by row, by the definition of CONV_2D."""
    p = found.params
    _, height, width, depth = p.input_shape
    index = np.arange(height * width * depth).reshape(height, width, depth)
    seen = []
    for oy in range(p.output_shape[1]):
        for ox in range(p.output_shape[2]):
            y, x = oy * p.stride[0] - p.padding[0], ox * p.stride[1] - p.padding[1]
            inside = index[
                max(y, 0) : max(y + p.filter_shape[1], 0), max(x, 0) : max(x + p.filter_shape[2], 0)
            ]
            seen.append(set(inside.reshape(-1).tolist()))
    return seen


def _steps(part: Rows) -> list[tuple[range, range]]:
    """Positions that are computed together, and bytes of scratch memory as places in the output."""
    channels = part.params.output_shape[3]
    begin = part.first * part.params.output_shape[2]
    count = math.prod(part.params.output_shape[1:3])
    if part.filled:
        return [(range(begin + i, begin + i + 1), range(0)) for i in range(count)]
    step = part.found.scratch_step
    together = step // channels
    steps = []
    for number, start in enumerate(range(0, count, together)):
        scratch = part.scratch_at + number * step
        assert scratch % 4 == 0
        positions = range(begin + start, begin + min(start + together, count))
        steps.append((positions, range(scratch, scratch + part.found.scratch)))
    return steps


def _assert_sound(found: Narrow) -> None:
    channels = found.params.output_shape[3]
    lead = found.overlaps[0].lead
    reads = _reads(found)
    steps = [step for part in found.parts for step in _steps(part)]
    assert [i for positions, _ in steps for i in positions] == list(range(len(reads)))
    needed: set[int] = set()
    for positions, scratch in reversed(steps):
        outputs = range(positions[0] * channels, (positions[-1] + 1) * channels)
        # Places in the output of what later steps read.
        assert not needed & set(outputs)
        needed |= {lead + i for p in positions for i in reads[p]}
        if scratch:
            assert not needed & set(scratch)
            assert scratch[0] >= outputs[-1] + 1
            assert scratch[-1] < math.prod(found.params.output_shape) + found.tail


@settings(max_examples=60, deadline=None)
@given(
    family=st.sampled_from(["dsp", "muls"]),
    height=st.integers(6, 24),
    width=st.integers(1, 14),
    channels=st.integers(1, 3),
    kernel=st.tuples(st.integers(4, 12), st.integers(1, 9)),
    stride=st.tuples(st.integers(1, 3), st.integers(1, 2)),
    filters=st.integers(1, 8),
    padding=st.sampled_from(["same", "valid"]),
)
def test_nothing_is_overwritten_too_early(family: Kernels, **shape: Any) -> None:
    if shape["padding"] == "valid":
        shape["height"] += shape["kernel"][0]
        shape["width"] += shape["kernel"][1]
    found = _narrow(family, tb.conv_2d(**shape))
    if found is not None:
        _assert_sound(found)


def test_a_first_layer_of_speech() -> None:
    """Tiles of four, then of two; rows of padding cut off; less memory than four alone take."""
    model = tb.conv_2d(**SPEECH, stride=(2, 2))
    found = _narrow("muls", model)
    assert found is not None
    _assert_sound(found)
    ways = [part.found.positions for part in found.parts]
    assert ways == sorted(ways, reverse=True) and set(ways) == {4, 2}
    rows = [part.params.filter_shape[1] for part in found.parts]
    assert rows[0] == 6 and rows[-1] == 5 and 10 in rows
    assert found.scratch == 0
    arena = emit_model(read(model), kernels="muls").arena_size
    whole = math.prod(found.params.output_shape) + 4 * 2 * 80
    assert (
        arena < whole < math.prod(found.params.output_shape) + math.prod(found.params.input_shape)
    )


def test_weights_of_parts_stand_once() -> None:
    """A filter that is cut takes its weights from the whole one, where they lie together."""
    model = emit_model(read(tb.conv_2d(**SPEECH, stride=(2, 2))), kernels="muls")
    source = model.files["model.c"]
    assert source.count("int8_t model_layer_00_row_") == 1
    assert "_weights + 256," in source and "_weights + 128," in source
    assert "/* row 24, by tiles, filter of 5 rows */" in source


def test_windows_at_a_time_on_cores_with_dsp_instructions() -> None:
    found = _narrow("dsp", tb.conv_2d(**SPEECH, stride=(2, 2)))
    assert found is not None
    _assert_sound(found)
    assert [part.filled for part in found.parts] == [0, 8] and found.scratch == 80
    assert found.parts[1].params.padding[0] < 0
