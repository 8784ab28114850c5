"""`wakesmith compile`: a folder of C that any compiler takes, and that checks itself."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.board import load_board
from firmware.build import build
from firmware.hostbuild import WARNINGS
from tests.recurrent_cases import svdf_network
from tests.tflite_builder import conv_2d
from tests.wakesmith.conftest import wakesmith_inside
from tests.wakesmith.test_cli import refused


@pytest.fixture(params=["convolution", "svdf"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model without and one with memory."""
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d() if request.param == "convolution" else svdf_network())
    return path


def _check(folder: Path) -> subprocess.CompletedProcess[str]:
    """Compile the folder as its README says, and run it."""
    units = sorted(map(str, (folder / "src").glob("*.c")))
    program = folder / "check"
    command = [sys.executable, "-m", "ziglang", "cc", "-std=c99", "-O1", *WARNINGS]
    command += [f"-I{folder / 'include'}", f"-I{folder / 'src'}", *units]
    subprocess.run([*command, str(folder / "examples/check.c"), "-o", str(program)], check=True)
    return subprocess.run([program], capture_output=True, text=True, check=False)


def test_the_folder_checks_itself(model: Path, tmp_path: Path) -> None:
    done = wakesmith_inside("compile", model, "--name", "mine", "--out", "c", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    folder = tmp_path / "c"
    facts = json.loads((folder / "wakesmith-model.json").read_text())
    assert facts["core"] == "cortex-m4f" and f"{facts['arena']:,} bytes of RAM" in done.stdout
    assert (folder / "include/mine.h").exists() and "mine_invoke" in (
        folder / "README.md"
    ).read_text()
    checked = _check(folder)
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
    checked = _check(folder)
    assert (checked.returncode, checked.stdout) == (1, "0 of 2 outputs equal\n")


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


def test_mistakes(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d())
    assert "--core must be" in refused(tmp_path, "compile", path, "--core", "z80")
    assert "C identifier" in refused(tmp_path, "compile", path, "--name", "my model")
    assert "readable file" in refused(tmp_path, "compile", tmp_path / "none.tflite")
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(path.read_bytes()[:100])
    refused(tmp_path, "compile", damaged)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine.txt").write_text("mine")
    assert "must be empty" in refused(tmp_path, "compile", path, "--out", "full")
    assert "wakesmith-model.json" in refused(tmp_path, "compile", path, "--out", "full", "--force")
    assert (tmp_path / "full" / "mine.txt").read_text() == "mine"


def test_writing_again(tmp_path: Path) -> None:
    path = tmp_path / "small.tflite"
    path.write_bytes(conv_2d())
    for options in ((), ("--force",)):
        done = wakesmith_inside("compile", path, *options, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
