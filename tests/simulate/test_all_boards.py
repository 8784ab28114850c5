"""The same clips give the same bits on every emulated board: features, layers, arena and scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.board import list_boards, load_board
from firmware.build import Compiler
from simulate.compare import compare
from simulate.cores import EMULATED
from simulate.cortexm import CortexMBackend
from simulate.frontend import features
from simulate.reference import ReferenceBackend
from tests.board_clips import application, clips, in_qemu, in_unicorn, small_model
from tests.keyword_net import keyword_tflite
from tests.needs import COMPILERS, QEMU

EMULATORS = {name: load_board(name) for name in list_boards() if load_board(name).qemu_machine}
UNICORN = [name for name, board in EMULATORS.items() if board.core.name in EMULATED]
CORES_IN_ISSUE = {"cortex-m0", "cortex-m3", "cortex-m4f", "cortex-m7f", "cortex-m33f"}
MANY = 40


def test_every_core_is_proven() -> None:
    assert {EMULATORS[name].core.name for name in UNICORN} == CORES_IN_ISSUE
    assert {b.core.name for b in EMULATORS.values()} == CORES_IN_ISSUE | {"cortex-m55"}


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """From the M4, whose features, layers and scores are compared with the definition below."""
    image = application(load_board("mps2-an386"), "zig", tmp_path_factory.mktemp("m4"))
    return in_unicorn(CortexMBackend(image, small_model()), clips(MANY))


def prove_in_unicorn(
    name: str, compiler: Compiler, folder: Path, expected: tuple[str, ...]
) -> None:
    pcm = clips(len(expected))
    graph = read(keyword_tflite(4))
    image = application(load_board(name), compiler, folder)
    backend = CortexMBackend(image, small_model())
    found = backend.features(pcm)
    assert np.array_equal(found[..., 0], features(pcm, FrontEnd()))
    reference = ReferenceBackend(graph).run(found)
    same = compare(reference, backend.run(found), graph, ("reference", name))
    assert same.equal and same.tensors == len(graph.ops) + 1, str(same)
    assert np.array_equal(backend.posteriors(pcm), reference[graph.outputs[0]])
    assert in_unicorn(backend, pcm) == expected


@pytest.mark.parametrize("name", UNICORN)
def test_unicorn(name: str, tmp_path: Path, expected: tuple[str, ...]) -> None:
    prove_in_unicorn(name, "zig", tmp_path, expected[:4])


# What is not to be left to the slow series: the oldest and the newest architecture with GCC.
@pytest.mark.parametrize("compiler", COMPILERS[1:])
@pytest.mark.parametrize("name", ["microbit", "mps2-an505"])
def test_gcc_in_unicorn(
    name: str, compiler: Compiler, tmp_path: Path, expected: tuple[str, ...]
) -> None:
    prove_in_unicorn(name, compiler, tmp_path, expected[:2])


@pytest.mark.parametrize("name", [pytest.param(name, marks=QEMU) for name in EMULATORS])
def test_qemu(name: str, tmp_path: Path, expected: tuple[str, ...]) -> None:
    assert in_qemu(load_board(name), "zig", clips(4), tmp_path) == expected[:4]


@pytest.mark.slow
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", UNICORN)
def test_many_clips_in_unicorn(
    name: str, compiler: Compiler, tmp_path: Path, expected: tuple[str, ...]
) -> None:
    assert len(set(expected)) > MANY // 2  # the clips tell something apart
    prove_in_unicorn(name, compiler, tmp_path, expected)


@pytest.mark.slow
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("name", [pytest.param(name, marks=QEMU) for name in EMULATORS])
def test_many_clips_in_qemu(
    name: str, compiler: Compiler, tmp_path: Path, expected: tuple[str, ...]
) -> None:
    assert in_qemu(load_board(name), compiler, clips(MANY), tmp_path) == expected
