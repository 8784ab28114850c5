"""Schemes and their options in a project file: what is meant, and what is said of mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from convert.errors import SpecError
from train.models import ModelSpec
from train.quantization import DistilledInt8, IncrementalInt8, PtqInt8, QatInt8
from wakesmith.project import Project
from wakesmith.schema import build

GOOD = {
    "project": {"name": "p", "words": ["yes", "no"]},
    "data": {"sources": [{"kind": "folder", "path": "clips"}]},
}


def made(quantization: Any) -> Any:
    return build(Project, {**GOOD, "quantization": quantization}, "p.toml").quantization


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ("ptq_int8", PtqInt8()),
        ({"scheme": "distilled_int8"}, DistilledInt8(student=QatInt8())),
        (
            {"scheme": "distilled_int8", "student": "incremental_int8"},
            DistilledInt8(student=IncrementalInt8()),
        ),
        (
            {
                "scheme": "distilled_int8",
                "student": {"scheme": "incremental_int8", "layers": [["a"], ["b*", "c"]]},
                "teacher": {"name": "ds_cnn", "width": 96},
            },
            DistilledInt8(
                student=IncrementalInt8(layers=(("a",), ("b*", "c"))),
                teacher=ModelSpec("ds_cnn", width=96),
            ),
        ),
    ],
)
def test_options(table: Any, expected: Any) -> None:
    assert made(table) == expected


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("ptq_int9", 'quantization.scheme must be one of .*"ptq_int9". Did you mean ptq_int8'),
        ({"scheme": "incremental"}, "Did you mean incremental_int8"),
        (
            {"scheme": "distilled_int8", "student": "qat_int9"},
            r'quantization\.student\.scheme must be one of .*"qat_int9"\. Did you mean qat_int8',
        ),
        (
            {"scheme": "distilled_int8", "student": {"scheme": "qat_int8", "epoch": 3}},
            r"key quantization\.student\.epoch is not known\. Did you mean epochs",
        ),
        (
            {"scheme": "distilled_int8", "student": "distilled_int8"},
            r"quantization\.student\.scheme must be one of",
        ),
        ({"scheme": "distilled_int8", "student": "float16"}, "scheme that runs as C.*float16"),
        ({"scheme": "distilled_int8", "teacher": {"name": "res_net"}}, "name must be one of"),
        (
            {"scheme": "ptq_int8", "calibration": "minmax"},
            r'calibration must be .*"minmax"\. Did you mean min_max',
        ),
        ({"scheme": "ptq_int8", "percentile": 12.5}, "percentile must be from 90 to 100"),
        ({"scheme": "incremental_int8", "blocks": 0}, "blocks must be from 1 to 1000"),
        ({"scheme": "incremental_int8", "layers": ["conv"]}, r"layers\[1\] must be a list in"),
    ],
)
def test_mistakes(table: Any, message: str) -> None:
    with pytest.raises(SpecError, match=message) as caught:
        made(table)
    assert "\n" not in str(caught.value)
