"""The page holds every section, says the truth about failures, and needs nothing from outside."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from rich.console import Console

from train.evaluate import wilson
from wakesmith.building import print_table
from wakesmith.pages import percent
from wakesmith.report import render
from wakesmith.results import Accuracy, Layer, Memory, Proof, Results, Spectrogram, Stored


def sample() -> Results:
    labels = ("zero", "one", "<two>")
    accuracy = tuple(
        Accuracy(stage, how, right, 120, *wilson(right, 120))
        for stage, how, right in (
            ("float model", "Keras", 118),
            ("int8 .tflite", "TFLite Micro", 117),
            ("firmware", "emulated Cortex-M4", 117),
        )
    )
    array = np.random.default_rng(0).integers(-40, 100, (49, 40))
    features = tuple(tuple(row) for row in array.tolist())
    return Results(
        name="digits",
        labels=labels,
        board="mps2-an386",
        core="Cortex-M4",
        accuracy=accuracy,
        confusion=((40, 0, 0), (1, 38, 1), (0, 1, 39)),
        history={"loss": (1.0, 0.5), "val_loss": (1.1, 0.7), "accuracy": (0.5, 0.9)},
        spectrograms=(Spectrogram("zero", features), Spectrogram("one", features)),
        layers=(Layer(0, "CONV_2D", (25, 5, 64), 38.2, 123_456), Layer(1, "RESHAPE", (64,))),
        arena=(
            Stored("input", 0, 490, -1, 0),
            Stored("tensor 3", 496, 8000, 0, 1),
            Stored("scratch", 8496, 320, 0, 0, scratch=True),
        ),
        memories=(
            Memory("flash", 4096, tuple((f"part{i}", 10 * i) for i in range(12))),
            Memory("RAM", 2048, (("arena", 500),)),
        ),
        instructions=7_698_760,
        frontend_instructions=1_600_000,
        stack=900,
        proofs=(Proof("every layer", ("reference", "tflm", "host", "cortex-m"), 200, 98765, 0),),
        clips={"train": 1000, "val": 100, "test": 120},
        rejected=2,
        manifest={"seeds": {"project": 7}, "files": {"model.tflite": {"sha256": "ab" * 32}}},
    )


class Sections(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            self.ids.add(dict(attrs).get("id") or "")
        if tag in ("section", "main", "table", "figure", "svg"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("section", "main", "table", "figure", "svg"):
            assert self.open.pop() == tag


def test_all_sections_and_headlines() -> None:
    page = render(sample())
    parser = Sections()
    parser.feed(page)
    assert parser.open == []
    wanted = "accuracy proof confusion training features layers arena memory manifest"
    assert set(wanted.split()) <= parser.ids
    for text in ("97.5", "7.70", "98\u202f765 bytes compared, none differs", "38.2", "arena"):
        assert text in page
    assert "&lt;two&gt;" in page
    assert "<two>" not in page
    assert page.count("<svg") == 3
    assert page.count("data:image/png") == 2


def test_nothing_from_outside_and_repeatable() -> None:
    page = render(sample())
    assert page == render(sample())
    assert not re.search(r"(?:src|href)=\"(?!#|data:)", page)
    assert "<script" not in page
    assert "@import" not in page
    assert not re.search(r"#0102\d\d", page), "a placeholder colour was left"


def test_mismatches_are_not_hidden() -> None:
    proof = Proof("outputs", ("tflm", "host"), 10, 1000, 3, "layer 4, element 7: 12 and 13")
    page = render(replace(sample(), proofs=(proof,)))
    assert "3 of 1\u202f000 bytes differ" in page
    assert "layer 4, element 7" in page
    assert 'class="tile bad"' in page


def test_a_bare_build_still_renders() -> None:
    bare = Results("x", ("a", "b"), "b", "c", (), ((0, 0), (0, 0)))
    assert "Nothing was compared" in render(bare)


@pytest.mark.parametrize(
    ("share", "text"), [(1.0, "100.0"), (0.99999, "99.9"), (0.9741, "97.4"), (0.0, "0.0")]
)
def test_percent_never_rounds_up_to_all(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(("width", "lines"), [(120, 9), (40, 18)])
def test_closing_table_of_any_width(width: int, lines: int) -> None:
    """No number is broken; remarks stand below where there is no room beside."""
    out = io.StringIO()
    print_table(sample(), Console(file=out, width=width))
    said = [line.rstrip() for line in out.getvalue().strip().splitlines()]
    assert len(said) == lines and max(map(len, said)) <= width
    assert any(re.match(r"accuracy, int8 .tflite +97\.5 %", line) for line in said)
    assert any(re.match(r"instructions +7.698.760", line) for line in said)
