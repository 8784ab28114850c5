"""Counting instructions in QEMU: loops of known length, and a model against the reference."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.errors import ModelError, UserError
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from firmware.build import build
from firmware.image import Image
from simulate.compare import compare
from simulate.gdb import GdbBoard
from simulate.qemu import QemuBoard
from simulate.qemu_backend import QemuBackend
from simulate.reference import ReferenceBackend
from tests.ds_cnn import any_int8, ds_cnn
from tests.needs import QEMU
from wakesmith.benching import bench

pytestmark = QEMU
BOARD = "mps3-an547"

# turns: 3 instructions per turn and 1 to return.
_LOOPS = """\
#include "ws_board.h"

void turns(uint32_t count);
__attribute__((naked)) void turns(__attribute__((unused)) uint32_t count) {
    __asm__ volatile("1: nop\\n\\tsubs r0, #1\\n\\tbne 1b\\n\\tbx lr");
}

void crash(void);
void crash(void) {
    __asm__ volatile("udf #0");
}

extern uint32_t words[600];
uint32_t words[600];

int main(void) {
    for (;;) {
        ws_board_sleep();
    }
}
"""


@pytest.fixture(scope="module")
def loops(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(
        {"main.c": _LOOPS},
        load_board(BOARD),
        out_dir=tmp_path_factory.mktemp("loops"),
        name="loops",
        keep=["turns", "crash", "words"],
    )


def test_loops_of_known_length(loops: Image) -> None:
    with GdbBoard(loops, counting=True) as board:
        for count in (1, 7, 1000, 123_457, 9_000_001):  # the last outlasts the SysTick's 24 bits
            # Two readings of a counter that ticks 1.024 times per instruction.
            assert abs(board.call("turns", count) - (3 * count + 1)) <= 1
        assert board.call("turns", 1000) == board.call("turns", 1000)


def test_memory_and_faults(loops: Image) -> None:
    content = np.random.default_rng(1).bytes(2400)
    with GdbBoard(loops) as board:
        place = board.elf.symbols["words"]
        board.write(place, content)
        assert board.read(place, len(content)) == content
        assert board.call("turns", 5) == 0  # nothing is counted unless asked for
        with pytest.raises(KeyError):
            board.call("nobody")
        with pytest.raises(ModelError, match="must come back to where it waits"):
            board.call("crash", seconds=2)


def test_a_board_that_qemu_does_not_have(loops: Image) -> None:
    board = dataclasses.replace(loops.board, qemu_machine="nonsense")
    with pytest.raises(UserError, match=r"QEMU must start. Received: .*unsupported machine"):
        GdbBoard(dataclasses.replace(loops, board=board))
    board = dataclasses.replace(loops.board, qemu_machine="")
    with pytest.raises(UserError, match=f"must have the board. Received: {BOARD}"):
        QemuBoard(dataclasses.replace(loops, board=board))


def test_every_layer_and_a_profile(tmp_path: Path) -> None:
    graph = read(ds_cnn(any_int8))
    model = emit_model(graph, kernels="dsp")
    image = build_bare(model.files, load_board(BOARD), out_dir=tmp_path, kernels=model.kernels)
    shape = model.inputs[0].shape[1:]
    inputs = np.random.default_rng(3).integers(-128, 128, (3, *shape)).astype(np.int8)
    with QemuBackend(image, model, counting=True) as qemu:
        same = compare(
            ReferenceBackend(graph).run(inputs), qemu.run(inputs), graph, ("reference", "qemu")
        )
        assert same.equal, str(same)
        assert same.tensors == len(graph.ops) + 1
        profile = qemu.profile()
    calls = profile.model - sum(layer.instructions for layer in profile.layers)
    assert 0 < calls < 10 * len(profile.layers)
    assert 100 < profile.stack_bytes < 2000 and profile.code_bytes > 1000
    with pytest.raises(UserError, match="which has another"):
        QemuBackend(image, emit_model(read(ds_cnn(any_int8, seed=1))))


def test_bench_counts_a_core_that_only_qemu_has(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(ds_cnn(any_int8))
    cost = bench(path, "cortex-m55", "zig")
    assert cost.core == "cortex-m55"
    assert cost.macs == sum(layer.macs for layer in cost.layers) > 0
    assert cost.instructions > sum(layer.instructions for layer in cost.layers)
    assert abs(cost.instructions - bench(path, "cortex-m55", "zig").instructions) <= 1
