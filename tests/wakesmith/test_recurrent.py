"""Projects whose network remembers, from words to proven firmware."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.wakesmith.conftest import TINY, wakesmith

NETWORKS = {
    "svdf": 'name = "svdf"\nwidth = 12\nblocks = 2\nmemory = 8',
    "lstm": 'name = "lstm"\nwidth = 12',
}


@pytest.mark.parametrize(
    ("network", "scheme"),
    [
        ("svdf", "qat_int8"),
        pytest.param("lstm", "qat_int8", marks=pytest.mark.slow),
        pytest.param("lstm", "ptq_int8", marks=pytest.mark.slow),
        pytest.param("svdf", "ptq_int8", marks=pytest.mark.slow),
    ],
)
def test_build_ends_without_a_mismatch(network: str, scheme: str, tmp_path: Path) -> None:
    text = TINY.replace('name = "ds_cnn"\nwidth = 12\nblocks = 1', NETWORKS[network])
    assert text != TINY
    fine = "\nepochs = 1" if scheme == "qat_int8" else ""
    text = text.replace('scheme = "ptq_int8"', f'scheme = "{scheme}"{fine}')
    file = tmp_path / "tiny.toml"
    file.write_text(text, encoding="utf-8")
    done = wakesmith("build", file, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = tmp_path / "build" / "tiny" / "stages"
    proofs = json.loads((stages / "verify" / "verify.json").read_text())["proofs"]
    layers = [p for p in proofs if p["what"] == "every layer"]
    assert layers and all(p["mismatches"] == 0 and p["compared"] > 0 for p in proofs)
    assert {name for p in layers for name in p["backends"]} == {
        "reference",
        "tflm",
        "host",
        "cortex-m",
    }
    assert {p["what"] for p in proofs} >= {"features", "posteriors from sound"}
    header = (stages / "convert" / "c" / "model.h").read_text()
    assert f"#define MODEL_STEPS {49 if network == 'svdf' else 1} " in header
    assert "void model_reset(void);" in header
