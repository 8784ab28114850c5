"""The detector in C and in Python; whole recordings on the emulated board and on this machine."""

from __future__ import annotations

import ctypes
import itertools
from pathlib import Path

import numpy as np
import pytest

from convert.detector import NEVER, Detector
from convert.emit_detector import emit_detector
from convert.errors import ModelError, SpecError
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.hostbuild import FIRMWARE_DIR, build_shared
from simulate.backend import windows
from simulate.detector import DetectorTwin
from simulate.hostfrontend import HostFrontEnd
from simulate.hostlib import HostBackend
from simulate.listening import detector_plan
from simulate.recognizer import Recognizer
from simulate.stream import Result, stream
from tests.keyword_net import LABELS, WORDS, keyword_image, keyword_model, keyword_tflite
from tests.simulate.test_cortexm import clips

APP = FIRMWARE_DIR / "app"
GLUE = """
#include "ws_detector.h"
static ws_detector_t detector;
void reset(void);
int32_t push(const int8_t *scores);
int32_t score(void);
void reset(void) { ws_detector_reset(&detector); }
int32_t push(const int8_t *scores) { return ws_detector_push(&detector, scores); }
int32_t score(void) { return detector.score; }
"""
SETTINGS = [
    Detector(),
    Detector(every_ms=20, average=1, threshold=0.3, release=1.0, refractory_ms=0),
    Detector(every_ms=200, average=8, threshold=0.4, release=0.1, refractory_ms=2000),
    Detector(average=2, threshold=0.99, thresholds={"one": 0.01, "zwölf": 0.35}),
]


@pytest.mark.parametrize("number", range(len(SETTINGS)))
def test_c_gives_the_same_events(number: int) -> None:
    plan = SETTINGS[number].plan(LABELS, WORDS, hop_ms=20, scale=1 / 256, zero_point=-128)
    model_h = "#define MODEL_OUTPUT_SIZE 4\n#define MODEL_OUTPUT_ZERO_POINT (-128)\n"
    sources = {
        **emit_detector(plan),
        "model.h": model_h,
        "glue.c": GLUE,
        "ws_detector.c": APP / "ws_detector.c",
        "ws_detector.h": APP / "ws_detector.h",
    }
    library = ctypes.CDLL(str(build_shared(sources, flags=("-fsanitize-trap=undefined",))))
    twin = DetectorTwin(plan)
    rng = np.random.default_rng(number)
    events = 0
    for turn in range(300):
        library.reset()
        twin.reset()
        word, level = 0, 0.0
        for _ in range(60):
            if rng.random() < 0.15:
                word, level = int(rng.integers(4)), float(rng.uniform(0, 1.3))
            share = np.full(4, (1 - min(level, 1)) / 3)
            share[word] = level
            noise = rng.normal(0, 0.05 + 0.2 * (turn % 2), 4)
            scores = np.clip((share + noise) * 256 - 128, -128, 127).astype(np.int8)
            if turn % 10 == 0:
                scores[:] = scores[0]  # all equal
            found = library.push(scores.ctypes.data_as(ctypes.c_void_p))
            expected = twin.push(scores)
            assert (found if found >= 0 else None) == (None if expected is None else expected[0])
            if expected is not None:
                assert library.score() == expected[1]
                assert LABELS[found] in WORDS
                events += 1
    assert events > 100


def push_all(detect: Detector, shares: list[list[float]]) -> list[tuple[int, int]]:
    plan = detect.plan(("a", "b", "none"), ("a", "b"), hop_ms=20, scale=1 / 256, zero_point=-128)
    twin = DetectorTwin(plan)
    told = []
    for place, share in enumerate(shares):
        said = twin.push(np.clip(np.array(share) * 256 - 128, -128, 127).astype(np.int8))
        if said is not None:
            told.append((place, said[0]))
    return told


A, B, NONE = [0.9, 0.1, 0.0], [0.1, 0.9, 0.0], [0.0, 0.1, 0.9]


def test_rules() -> None:
    detect = Detector(every_ms=100, average=2, threshold=0.6, release=0.5, refractory_ms=300)
    assert push_all(detect, [A] * 30) == [(1, 0)]  # one event, however long the word
    assert push_all(detect, [A, NONE, A, NONE, A, NONE]) == []  # averages stay below
    assert push_all(detect, [A] * 2 + [NONE] * 4 + [A] * 3) == [(1, 0), (7, 0)]
    assert push_all(detect, [A] * 2 + [B] * 2 + [NONE] * 9) == [(1, 0)]  # within the pause
    assert push_all(detect, [A] * 4 + [B] * 4) == [(1, 0), (5, 1)]
    weak = [0.5, 0.2, 0.3]
    assert push_all(detect, [A] * 2 + [weak] * 9 + [A] * 5) == [(1, 0)]  # never released
    assert push_all(detect, [NONE] * 20) == []
    once = Detector(average=1, thresholds={"b": 0.05}, threshold=0.95)
    assert push_all(once, [A, B, A]) == [(1, 1)]


def test_plan() -> None:
    plan = Detector(every_ms=60, average=2, refractory_ms=130, thresholds={"a": 1.0}).plan(
        ("a", "b", "x"), ("a", "b"), hop_ms=20, scale=1 / 256, zero_point=-128
    )
    assert (plan.every, plan.average, plan.pause) == (3, 2, 3)
    assert plan.threshold == (512, 308, NEVER) and plan.release == (256, 154, NEVER)


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"every_ms": 0}, "every_ms must be a whole number from 1"),
        ({"every_ms": 50.0}, "every_ms must be a whole number"),
        ({"average": 33}, "average must be a whole number from 1 to 32"),
        ({"refractory_ms": -1}, "refractory_ms must be"),
        ({"threshold": 0}, "threshold must be above 0 and at most 1"),
        ({"threshold": float("nan")}, "threshold must be above 0"),
        ({"release": 1.5}, "release must be"),
        ({"thresholds": {"one": 2}}, r"thresholds.one must be"),
    ],
)
def test_bad_settings(settings: dict[str, object], match: str) -> None:
    with pytest.raises(SpecError, match=match):
        Detector(**settings)  # type: ignore[arg-type]


def test_settings_that_do_not_go_with_the_model() -> None:
    with pytest.raises(SpecError, match=r"multiple of the front-end.s hop, 20 ms\. Received: 50"):
        Detector(every_ms=50).check(WORDS, 20)
    with pytest.raises(SpecError, match=r"thresholds must be for words .*'silence'"):
        Detector(thresholds={"silence": 0.5}).check(WORDS, 20)


def heard_here(pcm: np.ndarray, detect: Detector) -> tuple[Result, ...]:
    graph, model = read(keyword_tflite()), keyword_model()
    host = HostBackend(model)

    def posteriors(features: np.ndarray) -> np.ndarray:
        found = host.predict(windows(features, model.inputs[0].shape))
        return np.asarray(found, np.int8).reshape(len(features), -1)

    return stream(
        pcm,
        FrontEnd(),
        detector_plan(graph, LABELS, FrontEnd(), words=WORDS, detect=detect),
        window=16000,
        ears=HostFrontEnd(FrontEnd()),
        posteriors=posteriors,
    )


def test_streams_are_equal_on_the_board(tmp_path: Path) -> None:
    """Every result and event of four seconds, digital silence of more than a second among them."""
    detect = Detector(every_ms=100, average=2, threshold=0.35, refractory_ms=200)
    parts = clips(4)
    pcm = np.concatenate([parts[0], np.zeros(20_000, np.int16), parts[1], parts[3][:77]])
    receiver = Recognizer(keyword_image(tmp_path, detect=detect))
    lines = receiver.board.inject(pcm, "stream")
    expected = heard_here(pcm, detect)
    assert lines == tuple(itertools.chain.from_iterable(r.lines() for r in expected))
    times = [result.milliseconds for result in expected]
    assert times[0] == 1000 and {1900, 2300, 3200} <= set(times)
    assert not {2000, 2100, 2200} & set(times)  # a second of equal samples: not heard
    assert [r for r in expected if r.event]
    again = receiver.board.inject(pcm[:20_000], "stream")
    assert again == lines[: len(again)] and len(again) >= 3  # from the beginning again


def test_streams_of_odd_lengths() -> None:
    detect = Detector()
    assert heard_here(np.zeros(0, np.int16), detect) == ()
    assert heard_here(clips(1)[0][:15_999], detect) == ()
    assert len(heard_here(clips(1)[0], detect)) == 1
    with pytest.raises(ModelError, match="int16 of shape"):
        heard_here(np.zeros(5), detect)
