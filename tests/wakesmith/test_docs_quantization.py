"""The worked example of docs/QUANTIZATION.md: one file and one line make a scheme that runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tests.wakesmith.conftest import ROOT, TINY
from train.quantization import SCHEMES
from wakesmith.project import load_project

PAGE = (ROOT / "docs" / "QUANTIZATION.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Adding a scheme") :]

SCRIPT = """
import numpy as np
from pathlib import Path
from convert.emit_aot import emit_model
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.train.test_quantization import small
from tests.train.tiny import examples, tiny_data
from train.keras import start
from train.quantization import SCHEMES, quantize
from wakesmith.comparing.entries import choose
from wakesmith.project import load_project

project = load_project(Path("coarse.toml"))
spec = project.quantization
assert type(spec) is SCHEMES["coarse_int8"] and spec.bits == 4
assert "coarse_int8" in [one.label for one in choose(project, ["all"])]
(taught,) = [one.spec for one in choose(project, ["distilled_int8+coarse_int8"])][1:]
assert taught.student == spec
start(0)
result = quantize(small(), tiny_data(), spec, seed=1)
graph = read(result.tflite)
kernels = [t.data for t in graph.tensors if t.data is not None and len(t.shape) == 2]
rows = [row for kernel in kernels if kernel.dtype == np.int8 for row in kernel]
assert rows and all(len(np.unique(row)) <= 15 for row in rows)
inputs = examples(20, 3).features[..., None]
reference = ReferenceBackend(graph).run(inputs)
for other in (HostBackend(emit_model(graph)), TflmBackend(result.tflite)):
    found = compare(reference, other.run(inputs), graph, ("reference", other.name))
    print(found)
    assert found.bytes_compared > 1000 and found.differing_bytes == 0
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", SECTION, flags=re.DOTALL)


def test_one_file_and_one_line_make_a_scheme(tmp_path: Path) -> None:
    module, line = blocks("python")
    (options,) = blocks("toml")
    assert len(line.splitlines()) == 1
    shutil.copytree(ROOT / "train", tmp_path / "train")
    folder = tmp_path / "train" / "quantization"
    (folder / "coarse_int8.py").write_text(module, encoding="utf-8")
    with (folder / "registered.py").open("a", encoding="utf-8") as file:
        file.write(line)
    text = TINY.replace('[quantization]\nscheme = "ptq_int8"\n', options)
    (tmp_path / "coarse.toml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "host" in done.stdout
    assert "tflm" in done.stdout
    assert "coarse_int8" not in SCHEMES


def test_project_file_examples_are_valid(tmp_path: Path) -> None:
    bare = TINY.split("[quantization]")[0]
    for number, block in enumerate(re.findall(r"```toml\n(.*?)```", PAGE, flags=re.DOTALL)):
        if "coarse_int8" in block:
            continue
        file = tmp_path / f"{number}.toml"
        file.write_text(f"{bare}\n{block}", encoding="utf-8")
        load_project(file)
