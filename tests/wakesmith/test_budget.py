"""A build that needs more than it may fails, after its report is written."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from convert.errors import SpecError
from convert.tflite_reader import read
from tests.wakesmith.conftest import Tiny, wakesmith_inside
from tests.wakesmith.test_report import sample
from wakesmith.arena_room import ArenaRoom
from wakesmith.building import print_table
from wakesmith.project import BudgetSection, load_project
from wakesmith.report import grouped, render
from wakesmith.results import Limit
from wakesmith.steps.convert import generate_from


def test_limits_are_checked_at_the_door() -> None:
    assert BudgetSection(flash=1000, stack=5).limits == {"flash": 1000, "stack": 5}
    with pytest.raises(SpecError, match=r"ram must be 1 or more, or 0 for no limit\. Received: -1"):
        BudgetSection(ram=-1)


def test_table_and_page_say_what_is_over() -> None:
    limits = (Limit("flash", 3000, 2000), Limit("ram", 100, 500))
    results = replace(sample(), budget=limits)
    assert results.over_budget == limits[:1]
    text = io.StringIO()
    print_table(results, Console(file=text, width=120))
    said = text.getvalue()
    assert "Over budget" in said
    assert "1\u202f000 (50.0 %)" in said
    assert 'id="budget"' in render(results)
    assert 'id="budget"' not in render(sample())
    print_table(sample(), Console(file=(plain := io.StringIO()), width=120))
    assert "Over budget" not in plain.getvalue()


def test_layers_run_in_stripes_for_a_budget_of_ram(tiny: Tiny) -> None:
    project = load_project(tiny.file)
    model = read((tiny.build / "model.tflite").read_bytes())
    made = project.labels, project.frontend, project.samples, project.firmware.code
    needed = json.loads((tiny.build / "manifest.json").read_text())["metrics"]["memory"]["RAM"]
    whole = generate_from(model, *made).arena_size

    def room(ram: int) -> ArenaRoom:
        return ArenaRoom(
            ram=ram,
            name="tiny",
            words=project.project.words,
            detect=project.detect,
            board=project.firmware.board,
            compiler=project.firmware.compiler,
        )

    assert room(needed).fitted(model, *made) == (project.firmware.code, "")
    code, note = room(needed - 500).fitted(model, *made)
    assert (code.ram, note) == (whole - 500, "")
    assert generate_from(model, *made[:3], code).arena_size <= whole - 500
    code, note = room(needed - whole + 100).fitted(model, *made)
    assert code == project.firmware.code
    assert note.startswith("budget.ram leaves 100 bytes for activations. The arena must fit 100")
    code, note = room(needed - whole).fitted(model, *made)
    assert f"{needed - whole:,} bytes are no activations" in note


def test_a_build_over_its_budget_exits_with_one(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    build = tmp_path / "build" / "tiny"
    needed = json.loads((tiny.build / "manifest.json").read_text())["metrics"]
    original = tiny.file.read_text(encoding="utf-8")
    file = tmp_path / "tiny.toml"
    limits = {
        "flash": needed["memory"]["flash"],
        "ram": needed["memory"]["RAM"],
        "stack": needed["stack"],
        "instructions": needed["instructions"],
    }
    # Layers in stripes would save a few bytes of RAM: so few that no activations fit.
    arena = json.loads((tiny.build / "stages" / "convert" / "layers.json").read_text())["arena"]
    for name in (None, *limits):
        short = arena if name == "ram" else 1
        given = {key: value - short * (key == name) for key, value in limits.items()}
        lines = "".join(f"{key} = {value}\n" for key, value in given.items())
        file.write_text(f"{original}\n[budget]\n{lines}", encoding="utf-8")
        done = wakesmith_inside("build", file.name, cwd=tmp_path)
        assert done.returncode == (0 if name is None else 1), done.stderr
        assert ("Over budget" in done.stdout) == (name is not None)
        found = json.loads((build / "manifest.json").read_text())["metrics"]["budget"]
        assert found == {key: [limits[key], given[key]] for key in limits}
        if name is not None:
            over = [one for one in done.stdout.splitlines() if one.startswith(f"{name} ")]
            assert f" {grouped(short)} (" in over[-1]
            assert ("bytes are no activations" in done.stdout) == (name == "ram")
    shown = wakesmith_inside("report", file.name, cwd=tmp_path)
    assert shown.returncode == 1


def test_a_budget_without_firmware_is_refused(tmp_path: Path, tiny: Tiny) -> None:
    text = tiny.file.read_text(encoding="utf-8").replace("ptq_int8", "float32")
    (tmp_path / "float.toml").write_text(text + "\n[budget]\nflash = 1000\n", encoding="utf-8")
    done = wakesmith_inside("build", "float.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "[budget] must go with a scheme that runs as C. Received: scheme float32." in done.stderr
