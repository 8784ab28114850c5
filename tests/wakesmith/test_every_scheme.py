"""Every registered scheme, from a project file to a proof that no byte differs.

Nothing here is a list of schemes that has to be kept up to date: the candidates are those that are
registered, once for each choice that an option offers by name (how to calibrate, in which pattern
to prune), and each that runs as C once more as a student.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pytest

from convert.tflite_reader import read
from tests.wakesmith.conftest import TINY, Tiny, wakesmith_inside
from train.quantization import SCHEMES
from wakesmith.project import load_project

Options = dict[str, Any]

SMALL_TEACHER = {"name": "res_sep", "width": 16}
IN_CI = ("log4", "dynamic_range")
"""Each takes seconds; the others run with `make slow`."""


def quick(scheme: str, **chosen: Any) -> Options:
    """Options of a scheme with one epoch wherever it trains, and a small teacher."""
    options: Options = {"scheme": scheme, **chosen}
    for one in dataclasses.fields(SCHEMES[scheme]):
        if one.name.endswith("epochs") and one.default != 0:
            options.setdefault(one.name, 1)
        if one.name == "teacher":
            options.setdefault(one.name, SMALL_TEACHER)
    return options


def choices(scheme: str) -> Iterator[tuple[str, str]]:
    """(option, value) of every value but the default that an option offers by name."""
    hints = get_type_hints(SCHEMES[scheme])
    for one in dataclasses.fields(SCHEMES[scheme]):
        if get_origin(hints[one.name]) is Literal:
            for value in get_args(hints[one.name]):
                if value != one.default:
                    yield one.name, value


def candidates() -> dict[str, Options]:
    """Label -> options."""
    found = {}
    for scheme in SCHEMES:
        found[scheme] = quick(scheme)
        for option, value in choices(scheme):
            found[f"{scheme} {value}"] = quick(scheme, **{option: value})
    for scheme in SCHEMES:
        if scheme != "distilled_int8" and "c" in SCHEMES[scheme]().runs_on:
            student = quick(scheme)
            found[f"distilled_int8+{scheme}"] = quick("distilled_int8", student=student)
    return found


CANDIDATES = candidates()
RUN_AS_C = [label for label, o in CANDIDATES.items() if "c" in SCHEMES[o["scheme"]]().runs_on]
REST = [label for label in CANDIDATES if label not in RUN_AS_C]


def marked(labels: list[str]) -> list[Any]:
    """Candidates as parameters, slow but for those of every run."""
    marks = {label: () if label in IN_CI else (pytest.mark.slow,) for label in labels}
    return [pytest.param(label, marks=mark) for label, mark in marks.items()]


def written(file: Path, options: Options) -> None:
    """A project file, the tiny one with other options of quantization."""
    before, _, after = TINY.partition('[quantization]\nscheme = "ptq_int8"\n')
    assert after
    tables = {"quantization": options}
    lines = []
    while tables:
        name, table = tables.popitem()
        lines.append(f"[{name}]")
        for key, value in table.items():
            if isinstance(value, dict):
                tables[f"{name}.{key}"] = value
            else:
                lines.append(f"{key} = {json.dumps(value)}")
    file.write_text("\n".join((before, *lines, after)), encoding="utf-8")


@pytest.fixture(scope="module")
def begun(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which speech, features and the float model are there already."""
    folder = tmp_path_factory.mktemp("schemes")
    for stage in ("speech", "features", "train"):
        shutil.copytree(tiny.build / "stages" / stage, folder / "build/tiny/stages" / stage)
    (folder / "build/tiny/.lock").touch()
    return folder


def test_candidates_are_what_is_meant() -> None:
    """What the registration and the options' types give, seen once in words."""
    assert set(SCHEMES) <= set(CANDIDATES)
    assert {
        "ptq_int8 percentile",
        "ptq_int8 mse",
        "pruned_int8 2:4",
        "linear_int4 mse",
        "distilled_int8+incremental_int8",
        "distilled_int8+log4",
    } <= set(RUN_AS_C)
    assert {"float32", "float16", "dynamic_range"} <= set(REST)
    assert set(IN_CI) <= set(CANDIDATES)


@pytest.mark.parametrize("label", marked(RUN_AS_C))
def test_a_scheme_is_proven(label: str, begun: Path) -> None:
    file, stages = begun / "tiny.toml", begun / "build/tiny/stages"
    written(file, CANDIDATES[label])
    spec = load_project(file).quantization
    done = wakesmith_inside("build", file, cwd=begun)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "train     up to date" in done.stdout
    engines = json.loads((stages / "quantize/quantize.json").read_text())["runs_on"]
    assert tuple(engines) == spec.runs_on
    backends = {"reference", "host", "cortex-m"} | ({"tflm"} & set(engines))

    proofs = json.loads((stages / "verify/verify.json").read_text())["proofs"]
    assert {p["what"] for p in proofs} == {"features", "every layer", "posteriors from sound"}
    assert all(p["compared"] > 0 and p["mismatches"] == 0 for p in proofs)
    assert {n for p in proofs if p["what"] == "every layer" for n in p["backends"]} == backends

    told = wakesmith_inside("verify", file, "--clips", 5, cwd=begun)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"^[\d,]+ bytes compared on 5 test clips, 0 differ$", told.stdout, re.M)
    graph = read((stages / "quantize/model.tflite").read_bytes())
    for name in backends - {"reference"}:
        layers = (
            rf"^reference = {name}: [\d,]+ bytes equal \({1 + len(graph.ops)} tensors, 5 clips\)$"
        )
        assert re.search(layers, told.stdout, re.M), told.stdout


@pytest.mark.parametrize("label", marked(REST))
def test_a_scheme_without_c_says_what_runs_it(label: str, begun: Path) -> None:
    file = begun / "tiny.toml"
    written(file, CANDIDATES[label])
    done = wakesmith_inside("build", file, cwd=begun)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "does not run on the chip" in done.stdout
    assert not (begun / "build/tiny/firmware.elf").exists()
    told = wakesmith_inside("verify", file, cwd=begun)
    assert told.returncode == 2
    engines = SCHEMES[label]().runs_on
    named = " and ".join({"tflm": "TFLite Micro", "litert": "LiteRT"}[one] for one in engines)
    assert f"scheme {label}, whose models run in {named} only" in told.stderr
