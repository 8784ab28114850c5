"""`wakesmith bench`: what is counted, compared, and refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from convert.emit_aot import emit_model
from convert.errors import UserError
from convert.tflite_reader import read
from tests import tflite_builder as tb
from tests.ds_cnn import any_int8, ds_cnn
from tests.striped_cases import padded
from tests.wakesmith.conftest import TINY
from wakesmith.arena_picture import write_arena
from wakesmith.benching import Baseline, bench, over, read_baselines
from wakesmith.cli import app

RUNNER = CliRunner()
BASELINES = Path(__file__).resolve().parents[2] / "benchmarks" / "baselines"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bench") / "small.tflite"
    path.write_bytes(ds_cnn(any_int8))
    return path


def test_what_is_counted_adds_up(model: Path) -> None:
    cost = bench(model, "cortex-m4", "zig")
    generated = emit_model(read(model.read_bytes()), kernels="dsp")
    assert (cost.core, cost.kernels) == ("cortex-m4f", "dsp")
    assert cost.ram == generated.arena_size and cost.weights == generated.flash_bytes
    assert cost.macs == generated.macs == sum(layer.macs for layer in cost.layers)
    calls = cost.instructions - sum(layer.instructions for layer in cost.layers)
    assert 0 < calls < 10 * len(cost.layers)
    assert 1 < cost.per_mac < 4
    assert cost.code > 1000 and cost.constants > 0
    assert cost == bench(model, "cortex-m4f", "zig", seed=0)


def test_cores_differ_in_instructions_and_not_in_ram(model: Path) -> None:
    m4, m3, m0 = (bench(model, f"cortex-m{n}", "zig") for n in (4, 3, 0))
    assert m4.instructions < m3.instructions / 1.5 < m0.instructions / 2
    plain = emit_model(read(model.read_bytes()))
    assert m4.ram == m3.ram == m0.ram < plain.arena_size


def test_command(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "costs.json"
    done = RUNNER.invoke(app, ["bench", str(model), "--json", str(out), "--layers"])
    assert done.exit_code == 0, done.output
    (cost,) = json.loads(out.read_text())["costs"]
    assert f"{cost['instructions']:,}" in done.output and "CONV_2D" in done.output
    again = RUNNER.invoke(app, ["bench", str(model), "--against", str(out)])
    assert again.exit_code == 0 and again.output.count("(1.000)") == 3
    other = ["bench", str(model), "--core", "cortex-m3", "--against", str(out), "--json", "-"]
    done = RUNNER.invoke(app, other)
    assert "costs.json has nothing on small on cortex-m3." in done.stderr
    (cost,) = json.loads(done.stdout)["costs"]
    assert cost["core"] == "cortex-m3"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "no object"),
        ('{"models": 3}', "not of that form"),
        ('{"costs": [{"sha256": "a"}]}', "not of that form ('core')"),
        ('{"costs": [{"sha256": "a", "core": "c", "ram": 1, "code": 1}]}', "instructions must be"),
        ('{"about": "", "models": [{"sha256": "a", "instructions": {"c": -3}}]}', "Received: -3"),
        ('{"about": "", "models": [{"sha256": "a", "instructions": {"c": "3"}}]}', "Received: '3'"),
    ],
)
def test_baselines_that_are_none(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(content)
    with pytest.raises(UserError, match="--against must be a file that") as told:
        read_baselines(path)
    assert words in str(told.value)


def test_plan_is_drawn(model: Path, tmp_path: Path) -> None:
    picture = tmp_path / "plan.png"
    done = RUNNER.invoke(app, ["bench", str(model), "--plan", str(picture)])
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    drawn = tmp_path / "plan.svg"
    generated = emit_model(read(model.read_bytes()), kernels="dsp")
    write_arena(drawn, generated)
    # Letters are outlines; a scratch memory is filled with a pattern.
    assert drawn.read_text().count("<pattern") > 0
    for wrong, words in (("plan.bmp", "ends in"), ("no/plan.png", "can be written")):
        with pytest.raises(UserError, match=words):
            write_arena(tmp_path / wrong, generated)


def test_ram_is_kept_below_what_is_asked(model: Path, tmp_path: Path) -> None:
    path = tmp_path / "padded.tflite"
    path.write_bytes(padded())
    whole = bench(path, "cortex-m4", "zig")
    limit = whole.ram * 9 // 10
    less = bench(path, "cortex-m4", "zig", ram=limit)
    assert less.ram <= limit and less.whole_ram == whole.ram == whole.whole_ram
    assert less.macs == whole.macs and less.weights == whole.weights
    done = RUNNER.invoke(app, ["bench", str(path), "--ram", str(limit), "--layers"])
    said = " ".join(done.output.split())
    assert done.exit_code == 0 and "STRIPES" in said
    assert f"layers in stripes; RAM without them {whole.ram:,}." in said
    done = RUNNER.invoke(app, ["verify", str(path), "--ram", str(limit), "--clips", "4"])
    assert done.exit_code == 0, done.output
    assert "Of layers in stripes only the last one's output is compared." in done.output
    with pytest.raises(UserError, match=r"must fit 9 bytes\. Received: a model that needs "):
        bench(path, "cortex-m4", "zig", ram=9)
    project = tmp_path / "p.toml"
    project.write_text(TINY)
    done = RUNNER.invoke(app, ["verify", str(project), "--ram", "9"])
    assert done.exit_code == 2
    assert "--ram must go with a .tflite" in " ".join(done.output.split())


def test_budget(model: Path, tmp_path: Path) -> None:
    project = tmp_path / "p.toml"
    text = TINY
    project.write_text(text + "\n[budget]\ninstructions = 1000\n")
    done = RUNNER.invoke(app, ["bench", str(model), "--budget", str(project)])
    assert done.exit_code == 1
    assert "is over the budget of 1,000" in " ".join(done.output.split())
    cost = bench(model, "cortex-m4", "zig")
    assert over(cost, {"ram": cost.ram + cost.stack, "flash": cost.flash}) == []
    assert over(cost, {"stack": 1}) == [("stack", 1, cost.stack)]


def test_published_baseline_is_read() -> None:
    found = read_baselines(BASELINES / "tflm_cmsis_nn.json")
    keyword = "aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae"
    baseline = found[keyword, "cortex-m4f"]
    assert isinstance(baseline, Baseline)
    assert (baseline.instructions, baseline.ram, baseline.code) == (7_698_760, 22_820, 52_648)
    assert len(found) == 36


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--core", "cortex-m99"], "--core must be among cortex-m0"),
        (["--against", "{missing}"], "--against must be a readable file"),
        (["--against", "{model}"], "--against must be a file that"),
        (["--budget", "{missing}"], "must"),
        (["--plan", "x.gif", "--core", "cortex-m99"], "--plan must be a file that ends in"),
    ],
)
def test_mistakes_are_one_sentence(
    arguments: list[str], words: str, model: Path, tmp_path: Path
) -> None:
    places = {"missing": tmp_path / "missing.json", "model": model}
    done = RUNNER.invoke(app, ["bench", str(model), *(a.format(**places) for a in arguments)])
    assert done.exit_code == 2
    assert words in done.output and "Traceback" not in done.output


def test_a_project_is_told_where_its_model_is(tmp_path: Path) -> None:
    project = tmp_path / "words.toml"
    project.write_text(TINY)
    done = RUNNER.invoke(app, ["bench", str(project)])
    assert done.exit_code == 2 and "build folder: model.tflite" in " ".join(done.output.split())


def test_unsupported_model_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(tb.relu()[:100])
    done = RUNNER.invoke(app, ["bench", str(damaged)])
    assert done.exit_code == 2 and "wakesmith: " in done.output
    noise = np.random.default_rng(0).bytes(64)
    damaged.write_bytes(noise)
    assert RUNNER.invoke(app, ["bench", str(damaged)]).exit_code == 2
