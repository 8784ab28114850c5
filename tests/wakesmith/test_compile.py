"""`wakesmith compile`: a folder of C that any compiler takes, and that checks itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.build import build
from firmware.hostbuild import WARNINGS
from simulate.backend import clip_shape
from simulate.reference import ReferenceBackend
from tests.recurrent_cases import svdf_network
from tests.striped_cases import padded
from tests.tflite_builder import conv_2d, dequantize, quantize
from tests.wakesmith.conftest import wakesmith_inside
from tests.wakesmith.test_cli import refused


@pytest.fixture(params=["convolution", "svdf"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model without and one with memory."""
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d() if request.param == "convolution" else svdf_network())
    return path


def _run(folder: Path, program: str) -> subprocess.CompletedProcess[str]:
    """Compile one of the folder's programs as its README says, and run it."""
    units = sorted(map(str, (folder / "src").glob("*.c")))
    made = folder / program
    command = [sys.executable, "-m", "ziglang", "cc", "-std=c99", "-O1", *WARNINGS]
    command += [f"-I{folder / 'include'}", f"-I{folder / 'src'}", *units]
    source = folder / "examples" / f"{program}.c"
    subprocess.run([*command, str(source), "-o", str(made)], check=True)
    return subprocess.run([made], capture_output=True, text=True, check=False)


def test_the_folder_checks_itself(model: Path, tmp_path: Path) -> None:
    done = wakesmith_inside("compile", model, "--name", "mine", "--to", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "c"
    facts = json.loads((folder / "wakesmith-model.json").read_text())
    assert facts["core"] == "cortex-m4f" and f"{facts['arena']:,} bytes of RAM" in done.stdout
    assert (folder / "include/mine.h").exists() and "mine_invoke" in (
        folder / "README.md"
    ).read_text()
    checked = _run(folder, "check")
    assert (checked.returncode, checked.stdout) == (0, "2 of 2 outputs equal\n")
    # The check can fail.
    program = folder / "examples/check.c"
    text = program.read_text()
    begin = text.index("{", text.index("outputs["))
    end = text.index("}", begin)
    wrong = ", ".join(
        str(255 - int(value)) for value in text[begin + 1 : end].split(",") if value.strip()
    )
    program.write_text(f"{text[: begin + 1]}{wrong}{text[end:]}")
    checked = _run(folder, "check")
    assert (checked.returncode, checked.stdout) == (1, "0 of 2 outputs equal\n")


def test_the_least_program(model: Path, tmp_path: Path) -> None:
    """It ends with the place of the largest output, here of an input that is all 0."""
    assert wakesmith_inside("compile", model, "--to", "c", cwd=tmp_path).returncode == 0
    graph = read(model.read_bytes())
    zeros = np.zeros((1, *clip_shape(graph.tensors[graph.inputs[0]].shape)), np.int8)
    if graph.states:
        zeros = zeros[:, np.newaxis]
    expected = ReferenceBackend(graph).run(zeros)[graph.outputs[0]]
    assert _run(tmp_path / "c", "minimal").returncode == int(expected.argmax()) % 256
    assert "examples/minimal.c -o minimal.elf" in (tmp_path / "c/README.md").read_text()


@pytest.mark.parametrize("name", ["softmax", "ws_kernels", "string", "int", "my model", ""])
def test_names_that_would_not_compile(tmp_path: Path, name: str) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d())
    said = refused(tmp_path, "compile", path, "--name", name)
    assert said.startswith("wakesmith: --name must be") and f"Received: {name!r}. Try '" in said
    again = said.rsplit("'", 2)[1]
    done = wakesmith_inside("compile", path, "--name", again, cwd=tmp_path)
    assert done.returncode == 0 and (tmp_path / f"small-c/include/{again}.h").exists()


def test_another_core(model: Path, tmp_path: Path) -> None:
    """Everything there is to compile for it is in `src` and `include`."""
    done = wakesmith_inside("compile", model, "--core", "cortex-m0", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "small-c"
    sources = {p.name: p for part in ("src", "include") for p in (folder / part).iterdir()}
    main = '#include "model.h"\nint main(void) { model_init(); return model_invoke(); }\n'
    image = build(
        {**sources, "main.c": main}, load_board("microbit"), out_dir=tmp_path / "image", name="m"
    )
    assert image.flash_bytes > 0


def test_less_memory(tmp_path: Path) -> None:
    path, target = tmp_path / "padded.tflite", tmp_path / "c"
    path.write_bytes(padded())
    whole = emit_model(read(path.read_bytes()), kernels="dsp").arena_size
    done = wakesmith_inside("compile", path, "--ram", whole * 9 // 10, "--to", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"({whole:,} without layers in stripes)" in " ".join(done.stdout.split())
    assert "ws_move_down(" in (target / "src" / "model.c").read_text()
    assert _run(target, "check").returncode == 0


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d())
    assert "--core must be" in refused(tmp_path, "compile", path, "--core", "z80")
    assert "readable file" in refused(tmp_path, "compile", tmp_path / "none.tflite")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(path.read_bytes()[:100])
    refused(tmp_path, "compile", damaged)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "must be empty" in refused(tmp_path, "compile", path, "--to", "full")
    assert "wakesmith-model.json" in refused(tmp_path, "compile", path, "--to", "full", "--force")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_models_with_floats_say_so(tmp_path: Path) -> None:
    for name, data, codes in (
        ("in", quantize(dtype="float32"), 0),
        ("out", dequantize(), 1),
        ("no", conv_2d(), 1),
    ):
        (tmp_path / f"{name}.tflite").write_bytes(data)
        assert wakesmith_inside("compile", f"{name}.tflite", cwd=tmp_path).returncode == 0
        folder = tmp_path / f"{name}-c"
        readme = (folder / "README.md").read_text(encoding="utf-8")
        assert ("no floating point" in readme) == (name == "no")
        assert (folder / "examples/minimal.c").read_text().count("_ZERO_POINT") == codes
        assert _run(folder, "check").stdout == "2 of 2 outputs equal\n"


def test_a_file_name_is_only_text(tmp_path: Path) -> None:
    """A line break, and a byte that is no UTF-8."""
    path = tmp_path / "a\nb\udcff.tflite"
    path.write_bytes(conv_2d())
    done = wakesmith_inside("compile", path, "--to", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c/README.md").read_text(encoding="utf-8").startswith("# a?b?.tflite as C")
    lines = (tmp_path / "c/CMakeLists.txt").read_text(encoding="utf-8").splitlines()
    assert "a?b?.tflite" in lines[0]


def test_writing_again(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d())
    for options in ((), ("--force",)):
        done = wakesmith_inside("compile", path, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
