"""A mixed model whose firmware has to fit into a budget of flash does."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

from tests.wakesmith.conftest import TINY, Tiny, wakesmith_inside
from train.quantization import DistilledInt8, PtqInt8
from train.quantization.mixed import Mixed
from wakesmith.steps.quantize import chooses, fitted


def test_who_chooses() -> None:
    assert chooses(Mixed())
    assert not chooses(Mixed(weight_bytes=5000))
    assert not chooses(PtqInt8())
    assert chooses(DistilledInt8(student=Mixed()))
    assert fitted(Mixed(), 77) == Mixed(weight_bytes=77)
    taught = fitted(DistilledInt8(student=Mixed()), 77)
    assert taught == DistilledInt8(student=Mixed(weight_bytes=77))


def test_a_mixed_model_fits_its_budget(tiny: Tiny, tmp_path: Path) -> None:
    """The budget is below what int8 needs; below what code needs, it is refused."""
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    whole = json.loads((tiny.build / "manifest.json").read_text())["metrics"]["memory"]["flash"]
    wide = TINY.replace("width = 12\nblocks = 1", "width = 64\nblocks = 2")
    (tmp_path / "int8.toml").write_text(wide, encoding="utf-8")
    done = wakesmith_inside("build", "int8.toml", "--until", "firmware", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    sizes = json.loads((tmp_path / "build/tiny/stages/firmware/sizes.json").read_text())
    assert sizes["flash"] > whole
    budget = sizes["flash"] - 2000
    options = f'scheme = "mixed"\nepochs = 1\n\n[budget]\nflash = {budget}\n'
    text = wide.replace('scheme = "ptq_int8"\n', options)
    (tmp_path / "mixed.toml").write_text(text, encoding="utf-8")
    done = wakesmith_inside("build", "mixed.toml", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    metrics = json.loads((tmp_path / "build/tiny/manifest.json").read_text())["metrics"]
    needed, limit = metrics["budget"]["flash"]
    assert needed <= limit == budget
    quantized = json.loads((tmp_path / "build/tiny/stages/quantize/quantize.json").read_text())
    assert re.search(r" (int4|log4)", quantized["notes"][-1])
    assert metrics["mismatches"] == 0
    (tmp_path / "mixed.toml").write_text(text.replace(str(budget), "6000"), encoding="utf-8")
    done = wakesmith_inside("build", "mixed.toml", "--quiet", cwd=tmp_path)
    assert done.returncode == 2
    assert "budget.flash must have room for code, tables and the smallest mix" in done.stderr
