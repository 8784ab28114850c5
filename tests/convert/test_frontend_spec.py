from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest

from convert import frontend_tables
from convert.emit_frontend import emit_frontend
from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.frontend_tables import mel_points, tables
from tests.golden.make_frontend import PATH, SPECS

SOME = [
    FrontEnd(),
    FrontEnd(kind="mfcc"),
    FrontEnd(high_hz=4000.0),
    FrontEnd(mels=64),
    FrontEnd(mel_scale="htk", mel_norm="none", mels=20, window_ms=32, hop_ms=10),
]


def test_agreed_numbers() -> None:
    fe = FrontEnd()
    assert (fe.window, fe.hop, fe.width, fe.scale, fe.zero_point) == (480, 320, 40, 1 / 64, 0)
    assert [fe.frames(n) for n in (0, 479, 480, 799, 800, 16000)] == [0, 0, 1, 1, 2, 49]
    assert FrontEnd(kind="mfcc").width == 10


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", "plp"),
        ("kind", ["mfcc"]),
        ("sample_rate", 8000),
        ("fft", 1024),
        ("window_ms", 33),
        ("window_ms", 0),
        ("window_ms", 30.0),
        ("window_ms", True),
        ("hop_ms", 31),
        ("mels", 7),
        ("mels", 65),
        ("mels", "40"),
        ("coefficients", 0),
        ("coefficients", 65),
        ("low_hz", -1.0),
        ("low_hz", 8000.0),
        ("low_hz", "20"),
        ("high_hz", 8001.0),
        ("high_hz", float("nan")),
        ("high_hz", 10.0),
        ("range_db", 9.0),
        ("range_db", float("inf")),
        ("silence_db", 1.0),
        ("mel_scale", "bark"),
        ("mel_norm", None),
    ],
)
def test_impossible_values_are_refused(key: str, value: object) -> None:
    with pytest.raises(SpecError, match=rf"(?s){key}.*Received: "):
        FrontEnd(**{key: value})  # type: ignore[arg-type]


def test_more_coefficients_than_bands_are_refused() -> None:
    with pytest.raises(SpecError, match="coefficients must be a whole number from 1 to 40"):
        FrontEnd("mfcc", coefficients=41)


def test_empty_band_is_refused_with_a_way_out() -> None:
    with pytest.raises(SpecError, match=r"band 0 is empty\. Use fewer bands"):
        FrontEnd(mels=64, mel_scale="htk", low_hz=0.0, high_hz=1000.0)


def test_too_wide_band_is_refused() -> None:
    with pytest.raises(SpecError, match="Use more bands"):
        FrontEnd(mels=8)


def test_json_round_trip_and_hash() -> None:
    for fe in SOME:
        assert FrontEnd.from_json(fe.to_json()) == fe
        assert FrontEnd.from_json(fe.to_json()).hash() == fe.hash()
    assert len({fe.hash() for fe in SOME}) == len(SOME)
    assert FrontEnd(low_hz=20) == FrontEnd(low_hz=20.0)
    assert FrontEnd(low_hz=20).hash() == FrontEnd(low_hz=20.0).hash()
    assert FrontEnd(range_db=43.01).hash() != FrontEnd().hash()


@pytest.mark.parametrize("change", [{"version": 0}, {"mel": 40}, {"mels": None}, {"kind": 3}])
def test_foreign_json_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="Received"):
        FrontEnd.from_json(json.dumps({**json.loads(FrontEnd().to_json()), **change}))


@pytest.mark.parametrize("text", ["", "[]", "3", "{", '{"version": 1}'])
def test_damaged_json_is_refused(text: str) -> None:
    with pytest.raises(SpecError, match="Received"):
        FrontEnd.from_json(text)


def test_hashes_are_the_golden_ones() -> None:
    golden = json.loads(PATH.read_text())
    assert {name: fe.hash() for name, fe in SPECS.items()} == {
        name: golden[name]["hash"] for name in SPECS
    }


@pytest.mark.parametrize("scale", ["slaney", "htk"])
@pytest.mark.parametrize("norm", ["slaney", "none"])
@pytest.mark.parametrize(
    ("mels", "low", "high"), [(40, 20, 8000), (40, 20, 4000), (20, 0, 8000), (30, 300, 3400)]
)
def test_mel_weights_are_librosas(
    scale: str, norm: str, mels: int, low: float, high: float
) -> None:
    librosa = pytest.importorskip("librosa")
    fe = FrontEnd(mels=mels, low_hz=low, high_hz=high, mel_scale=scale, mel_norm=norm)  # type: ignore[arg-type]
    want = librosa.filters.mel(
        sr=16000,
        n_fft=512,
        n_mels=mels,
        fmin=low,
        fmax=high,
        htk=scale == "htk",
        norm="slaney" if norm == "slaney" else None,
        dtype=np.float64,
    )
    t = tables(fe)
    got = np.zeros_like(want)
    edge = t.edge.astype(int)
    for k in range(mels + 1):
        for bin_ in range(edge[k], edge[k + 1]):
            rising = t.weight[bin_ - edge[0]] / 4096
            if k < mels:
                got[k, bin_] += rising
            if k > 0:
                got[k - 1, bin_] += 1 - rising
    points = mel_points(fe)
    gain = 2 / (points[2:] - points[:-2]) if norm == "slaney" else np.ones(mels)
    got *= gain[:, None]
    # librosa weighs bin 256 (8 kHz) with rounding noise only.
    assert np.abs(got - want).max() <= 0.51 / 4096 * gain.max()
    log_gain = t.offset / 2**15 + 2 * (12 - t.input_shift) - 2
    assert np.abs(log_gain - np.log2(gain)).max() < 2**-15


def test_window_is_librosas_hann() -> None:
    librosa = pytest.importorskip("librosa")
    want = librosa.filters.get_window("hann", 480, fftbins=True)
    assert np.abs(tables(FrontEnd()).window / 32768 - want).max() <= 1 / 32768


def test_no_table_value_is_near_a_rounding_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another libm differs in the last bits of a float64; no integer may depend on them."""
    real, nearest = frontend_tables._round, []

    def watching(values: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        if not values.size:
            return real(values)
        distance = np.abs(values - np.floor(values) - 0.5)
        nearest.append(float(np.min(distance / np.maximum(np.abs(values), 1.0))))
        return real(values)

    monkeypatch.setattr(frontend_tables, "_round", watching)
    for fe in SPECS.values():
        tables.__wrapped__(fe)
    assert min(nearest) > 1e-11


def test_log_table_error() -> None:
    """The interpolated logarithm is within 0.0002 of log2: a tenth of a step of a row."""
    log = tables(FrontEnd()).log.astype(np.int64)
    x = np.arange(2**31, 2**32, 65537, dtype=np.int64)
    index, fraction = (x >> 26) & 31, (x >> 10) & 0xFFFF
    got = log[index] + (((log[index + 1] - log[index]) * fraction) >> 16)
    error = got / 32768 - (np.log2(x) - 31)
    assert np.abs(error).max() < 2.1e-4


def test_no_sum_can_overflow() -> None:
    """The bounds of docs/SPEC.md: no FFT value exceeds the window's sum at full scale."""
    for window_ms in (1, 10, 25, 30, 32):
        t = tables(FrontEnd(window_ms=window_ms, hop_ms=1))
        assert (int(t.window.sum()) << 15) >> (t.input_shift + 3) < 2**31 - 2**19
    for mels in (8, 20, 40, 64):
        for range_db in (10.0, 43.0, 90.0):
            if mels == 8:
                fe = FrontEnd("mfcc", mels=8, coefficients=8, range_db=range_db, high_hz=4000.0)
            else:
                fe = FrontEnd("mfcc", mels=mels, coefficients=mels, range_db=range_db)
            t = tables(fe)
            sums = np.abs(t.dct.astype(np.int64)).sum(axis=1) * (t.range_rows + 1) // 2 + 8192
            assert sums.max() < 2**31
            assert ((sums >> 14) * t.dct_scale).max() + 0x8000 < 2**31
            assert t.range_rows * t.level + 0x8000 < 2**31
            assert abs((t.range_rows * t.level + 0x8000 >> 16) - 255) <= 0


def test_emitted_files_are_stable_and_small() -> None:
    for fe in SOME:
        files = emit_frontend(fe)
        assert files == emit_frontend(dataclasses.replace(fe))
        assert sorted(files) == ["ws_frontend_tables.c", "ws_frontend_tables.h"]
        for text in files.values():
            assert text.startswith("/*\n * Generated by wakesmith ")
            assert fe.hash() in text
            assert text.isascii()
        header = files["ws_frontend_tables.h"]
        assert re.search(rf"#define WS_FE_WIDTH {fe.width} ", header)
        assert header.count("extern const") == (10 if fe.kind == "mfcc" else 8)
