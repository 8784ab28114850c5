from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from unicorn.unicorn_const import UC_HOOK_CODE

from convert.emit_aot import emit_model
from convert.errors import ModelError, UserError
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.errors import FirmwareError
from firmware.image import Image
from simulate import counting
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.faults import CortexMFault
from simulate.frontend import features
from simulate.machine import Machine
from simulate.qemu import QemuBoard
from simulate.reference import ReferenceBackend
from tests.firmware.faulty import SOURCE
from tests.keyword_net import keyword_image, keyword_model, keyword_tflite
from tests.needs import GCC, QEMU
from tests.op_cases import op_cases
from tests.public_models import PUBLIC
from tests.simulate.on_cores import assert_public_model

BOARD = load_board("mps2-an386")


def clips(count: int) -> np.ndarray:
    """Chirps, noise, silence and full-scale squares of one second."""
    rng = np.random.default_rng(5)
    t = np.arange(16000)
    made = np.zeros((count, 16000), np.int16)
    for i in range(count):
        kind = i % 4
        if kind == 0:
            made[i] = 9000 * np.sin(2e-5 * (i + 1) * t**1.5 + i) * np.hanning(16000)
        elif kind == 1:
            made[i] = rng.normal(0, 10 ** rng.uniform(0, 4), 16000).clip(-32768, 32767)
        elif kind == 2:
            made[i] = np.where(t // (17 + i) % 2, 32767, -32768)
    return made


@pytest.fixture(scope="module", params=["zig", GCC])
def small(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Machine:
    folder = tmp_path_factory.mktemp("small")
    image = build({"main.c": SOURCE}, BOARD, compiler=request.param, out_dir=folder, name="small")
    machine = Machine(image, dict.fromkeys(("counted_loop", "sum_of_squares")))
    assert machine.boot() == "hello\n"
    return machine


@pytest.fixture(scope="module")
def keyword(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return keyword_image(tmp_path_factory.mktemp("keyword"))


@pytest.fixture(scope="module")
def backend(keyword: Image) -> CortexMBackend:
    return CortexMBackend(keyword, keyword_model())


# --- counting ---


@pytest.mark.parametrize("count", [1, 2, 10, 1000])
def test_count_by_hand(small: Machine, count: int) -> None:
    small.restore()
    small.counter.clear()
    assert small.call("counted_loop", count) == count * (count + 1) // 2
    assert small.counter.total == 1 + 3 * count + 2
    instructions, calls = small.counter.scopes()
    assert (instructions[0], calls[0]) == (3 * count + 3, 1)
    assert small.counter.by_function(small.elf) == {"counted_loop": 3 * count + 3}


@pytest.mark.parametrize("value", [4, 6])
def test_false_conditions_count(small: Machine, value: int) -> None:
    small.restore()
    small.counter.clear()
    assert small.call("counted_it_block", value) == int(value > 5)
    assert small.counter.total == 5


def test_count_equals_a_hook_on_every_instruction(tmp_path: Path) -> None:
    image = build({"main.c": SOURCE}, BOARD, out_dir=tmp_path, name="x")
    machine = Machine(image)
    seen = [0]

    def count(*_: object) -> None:
        seen[0] += 1

    handle = machine._engine.hook_add(UC_HOOK_CODE, count)
    machine.boot()
    for argument in (0, 1, 57):
        seen[0] = 0
        machine.counter.clear()
        machine.call("sum_of_squares", argument)
        assert machine.counter.total == seen[0] > 0
    machine._engine.hook_del(handle)


def test_counts_repeat_and_add_up(backend: CortexMBackend) -> None:
    clip = clips(1)[0]
    first, second = backend.profile(clip), backend.profile(clip)
    assert first == second
    assert [layer.kind for layer in first.layers] == [f.kind for f in keyword_model().layers]
    assert all(layer.instructions > layer.macs for layer in first.layers)
    assert sum(first.functions.values()) == first.total
    assert first.total > first.model + first.features
    assert first.total - first.model - first.features < 200
    inside = sum(layer.instructions for layer in first.layers)
    assert inside < first.model < inside + 50
    assert first.features > 49 * 10_000 and first.per_frame < 40_000
    assert 0 < first.stack_bytes < BOARD.stack_size
    assert first.code_bytes > 2000


def test_counting_needs_its_library(monkeypatch: pytest.MonkeyPatch, keyword: Image) -> None:
    def refuse(*_: object, **__: object) -> Path:
        raise FirmwareError("no compiler")

    counting._library.cache_clear()
    monkeypatch.setattr(counting, "build_shared", refuse)
    with pytest.raises(FirmwareError, match="no compiler"):
        Machine(keyword)
    monkeypatch.undo()


# --- the machine ---


def test_stack_mark(small: Machine) -> None:
    used = []
    for depth in (1, 2, 12):
        small.restore()
        small.repaint()
        small.call("dig", depth)
        used.append(small.stack_used())
    step = used[1] - used[0]
    assert step >= 16 and step % 8 == 0
    assert used[2] - used[1] == 10 * step


def test_runaway(small: Machine) -> None:
    small.restore()
    with pytest.raises(CortexMFault, match="no end after 1,000,000 instructions") as caught:
        small.call("fault_me", 9, limit=1_000_000)
    assert caught.value.symbol.startswith("fault_me+0x")


def test_time_passes_while_waiting(small: Machine) -> None:
    small.reset()
    small.run(patience_ms=20)
    assert small.text() == "hello\n"
    small.run(patience_ms=60)
    assert small.text() == "hello\ntick\n"


FAULTS = [
    (1, "read of 4 bytes at unmapped 0x50000000", "BusFault cfsr=00008200", 0x50000000),
    (2, "write of 4 bytes to unmapped 0x60000010", "BusFault cfsr=00008200", 0x60000010),
    (3, "division by zero", "UsageFault cfsr=02000000", None),
    (4, "undefined instruction", "UsageFault cfsr=00010000", None),
    (5, "jump to 0x30000000, which holds no code", "BusFault cfsr=00000100", 0x30000000),
    (6, "jump to even address 0x00000100", "UsageFault cfsr=00020000", None),
    (7, "stack overflow: write of 4 bytes", "MemManage cfsr=00000092", None),
    (8, "write of 4 bytes to flash at 0x00000040", "BusFault cfsr=00008200", 0x40),
]


@pytest.mark.parametrize(("kind", "reason", "report", "address"), FAULTS)
def test_faults_name_symbol_and_registers(
    small: Machine, kind: int, reason: str, report: str, address: int | None
) -> None:
    small.restore()
    with pytest.raises(CortexMFault) as caught:
        small.call("fault_me", kind)
    fault = caught.value
    assert fault.reason.startswith(reason)
    where = "dig" if kind == 7 else "fault_me"
    assert fault.symbol.startswith(f"{where}+0x") and where in str(fault)
    assert f"fault {report}" in fault.report
    if kind == 7:
        assert "fault stack overflow" in fault.report
    else:
        assert fault.address == address
        assert f"pc={fault.pc:08x}" in fault.report
    small.restore()
    assert small.call("fault_me", 100) == 102  # alive again


@pytest.mark.parametrize("kind", [pytest.param(k, marks=QEMU) for k in (1, 2, 3, 4, 5, 6, 7)])
def test_faults_read_the_same_on_qemu(kind: int, tmp_path: Path) -> None:
    image = build({"main.c": SOURCE}, BOARD, out_dir=tmp_path, name="x", defines=(f"FAULT={kind}",))
    with pytest.raises(CortexMFault) as caught:
        Machine(image).boot()
    ours = caught.value.report.splitlines()
    with QemuBoard(image) as board:
        theirs = list(board.lines(1 + len(ours)))
    assert theirs[0] == "hello"
    if kind == 3:  # QEMU 7.2 stacks a stale r0 when a division faults
        ours[2], theirs[3] = ours[2].split(" r1=")[1], theirs[3].split(" r1=")[1]
    assert theirs[1:] == ours


# --- the application ---


def test_features_layers_and_scores_equal_the_reference(backend: CortexMBackend) -> None:
    graph = read(keyword_tflite())
    pcm = clips(24)
    found = backend.features(pcm)
    expected = features(pcm, FrontEnd())
    assert np.array_equal(found[..., 0], expected)
    trace = backend.run(found)
    reference = ReferenceBackend(graph).run(found)
    same = compare(reference, trace, graph, ("reference", "cortex-m"))
    assert same.equal, str(same)
    assert same.tensors == len(graph.ops) + 1
    nothing = backend.run(found[:0])
    assert {i: (0, *v.shape[1:]) for i, v in trace.items()} == {
        i: v.shape for i, v in nothing.items()
    }
    scores = reference[graph.outputs[0]]
    assert np.array_equal(backend.posteriors(pcm), scores)
    assert np.array_equal(backend.run_clip(pcm[3]), scores[3])


def test_longer_clips_give_their_last_window(backend: CortexMBackend) -> None:
    pcm = clips(3).reshape(-1)
    last = backend.features(pcm[np.newaxis, : 16000 + 320 * 7 + 5])
    assert np.array_equal(last, backend.features(pcm[np.newaxis, 320 * 7 : 16000 + 320 * 7]))


@pytest.mark.parametrize("other_compiler", [GCC])
def test_both_compilers_give_the_same(
    backend: CortexMBackend, other_compiler: Compiler, tmp_path: Path
) -> None:
    other = CortexMBackend(keyword_image(tmp_path, other_compiler), keyword_model())
    pcm = clips(4)
    assert np.array_equal(other.features(pcm), backend.features(pcm))
    assert np.array_equal(other.posteriors(pcm), backend.posteriors(pcm))


@pytest.mark.parametrize("case", op_cases("network"), ids=lambda case: case.name)
def test_bare_models(case, tmp_path: Path) -> None:
    graph = read(case.model)
    model = emit_model(graph)
    image = build_bare(model.files, BOARD, out_dir=tmp_path, kernels=model.kernels)
    backend = CortexMBackend(image, model)
    same = compare(
        ReferenceBackend(graph).run(case.inputs), backend.run(case.inputs), graph, ("a", "b")
    )
    assert same.equal, str(same)
    profile = backend.profile()
    assert profile.features == 0 and profile.total == profile.model > 1000
    with pytest.raises(ModelError, match="bare model"):
        backend.features(np.zeros((1, 16000), np.int16))


@pytest.mark.parametrize("path", PUBLIC)
def test_every_layer_of_public_models(path: Path, tmp_path: Path) -> None:
    assert_public_model(path, BOARD, "plain", "zig", tmp_path)


def test_threads_give_the_same(backend: CortexMBackend) -> None:
    pcm = clips(5)
    alone = CortexMBackend(backend.image, keyword_model(), threads=1)
    many = CortexMBackend(backend.image, keyword_model(), threads=3)
    assert np.array_equal(alone.posteriors(pcm), many.posteriors(pcm))
    assert many.profile(pcm[0]) == alone.profile(pcm[0])
    assert alone.posteriors(pcm[:0]).shape == (0, 4)


def test_bad_inputs(backend: CortexMBackend, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="int8 of shape"):
        backend.run(np.zeros((1, 49, 40), np.int8))
    with pytest.raises(ModelError, match="Received: 15999"):
        backend.posteriors(np.zeros((1, 15999), np.int16))
    with pytest.raises(ModelError, match="int16 of shape"):
        backend.features(np.zeros((1, 16000), np.float32))
    other = emit_model(read(op_cases("network")[0].model))
    with pytest.raises(UserError, match="must hold the model"):
        CortexMBackend(backend.image, other)


def test_speed(keyword: Image) -> None:
    backend = CortexMBackend(keyword, keyword_model(), threads=1)
    pcm = clips(4)
    backend.posteriors(pcm)
    backend.machine.counter.clear()
    start = time.process_time()
    backend.posteriors(pcm)
    rate = backend.machine.counter.total / (time.process_time() - start)
    print(f"{rate / 1e6:.0f} million instructions per second")
    assert rate > 2e7  # an idle machine does 150 to 400


def test_a_core_that_is_not_emulated_is_refused() -> None:
    board = load_board("mps2-an386")
    other = replace(board, core=replace(board.core, name="cortex-m99"))
    with pytest.raises(UserError, match=r"know the board.s core .*Received: cortex-m99"):
        Machine(SimpleNamespace(board=other))  # type: ignore[arg-type]
