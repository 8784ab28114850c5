"""What a scheme runs is in the hash of its stage, and what only another scheme runs is not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.wakesmith.conftest import ROOT, TINY
from train.quantization import SCHEMES, DistilledInt8
from wakesmith import codehash
from wakesmith.comparing.entries import choose
from wakesmith.comparing.line import compare_stages, run_stage
from wakesmith.pipeline import Stage
from wakesmith.project import load_project
from wakesmith.stage_reads import scheme_modules

IN_CI = ("ptq_int8",)

SCRIPT = """
import dataclasses, sys
import wakesmith.steps.quantize
from tests.train.tiny import CLASSES, SHAPE, tiny_data
from train.keras import start
from train.models import ModelSpec, build_model
from train.quantization import SCHEMES, quantize

cls = SCHEMES[sys.argv[1]]
names = [f.name for f in dataclasses.fields(cls) if f.name.endswith("epochs") and f.default]
start(0)
model = build_model(ModelSpec("ds_cnn", width=8, blocks=1), SHAPE, CLASSES)
result = quantize(model, tiny_data(), cls(**dict.fromkeys(names, 1)), seed=1)
assert wakesmith.steps.quantize.__file__.startswith(sys.argv[2])
print(len(result.tflite), "bytes")
"""


def copy_hashed(modules: Iterable[str], folder: Path) -> None:
    """Copy the sources of modules; the register lists those that are there, and dummies."""
    for name in modules:
        source = codehash._file(name)
        assert source is not None
        target = folder / source.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, target)
    (register,) = codehash.REGISTERS
    source = codehash._file(register)
    assert source is not None
    lines = ["from dataclasses import dataclass"]
    for line in source.read_text(encoding="utf-8").splitlines():
        found = re.fullmatch(r"from (\S+) import (\S+) as \2", line)
        if found and found[1] in modules:
            lines.append(line)
        elif found:
            lines.append(f"@dataclass\nclass {found[2]}:\n    scheme: str = 'no {found[2]}'")
    assert len(lines) == 1 + len(SCHEMES)
    (folder / source.relative_to(ROOT)).write_text("\n".join(lines), encoding="utf-8")


@pytest.mark.parametrize(
    "scheme",
    [pytest.param(n, marks=() if n in IN_CI else pytest.mark.slow) for n in SCHEMES],
)
def test_a_scheme_needs_nothing_that_is_not_hashed(scheme: str, tmp_path: Path) -> None:
    """It runs where no other file of ours is there than those in the hash of its stage."""
    modules = codehash._closure(["wakesmith.steps.quantize", *scheme_modules(SCHEMES[scheme]())])
    copy_hashed(modules, tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, scheme, str(tmp_path)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert int(done.stdout.split()[0]) > 2000


def test_the_student_counts() -> None:
    spec = DistilledInt8(student=SCHEMES["log4"]())
    assert scheme_modules(spec) == ("train.quantization.distilled_int8", "train.quantization.log4")


@pytest.fixture
def stages(tmp_path: Path) -> Callable[[], dict[str, Stage]]:
    def made() -> dict[str, Stage]:
        (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
        project = load_project(tmp_path / "tiny.toml")
        entries = choose(project, ["all"])
        line = compare_stages(project, tmp_path, entries, (1,), strict=False)
        return {stage.name: stage for stage in line}

    return made


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        ("log4", {"log4"}),
        ("four_bit", {"log4", "linear_int4"}),
        ("pruned_int8", {"pruned_int8", "pruned_clustered_int8"}),
        ("mixed", {"mixed"}),
        ("distilled_int8", {"distilled_int8"}),
        ("qat_int8", {"qat_int8", "distilled_int8"}),
        ("registered", set()),
        ("recurrent", set(SCHEMES)),
    ],
)
def test_a_change_concerns_those_who_run_it(
    changed: str,
    again: set[str],
    stages: Callable[[], dict[str, Stage]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A comment is added to a module of `train.quantization`."""
    module = f"train.quantization.{changed}"
    line, real = stages(), codehash._file
    before = {name: codehash.code_hash(one.modules) for name, one in line.items()}
    source = real(module)
    assert source is not None
    other = tmp_path / source.name
    other.write_text(source.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    monkeypatch.setattr(codehash, "_file", lambda name: other if name == module else real(name))
    for scheme in SCHEMES:
        name = run_stage(scheme, 1, "quantize")
        differs = codehash.code_hash(line[name].modules) != before[name]
        assert differs == (scheme in again), scheme
    assert codehash.code_hash(line["train"].modules) == before["train"]
