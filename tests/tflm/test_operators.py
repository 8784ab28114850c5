"""Every operator case on TFLite Micro in emulated cores, against the wheel.

Slow, and only with TFLM_DIR. What differs is listed here, case by case: optimised kernels round as
they like, and it is better to know where.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.graph import Graph
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.tflm_tree import find_libraries
from tests import lowbit_cases
from tests.op_cases import FAMILIES, op_cases
from tests.tflm.loader import (
    NEEDS_TREE,
    TFLM_DIR,
    Job,
    expected,
    loader_image,
    run_jobs,
    runnable,
)

pytestmark = [pytest.mark.slow, NEEDS_TREE]

# Where CMSIS-NN computes something else than TFLite Micro's reference kernels: convolutions in
# groups, INT4 depthwise convolutions (those with several outputs per channel, on the M55 some
# more), an LSTM in batches over time, one with a coarse cell, and one that goes on from run to run.
CMSIS_NN = {
    "conv_2d": {"2_groups", "3_groups"},
    "low_bit": {
        *(f"conv_{groups}_groups_{way}" for groups in (2, 3) for way in lowbit_cases.WAYS),
        "depthwise_09_int4_9x10_k3x4_s2x1_d1x1_valid_c9_m3",
        "depthwise_15_int4_10x6_k3x5_s3x1_d1x1_valid_c7_m1",
        "depthwise_18_int4_7x10_k2x3_s1x3_d1x1_valid_c5_m3",
        "depthwise_21_int4_2x9_k1x5_s2x2_d1x1_valid_c1_m2",
        "depthwise_24_int4_2x2_k5x2_s1x2_d2x2_same_c3_m8",
        "depthwise_30_int4_6x8_k3x2_s2x1_d1x1_valid_c6_m1",
        "depthwise_33_int4_5x8_k3x4_s2x2_d1x1_valid_c8_m1",
    },
    "lstm": {"19_time_3x7x19_8", "cell_scale_20", "one_step_at_a_time"},
}
# Its SVDF takes the state's zero point for 0 and lets the state wrap instead of saturating.
CMSIS_NN_FAMILIES = {"svdf"}


def known(name: str, kernels: str) -> bool:
    family, _, case = name.partition(": ")
    if kernels != "cmsis_nn":
        return False
    return family in CMSIS_NN_FAMILIES or case.rpartition("/")[2] in CMSIS_NN.get(family, ())


def aborts(graph: Graph) -> bool:
    """TFLite Micro stops the processor where CMSIS-NN's MAXIMUM gets more than four dimensions."""
    deep = any(len(tensor.shape) > 4 for tensor in graph.tensors)
    return deep and any(op.kind in ("MAXIMUM", "MINIMUM") for op in graph.ops)


def jobs() -> list[Job]:
    found = []
    for family in FAMILIES:
        for case in op_cases(family):
            graph = read(case.model)
            if runnable(graph) and not aborts(graph):
                found.append(Job(f"{family}: {case.name}", case.model, case.inputs))
    return found


@pytest.mark.parametrize("board_name", ["mps2-an386", "mps3-an547"])
def test_every_operator_equals_the_wheel(board_name: str, tmp_path: Path) -> None:
    board = load_board(board_name)
    if board_name == "mps3-an547" and shutil.which("qemu-system-arm") is None:
        pytest.skip("the Cortex-M55 needs qemu-system-arm")
    mine = jobs()
    kinds = sorted({op.kind for job in mine for op in read(job.model).ops})
    wanted = {job.name: expected(job) for job in mine}
    for library in find_libraries(Path(TFLM_DIR), board.core):
        image = loader_image(board, library, kinds, tmp_path / library.archive.parent.parent.name)
        found = run_jobs(image, mine)
        wrong = {}
        for name, want in wanted.items():
            got = found[name]
            if isinstance(got, str):
                wrong[name] = got
            elif not np.array_equal(got, want):
                wrong[name] = f"{np.count_nonzero(got != want)} of {want.size} values differ"
        assert len(found) == len(mine) > 100
        unknown = {name: how for name, how in wrong.items() if not known(name, library.kernels)}
        assert not unknown, f"{library.about}: {unknown}"
