"""The table and the page of a sensitivity analysis, and the command."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from tests.wakesmith.conftest import TINY, wakesmith_inside
from tests.wakesmith.test_report import Sections
from wakesmith.sensing.command import print_sensitivity
from wakesmith.sensing.page import render
from wakesmith.sensing.results import METHODS, PARTS, Measured, Sensitivity, from_json
from wakesmith.store import plain


def sample(layers: int = 6) -> Sensitivity:
    rows = tuple(
        Measured(
            f"layer_{index}_norm",
            part,
            method,
            correct=480 - (index * 7 + 3 * place) % 40,
            sqnr_db=None if (part, method) == ("bias", "int8") else 45.0 - 4 * index - 3 * place,
            logits_sqnr_db=20.0,
            weights=100 * (index + 1),
        )
        for index in range(layers)
        for part in PARTS
        for place, method in enumerate(METHODS)
        if index or part != "bias"  # the first layer has none
    )
    return Sensitivity("digits", "res_sep", "val", 500, 480, rows)


def test_points_lost_and_csv() -> None:
    found = sample()
    row = found.at("layer_1_norm", "weights", "int4")
    assert row is not None
    assert found.lost(row) == pytest.approx(100 * (480 - row.correct) / 500)
    lines = list(csv.DictReader(io.StringIO(found.csv())))
    assert len(lines) == len(found.rows)
    assert lines[0]["points_lost"] == f"{found.lost(found.rows[0]):.3f}"
    assert {line["sqnr_db"] for line in lines if line["part"] == "bias"} >= {""}
    assert from_json(json.loads(json.dumps(plain(found)))) == found


def test_page_is_whole_and_repeatable() -> None:
    page = render(sample())
    reader = Sections()
    reader.feed(page)
    assert not reader.open
    assert page.count("<svg") == 1
    assert page == render(sample())
    for layer in sample().layers:
        assert layer in page


def test_a_row_for_each_layer_on_the_terminal() -> None:
    text = io.StringIO()
    print_sensitivity(sample(), Console(file=text, width=120))
    said = text.getvalue()
    for layer in sample().layers:
        assert said.count(layer) >= 2
    assert "96.00 % as float on 500 validation clips" in said
    assert "∞" in said


def test_the_command_measures_every_layer_and_resumes(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    done = wakesmith_inside("sensitivity", "tiny.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    build = tmp_path / "build" / "tiny"
    found = from_json(json.loads((build / "sensitivity.json").read_text()))
    kernels = {row.layer for row in found.rows if row.part == "weights"}
    assert kernels == {"conv", "depthwise_1", "pointwise_1", "words"}
    for layer in kernels:
        eight, four = (found.at(layer, "weights", m) for m in ("int8", "int4"))
        assert eight is not None
        assert four is not None
        assert eight.sqnr_db is not None
        assert four.sqnr_db is not None
        assert eight.sqnr_db > four.sqnr_db + 15  # four bits more are 24 dB in theory
    assert (build / "sensitivity.html").is_file()
    assert (build / "sensitivity.csv").read_text().count("\n") == len(found.rows) + 1
    again = wakesmith_inside("sensitivity", "tiny.toml", cwd=tmp_path)
    assert again.stdout.count("up to date") == 4
