"""Every operator case on TFLite Micro in emulated cores, against the wheel.

Slow, and only with TFLM_DIR. What differs is listed here, case by case: optimised kernels round as
they like, and it is better to know where.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.tflite_reader import read
from firmware.board import load_board
from firmware.tflm_tree import find_libraries
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


def jobs() -> list[Job]:
    found = []
    for family in FAMILIES:
        for case in op_cases(family):
            if runnable(read(case.model)):
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
        assert not wrong, f"{library.about}: {wrong}"
