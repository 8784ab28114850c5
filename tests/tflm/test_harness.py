"""The TFLite Micro runtime in real firmware: builds, proofs, error texts. Slow, with TFLM_DIR."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.emit_tflm import emit_tflm
from convert.errors import UserError
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.tflm_build import build_tflm_bare
from firmware.tflm_tree import TflmLibrary, find_libraries
from simulate.recognizer import Recognizer
from simulate.tflm import TflmBackend
from simulate.tflm_firmware import TflmFirmwareBackend
from simulate.tflm_qemu import QemuTflmBackend
from tests.keyword_net import keyword_tflite
from tests.public_models import PUBLIC
from tests.tflm.loader import NEEDS_TREE, TFLM_DIR
from tests.wakesmith.conftest import Tiny, wakesmith
from wakesmith.built import open_built
from wakesmith.runtimes import tflm_arena
from wakesmith.verifying import random_inputs

pytestmark = [pytest.mark.slow, NEEDS_TREE]
QEMU = pytest.mark.skipif(shutil.which("qemu-system-arm") is None, reason="no qemu-system-arm")
BOARD = load_board("mps2-an386")


def library() -> TflmLibrary:
    """With optimised kernels where there are several."""
    found = find_libraries(Path(TFLM_DIR), BOARD.core)
    return next((one for one in found if one.kernels), found[0])


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models(path: Path, tmp_path: Path) -> None:
    data = path.read_bytes()
    graph, generated = read(data), emit_model(read(data))
    arena = tflm_arena(data, generated, BOARD, library(), tmp_path)
    assert arena.used <= arena.size < arena.used + 4096
    files = emit_tflm(data, generated, arena_size=arena.size, measured="in this test.")
    image = build_tflm_bare(files, BOARD, library(), out_dir=tmp_path)
    inputs = random_inputs(graph, 9, seed=1)
    wanted = TflmBackend(data).run(inputs)[graph.outputs[0]]
    found = TflmFirmwareBackend(image, generated).run(inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(found, wanted)


@QEMU
def test_qemu_gives_the_same(tmp_path: Path) -> None:
    data = keyword_tflite()
    graph, generated = read(data), emit_model(read(data))
    files = emit_tflm(data, generated, arena_size=60_000, measured="in this test.")
    image = build_tflm_bare(files, BOARD, library(), out_dir=tmp_path)
    inputs = random_inputs(graph, 5, seed=2)
    qemu = QemuTflmBackend(image, generated)
    emulated = TflmFirmwareBackend(image, generated)
    for tensor, values in emulated.run(inputs).items():
        np.testing.assert_array_equal(qemu.run(inputs)[tensor], values)
    # The counter ticks every 40 instructions; reading it takes some, too.
    count = qemu.instructions(inputs[0])
    emulated.machine.restore()
    assert abs(count - emulated.profile().model) < 400


def test_errors_name_the_operator(tmp_path: Path) -> None:
    data = keyword_tflite()
    generated = emit_model(read(data))
    files = emit_tflm(data, generated, arena_size=60_000, measured="in this test.")
    ops = re.sub(r"resolver\.AddSoftmax\(\)", "resolver.AddRelu()", files["model_ops.h"])
    image = build_tflm_bare({**files, "model_ops.h": ops}, BOARD, library(), out_dir=tmp_path)
    with pytest.raises(UserError, match=r"Received: .*SOFTMAX"):
        TflmFirmwareBackend(image, generated)
    small = emit_tflm(data, generated, arena_size=2048, measured="too small.")
    image = build_tflm_bare(small, BOARD, library(), out_dir=tmp_path)
    with pytest.raises(
        UserError, match=r"must be able to run the model on mps2-an386\. Received: "
    ):
        TflmFirmwareBackend(image, generated)


def test_a_project_from_sound_to_proof(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    shutil.copy(tiny.file, tmp_path)
    gen = library().archive.parent.parent
    arguments = ("--runtime", "tflm", "--compiler", "gcc", "--tflm-dir", gen)
    done = wakesmith("build", "tiny.toml", *arguments, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "TFLite Micro runs the model" in done.stdout
    folder = tmp_path / "build" / "tiny"
    said = json.loads((folder / "stages" / "firmware" / "runtime.json").read_text())
    assert said["runtime"] == "tflm" and 0 < said["arena_used"] <= said["arena"]
    done = wakesmith("verify", "tiny.toml", "--clips", "12", cwd=tmp_path)
    assert done.returncode == 0 and " 0 differ" in done.stdout, done.stdout + done.stderr
    built = open_built(tmp_path / "tiny.toml", folder)
    rows = built.test_rows(3)
    output = built.graph.outputs[0]
    wanted = np.asarray(built.backend("tflm").run(built.features[rows])[output])
    recognizer = Recognizer(built.image)
    for pcm, scores in zip(built.data.pcm[rows], wanted.reshape(3, -1), strict=True):
        assert recognizer.recognize(pcm).scores == tuple(int(v) for v in scores)
    kinds = [line.split()[2] for line in recognizer.send(b"bench\n") if line.startswith("layer ")]
    assert kinds == [op.kind for op in built.graph.ops]


@QEMU
def test_a_project_for_the_m55(tiny: Tiny, tmp_path: Path) -> None:
    """Its self-test runs in QEMU, in the build and in verify."""
    gen = find_libraries(Path(TFLM_DIR), load_board("mps3-an547").core)[0].archive.parent.parent
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    section = '[firmware]\nboard = "mps3-an547"\nruntime = "tflm"\ncompiler = "gcc"\n'
    section += f"tflm_dir = {json.dumps(str(gen))}\n"
    (tmp_path / "tiny.toml").write_text(tiny.file.read_text() + section)
    done = wakesmith("build", "tiny.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    proven = json.loads((tmp_path / "build/tiny/stages/verify/verify.json").read_text())
    assert proven["proofs"][-1]["backends"] == ["reference", "qemu"]
    assert proven["proofs"][-1]["mismatches"] == 0 < proven["proofs"][-1]["compared"]
    done = wakesmith("verify", "tiny.toml", "--clips", "5", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 checks of the self-test in QEMU are right" in done.stdout
