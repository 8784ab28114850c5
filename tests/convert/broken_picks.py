"""Models that break a constraint of what picks values, of ELU, SUM and TRANSPOSE_CONV."""

from __future__ import annotations

import numpy as np

from convert import constraints_picks as picks
from convert import constraints_plain as plain
from convert import constraints_windows as windows
from tests import tflite_builder as build
from tests.convert.broken_edits import BrokenModel, edit, make_input, set_shape

BROKEN: list[BrokenModel] = [
    (
        windows.has_matching_transposed_window,
        "height",
        edit(build.transpose_conv, set_shape(3, (1, 8, 8, 2))),
        "input 1x3x4x3, weights 2x3x3x3, output 1x8x8x2",
    ),
    (picks.has_constant_size, "computed", edit(build.resize_nearest, make_input(2)), "computed"),
    (
        picks.has_constant_size,
        "output",
        edit(build.resize_nearest, set_shape(1, (1, 6, 7, 2))),
        "1x3x4x2 to 1x6x7x2",
    ),
    (
        picks.has_mirrored_paddings,
        "too far",
        build.mirror_pad(paddings=((0, 0), (4, 0), (0, 0), (0, 0))),
        "[0, 0, 4, 0, 0, 0, 0, 0] for 1x4x5x2",
    ),
    (
        picks.has_mirrored_paddings,
        "dimensions",
        build.mirror_pad(shape=(1, 2, 3, 2, 3, 2), paddings=((0, 0), *((1, 1),) * 5)),
        "5 dimensions",
    ),
    (picks.has_constant_indices, "computed", edit(build.gather, make_input(2)), "computed"),
    (
        picks.has_constant_indices,
        "outside",
        build.gather(indices=(1, 5)),
        "[1, 5] of axis 1",
    ),
    (picks.has_constant_indices, "batch", build.gather(batch_dims=1), "1 batch dimensions"),
    (
        picks.has_constant_indices,
        "matrix",
        build.gather(indices=np.array([[0, 1], [2, 3]])),
        "in 2x2",
    ),
    (
        picks.has_whole_blocks,
        "depth",
        edit(build.blocks, set_shape(0, (1, 2, 3, 7))),
        "blocks of 2 of 1x2x3x7",
    ),
    (
        picks.has_whole_blocks,
        "rows",
        edit(
            lambda: build.blocks("SPACE_TO_DEPTH", shape=(1, 4, 6, 2)), set_shape(0, (1, 3, 8, 2))
        ),
        "blocks of 2 of 1x3x8x2",
    ),
    (
        plain.has_moderate_table_scale,
        "elu",
        build.unary("ELU", input_q=(5000.0, 0), output_q=(1e-3, 0)),
        "0.001 and 5000",
    ),
    (
        plain.has_moderate_sum,
        "sum",
        build.mean("SUM", input_q=(1000.0, 0), output_q=(1e-3, 0)),
        "5.1e+09",
    ),
]
