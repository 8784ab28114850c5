"""The DSP kernels on emulated cores, both compilers: every operator case, equal to the reference.

Elsewhere the same cases run the kernels' plain C; the assembly is only here.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.hostbuild import KERNEL_DIR, Source
from simulate.machine import Machine
from tests.firmware.generated_cases import generated_cases
from tests.needs import COMPILERS
from tests.public_models import PUBLIC
from tests.simulate.on_cores import assert_cases, assert_public_model, image_of

CORES = ["mps2-an386", "mps2-an500", "mps2-an505", "mps2-an385"]  # M4, M7, M33, M3
KINDS = ["mps2-an386", "mps2-an385"]  # one core of each kind that has loops of its own
CLIPS = 6  # of each case


@pytest.mark.parametrize("board", KINDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_operator_case(compiler: Compiler, board: str, tmp_path: Path) -> None:
    cases = [
        c for c in generated_cases() if c.generated.prefix.endswith("_dsp") and not c.graph.states
    ]
    models = [c.generated for c in cases]
    assert len(cases) > 80
    assert {k for m in models for k in m.kernels if k.startswith("dsp_")} == {
        path.name for path in KERNEL_DIR.glob("dsp_*.c") if path.name != "dsp_lstm.c"
    }  # which test_recurrent_bits.py runs
    machine = Machine(image_of(models, load_board(board), compiler, tmp_path))
    machine.boot()
    assert_cases(machine, cases, CLIPS)


@pytest.mark.parametrize("board", KINDS)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_loops_keep_the_registers_of_their_callers(
    compiler: Compiler, board: str, tmp_path: Path
) -> None:
    folder = Path(__file__).parents[1] / "firmware" / "c"
    sources: dict[str, Source] = {"kept_registers.c": folder / "kept_registers.c"}
    sources |= {path.name: path for path in KERNEL_DIR.glob("dsp_*.c")}
    image = build(
        sources,
        load_board(board),
        compiler=compiler,
        out_dir=tmp_path,
        name="kept",
        keep=["ws_try"],
    )
    machine = Machine(image)
    machine.boot()
    kept = machine.symbol_view("ws_kept", 32).view(np.uint32)
    tried = 0
    while machine.call("ws_try", tried):
        assert kept.tolist() == list(range(104, 112)), f"loop {tried}"
        kept[:] = 0
        tried += 1
    assert tried == (10 if board == "mps2-an385" else 9)


@pytest.mark.parametrize("path", PUBLIC)
@pytest.mark.parametrize("board", CORES)
@pytest.mark.parametrize("compiler", COMPILERS)
def test_every_layer_of_public_models(
    compiler: Compiler, board: str, path: Path, tmp_path: Path
) -> None:
    assert_public_model(path, load_board(board), "dsp", compiler, tmp_path)
