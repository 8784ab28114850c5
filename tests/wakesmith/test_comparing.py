"""What is compared, how it is told, and how long it is said to take."""

from __future__ import annotations

import dataclasses
import io
import json
import re
from pathlib import Path

import pytest
from rich.console import Console

from convert.errors import SpecError
from tests.wakesmith.conftest import TINY, wakesmith_inside
from tests.wakesmith.test_report import Sections
from train.evaluate import wilson
from train.paired import Paired
from train.quantization import SCHEMES, DistilledInt8, PtqInt8, QatInt8
from wakesmith.comparing.command import split_names
from wakesmith.comparing.entries import USUAL, choose, named
from wakesmith.comparing.figures import Point, pareto
from wakesmith.comparing.line import compare_stages, run_stage, seeds_of
from wakesmith.comparing.page import render
from wakesmith.comparing.results import Comparison, Row, Run
from wakesmith.comparing.table import print_comparison
from wakesmith.overall import Forecast, spoken
from wakesmith.project import Project, load_project

COMPARED = """
[compare]
verify_clips = 5
emulated_clips = 2

[compare.schemes.qat_int8]
epochs = 1

[compare.schemes.few]
scheme = "ptq_int8"
calibration_clips = 40

[compare.schemes.taught]
scheme = "distilled_int8"
student = "ptq_int8"
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return written(tmp_path, COMPARED)


def written(folder: Path, more: str) -> Project:
    (folder / "tiny.toml").write_text(TINY + more, encoding="utf-8")
    return load_project(folder / "tiny.toml")


def row(label: str, right: tuple[int, ...], flash: int, **values: int) -> Row:
    runs = tuple(
        Run(
            seed=seed,
            correct=count,
            float_correct=580,
            lost=max(0, 580 - count) + 2,
            won=max(0, count - 580) + 2,
            zeros=0.1,
            tflite=flash + 9000,
            weights=flash // 2,
            flash=flash,
            arena=16000,
            ram=40000,
            stack=900,
            instructions=values.get("instructions", 9_000_000),
            emulated=20 if flash else 0,
            compared=100_000 if flash else 0,
            mismatches=values.get("mismatches", 0),
        )
        for seed, count in enumerate(right, 1)
    )
    on = ("c", "tflm", "litert") if flash else ("litert",)
    return Row(label, {"scheme": label}, 600, runs, on)


def sample(**changes: object) -> Comparison:
    rows = (
        row("float32", (580, 582), 0),
        row("qat_int8", (579, 581), 61_000),
        row("ptq_int8", (577, 578), 61_200),
        row("log4", (575, 577), 40_000, instructions=11_000_000),
        row("linear_int4", (574, 579), 42_000, instructions=10_000_000),
        row("incremental_int8", (580, 581), 61_100),
        Row("mixed", {"scheme": "mixed"}, refused="A model for mixed must <have> layers."),
    )
    whole = Comparison(
        "digits", "res_sep", "mps2-an386", "Cortex-M4", ("a", "b"), 600, (1, 2), rows
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]


def printed(comparison: Comparison, width: int) -> str:
    text = io.StringIO()
    print_comparison(comparison, Console(file=text, width=width))
    return text.getvalue()


def test_options_come_from_the_project_file(project: Project) -> None:
    entries = {one.label: one.spec for one in choose(project, None)}
    assert next(iter(entries)) == "float32"
    assert {name for name in USUAL if name in SCHEMES} <= set(entries)
    assert entries["qat_int8"] == QatInt8(epochs=1)
    assert entries["few"] == PtqInt8(calibration_clips=40)
    assert entries["taught"] == DistilledInt8(student=PtqInt8())
    assert [one.label for one in choose(project, ["few"])] == ["float32", "few"]
    assert set(SCHEMES) | {"few", "taught"} == {one.label for one in choose(project, ["all"])}
    assert named(["few"])
    assert not named(["all"])
    assert not named(None)


def test_a_student_is_named_by_a_plus(project: Project) -> None:
    entries = {one.label: one.spec for one in choose(project, ["distilled_int8+qat_int8"])}
    assert entries["distilled_int8+qat_int8"] == DistilledInt8(student=QatInt8(epochs=1))


def test_the_projects_own_scheme_keeps_its_options(tmp_path: Path) -> None:
    file = tmp_path / "own.toml"
    file.write_text(TINY.replace('"ptq_int8"', '"ptq_int8"\ncalibration_clips = 77'))
    specs = {one.label: one.spec for one in choose(load_project(file), ["ptq_int8"])}
    assert specs["ptq_int8"] == PtqInt8(calibration_clips=77)


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["qat_int9"], r"Received: qat_int9\. Did you mean qat_int8"),
        (["ptq"], r"Did you mean .*ptq_int8"),
        (["zzz"], r"Received: zzz\.$"),
        (["qat_int8+ptq_int8"], r"Only distilled_int8 can be joined.*Received: qat_int8\+ptq_int8"),
    ],
)
def test_unknown_schemes_are_refused(project: Project, names: list[str], expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        choose(project, names)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ("[compare]\nseeds = 0\n", r"\[compare\] seeds must be from 1 to 100"),
        ("[compare]\nspeed = 1\n", r"key compare\.speed is not known"),
        (
            '[compare.schemes.mine]\nscheme = "qat_int9"\n',
            r"compare\.schemes\.mine\.scheme must be one of.*Did you mean qat_int8",
        ),
        ("[compare.schemes.mine]\nepochs = 3\n", r"key compare\.schemes\.mine\.scheme must be"),
        (
            "[compare.schemes.qat_int8]\nepoch = 3\n",
            r"key compare\.schemes\.qat_int8\.epoch is not known\. Did you mean epochs",
        ),
        (
            '[compare.schemes."a b"]\nscheme = "qat_int8"\n',
            r"A label in \[compare\.schemes\] must be",
        ),
    ],
)
def test_mistakes_in_the_section_are_one_sentence(tmp_path: Path, more: str, expected: str) -> None:
    with pytest.raises(SpecError, match=expected):
        written(tmp_path, more)


def test_clips_and_float_models_are_shared(project: Project, tmp_path: Path) -> None:
    entries = choose(project, ["qat_int8", "few"])
    stages = compare_stages(project, tmp_path, entries, seeds_of(project, 2), strict=True)
    names = [stage.name for stage in stages]
    assert len(set(names)) == len(names)
    assert names.count("speech") == names.count("features") == names.count("train") == 1
    assert "compare/seed2/train" in names
    by_name = {stage.name: stage for stage in stages}
    assert by_name[run_stage("few", 2, "quantize")].inputs["train"] == "compare/seed2/train"
    assert by_name[run_stage("few", 1, "quantize")].inputs["train"] == "train"
    assert by_name[run_stage("few", 1, "verify")].inputs == {
        "speech": "speech",
        "features": "features",
        "quantize": "compare/few-seed1/quantize",
        "convert": "compare/few-seed1/convert",
        "firmware": "compare/few-seed1/firmware",
    }
    assert run_stage("float32", 1, "verify") not in names
    assert all("foresee" in name for name in names[: len(entries)])


def test_means_intervals_and_pairs() -> None:
    one = row("qat_int8", (570, 576), 1000)
    assert one.accuracy == pytest.approx(573 / 600)
    assert one.interval == wilson(573, 600)
    assert one.paired == Paired(12 + 6, 4)
    assert one.most("flash") == 1000


def test_table_shows_everything_on_any_width() -> None:
    for width in (200, 90):
        text = printed(sample(), width)
        for word in ("float32", "incremental_int8", "accuracy", "McNemar", "61\u202f200", "LiteRT"):
            assert word in text
        assert "mixed left out: A model for mixed must <have> layers." in text
    assert "0 of 1\u202f000\u202f000 bytes differ" in printed(sample(), 200)


def test_page_is_whole_and_safe() -> None:
    page = render(sample())
    reader = Sections()
    reader.feed(page)
    assert not reader.open
    assert page.count("<svg") == 2
    assert "&lt;have&gt;" in page
    assert not re.search(r"(src|href)=\"(?!data:|#)", page)
    assert page == render(sample())
    only_float = sample(rows=sample().rows[:1])
    assert "<svg" not in render(only_float)


def test_a_mismatch_is_shown_as_such() -> None:
    bad = sample(rows=(*sample().rows, row("pruned_int8", (570,), 50_000, mismatches=3)))
    assert bad.mismatches == 3
    assert 'class="n bad"' in render(bad)
    assert "3 of" in printed(bad, 200)


def test_what_is_over_the_budget_is_said() -> None:
    tight = sample(budget={"flash": 50_000, "instructions": 10_500_000})
    said = printed(tight, 200)
    assert "qat_int8 is over the budget: flash 61\u202f000 of 50\u202f000." in said
    assert "log4 is over the budget: instructions" in said
    assert "linear_int4 is over" not in said
    assert "float32 is over" not in said


def test_pareto_front() -> None:
    points = [
        Point("dear and good", 9, 98),
        Point("cheap", 3, 90),
        Point("beaten", 5, 89),
        Point("same cost, worse", 3, 88),
        Point("same accuracy, dearer", 10, 98),
    ]
    assert [p.label for p in pareto(points)] == ["cheap", "dear and good"]


def test_time_left_follows_what_was_measured() -> None:
    guesses = {"train": 100.0, "a/quantize": 10.0, "b/quantize": 10.0, "c/quantize": 30.0}
    forecast = Forecast(guesses)
    assert forecast.left(0) == 150
    forecast.skip("train")
    forecast.begin("a/quantize")
    forecast.advance(0.5)
    assert forecast.left(20) == pytest.approx(20 + 40)  # the guesses of the others stand
    forecast.end(40)
    assert forecast.left(0) == pytest.approx(4 * 40)  # four times the guess
    assert forecast.done(0) == pytest.approx(40 / 200)
    assert (spoken(40), spoken(754), spoken(7500)) == ("40 s", "13 min", "2 h 5 min")


def test_names_on_the_command_line() -> None:
    assert split_names(" a, b ,") == ("a", "b")
    assert split_names(None) is None
    with pytest.raises(SpecError, match="must name at least one"):
        split_names(" , ")


def test_mistakes_end_with_two_before_anything_is_built(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    done = wakesmith_inside("compare", "tiny.toml", "--schemes", "log44", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("wakesmith: --schemes must be all or among")
    assert not (tmp_path / "build").exists()


def test_compares_resumes_and_shares(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text(TINY + COMPARED, encoding="utf-8")
    command = ("compare", "tiny.toml", "--schemes", "few,dynamic_range", "--seeds", "2")
    done = wakesmith_inside(*command, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "differ between" in done.stdout
    build = tmp_path / "build" / "tiny"
    found = json.loads((build / "compare.json").read_text())
    assert [one["label"] for one in found["rows"]] == ["float32", "few", "dynamic_range"]
    for one in found["rows"]:
        assert [run["seed"] for run in one["runs"]] == [1, 2]
    few = found["rows"][1]
    for run in few["runs"]:
        assert run["mismatches"] == 0
        assert run["compared"] > 1000
        assert run["emulated"] == 2
        assert run["instructions"] > 10_000
        assert 0 < run["weights"] < run["flash"]
    # The same command again finds everything; a build of the project finds clips and model.
    before = (build / "compare.html").read_bytes()
    again = wakesmith_inside(*command, cwd=tmp_path)
    assert again.returncode == 0
    assert "training" not in again.stdout
    assert (build / "compare.html").read_bytes() == before
    built = wakesmith_inside("build", "tiny.toml", "--until", "train", cwd=tmp_path)
    assert built.returncode == 0
    for name in ("speech", "features", "train"):
        assert re.search(rf"{name} +up to date", built.stdout)
