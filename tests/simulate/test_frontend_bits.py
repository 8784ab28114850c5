"""The front-end's bits: NumPy against C, against librosa's floats, and against themselves."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from convert.errors import SpecError
from convert.frontend import FrontEnd
from simulate.frontend import (
    HopFrontEnd,
    ReferenceFrontEnd,
    features,
    log_rows,
    normalise,
)
from simulate.hostfrontend import HostFrontEnd
from tests.frontend_inputs import (
    Clips,
    extreme_clips,
    golden_clip,
    speech_clips,
    synthetic_clips,
)
from tests.golden.make_frontend import PATH, SPECS

FRONT_ENDS = [
    *SPECS.values(),
    FrontEnd(mels=64, range_db=90.0, silence_db=-90.0),
    FrontEnd("mfcc", mels=64, coefficients=64, range_db=10.0, hop_ms=30),
    FrontEnd(window_ms=32, hop_ms=3),
    FrontEnd(window_ms=1, hop_ms=1, mels=20),
]
NARROW = ("WS_NARROW_MULTIPLY",)


@lru_cache(maxsize=32)
def host(fe: FrontEnd, defines: tuple[str, ...] = ()) -> HostFrontEnd:
    return HostFrontEnd(fe, threads=2, defines=defines)


def assert_equal_everywhere(clips: Clips, fe: FrontEnd) -> None:
    rows, out = log_rows(clips, fe), features(clips, fe)
    for defines in ((), NARROW):
        np.testing.assert_array_equal(host(fe, defines).log_rows(clips), rows)
        np.testing.assert_array_equal(host(fe, defines).features(clips), out)


@pytest.mark.parametrize("fe", FRONT_ENDS, ids=range(len(FRONT_ENDS)))
def test_extreme_inputs(fe: FrontEnd) -> None:
    assert_equal_everywhere(np.stack(list(extreme_clips(8000).values())), fe)


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_speech(kind: str) -> None:
    fe = FrontEnd(kind)  # type: ignore[arg-type]
    assert_equal_everywhere(speech_clips(200), fe)


def test_stand_in_speech() -> None:
    assert_equal_everywhere(synthetic_clips(8), FrontEnd())


@settings(max_examples=60)
@given(
    clip=hnp.arrays(
        np.int16, st.integers(480, 1500), elements=st.integers(-32768, 32767), fill=st.nothing()
    )
    | st.tuples(st.integers(0, 2**31), st.integers(0, 15), st.integers(480, 2500)).map(
        lambda t: (np.random.default_rng(t[0]).integers(-32768, 32768, t[2]) >> t[1]).astype(
            np.int16
        )
    ),
    kind=st.sampled_from(["log_mel", "mfcc"]),
)
def test_any_input(clip: Clips, kind: str) -> None:
    assert_equal_everywhere(clip[None], FrontEnd(kind))  # type: ignore[arg-type]


@settings(max_examples=60)
@given(
    rows=hnp.arrays(np.int16, (3, 40), elements=st.integers(-4096, 32767)),
    kind=st.sampled_from(["log_mel", "mfcc"]),
)
def test_normalisation_of_any_rows(rows: Clips, kind: str) -> None:
    """The peak at the top, the floor at the bottom, in order between."""
    fe = FrontEnd(kind)  # type: ignore[arg-type]
    out = normalise(rows, fe)
    assert out.shape == (3, fe.width)
    if kind == "log_mel":
        order = np.argsort(rows.ravel())
        assert (np.diff(out.ravel()[order].astype(int)) >= 0).all()
        if rows.max() >= 9058:  # the lowest peak
            assert out.max() == 127


@pytest.mark.parametrize("name", SPECS)
def test_golden(name: str) -> None:
    entry = json.loads(PATH.read_text())[name]
    clip = golden_clip()[None]
    for rows, out in (
        (log_rows(clip, SPECS[name]), features(clip, SPECS[name])),
        (host(SPECS[name]).log_rows(clip), host(SPECS[name]).features(clip)),
    ):
        assert rows[0, :8].tolist() == entry["rows"]
        assert out[0, :8].tolist() == entry["features"]


def test_hop_by_hop_is_the_same() -> None:
    for fe in (FrontEnd(), FrontEnd(hop_ms=30), FrontEnd(window_ms=32, hop_ms=5)):
        clip = speech_clips(200)[3]
        hops = HopFrontEnd(fe)
        rows = [hops.push(part) for part in clip[: 16000 // fe.hop * fe.hop].reshape(-1, fe.hop)]
        got = np.stack([row for row in rows if row is not None])
        np.testing.assert_array_equal(got, log_rows(clip[None], fe)[0, : len(got)])
        assert len(got) == fe.frames(16000)


def reference_log_mel(clips: Clips, fe: FrontEnd) -> np.ndarray:  # type: ignore[type-arg]
    """librosa's log2 mel power of int16 values, (n, frames, mels) float64.

    librosa centres the 480-sample window in its 512-sample frame; 16 zeros in front of the clip
    make its frame i start where ours does.
    """
    librosa = pytest.importorskip("librosa")
    pad = (fe.fft - fe.window) // 2
    spectrum = librosa.stft(
        np.pad(clips.astype(np.float64), ((0, 0), (pad, pad))),
        n_fft=fe.fft,
        hop_length=fe.hop,
        win_length=fe.window,
        window="hann",
        center=False,
    )
    mel = librosa.filters.mel(
        sr=16000, n_fft=fe.fft, n_mels=fe.mels, fmin=fe.low_hz, fmax=fe.high_hz, dtype=np.float64
    )
    power = mel @ np.abs(spectrum) ** 2
    return np.log2(np.maximum(power, 2.0**-8)).swapaxes(-1, -2)


def snr_db(got: np.ndarray, want: np.ndarray) -> float:  # type: ignore[type-arg]
    """Signal: librosa's float log-mel with its mean removed; noise: the difference."""
    return float(10 * np.log10(np.sum((want - want.mean()) ** 2) / np.sum((got - want) ** 2)))


@pytest.mark.parametrize(
    ("high_hz", "least"),
    [
        (8000.0, 52.0),  # measured 55.3: half the clips have rounding noise only above 4 kHz
        (4000.0, 70.0),  # measured 79.2
    ],
)
def test_snr_against_librosa_on_speech(high_hz: float, least: float) -> None:
    """The contract is 40 dB. Arabic Speech Commands alone (16 kHz): 71.7 dB."""
    fe = FrontEnd(high_hz=high_hz)
    clips = speech_clips(200)
    want, got = reference_log_mel(clips, fe), log_rows(clips, fe) / 512
    each = [snr_db(*pair) for pair in zip(got, want, strict=True)]
    print(f"SNR {snr_db(got, want):.1f} dB, first half {snr_db(got[:100], want[:100]):.1f} dB,")
    print(f"worst clip {min(each):.1f} dB, largest error {np.abs(got - want).max():.2f}")
    assert snr_db(got, want) >= least
    assert snr_db(got[:100], want[:100]) >= 60.0
    assert min(each) >= 40.0


def test_mfcc_against_float() -> None:
    """int8 coefficients are within one step of the float DCT of the same floored rows."""
    scipy_fft = pytest.importorskip("scipy.fft")
    fe = FrontEnd("mfcc")
    clips = speech_clips(200)[::10]
    want = reference_log_mel(clips, fe)
    span = 43.0 / (10 * np.log10(2.0))
    drop = np.minimum(want.max(axis=(1, 2), keepdims=True) - want, span)
    dct = scipy_fft.dct(span / 2 - drop, type=2, norm="ortho", axis=-1)[..., :10]
    k = np.arange(10)
    scale = 127.5 / (np.sqrt(40) * span / 2) * np.where(k == 0, 1, 1 + k / 4)
    error = features(clips, fe) - np.clip(dct * scale, -128, 127)
    assert np.abs(error).max() < 1.0


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_silence_is_not_blown_up(kind: str) -> None:
    fe = FrontEnd(kind)  # type: ignore[arg-type]
    clips = extreme_clips()
    lowest = features(clips["silence"][None], fe)
    quiet = features(clips["noise of one step"][None], fe)
    if kind == "log_mel":
        assert (lowest == -128).all()
        assert quiet.max() <= -100
    else:
        assert (lowest[..., 0] <= -127).all() and (np.abs(lowest[..., 1:]) <= 1).all()
        assert quiet[..., 0].max() <= -120


@pytest.mark.parametrize("kind", ["log_mel", "mfcc"])
def test_level_does_not_matter(kind: str) -> None:
    """Speech 12 dB softer has nearly the same features."""
    fe = FrontEnd(kind)  # type: ignore[arg-type]
    loud = speech_clips(200)
    loud = loud[np.abs(loud.astype(int)).max(axis=1) > 8000][:20]
    soft = (loud >> 2).astype(np.int16)
    difference = np.abs(features(loud, fe).astype(int) - features(soft, fe))
    assert difference.mean() < 0.5


def test_wrong_clips_are_refused() -> None:
    fe = FrontEnd()
    for clips in (
        np.zeros(16000, np.int16),
        np.zeros((1, 16000), np.float32),
        np.zeros((1, 479), np.int16),
        np.zeros((1, 2, 16000), np.int16),
        [[0] * 16000],
    ):
        for door in (ReferenceFrontEnd(fe).features, host(fe).features, host(fe).log_rows):
            with pytest.raises(SpecError, match="Received"):
                door(clips)  # type: ignore[arg-type]
    with pytest.raises(SpecError, match="A hop must be"):
        HopFrontEnd(fe).push(np.zeros(319, np.int16))


def test_no_clips_and_odd_layouts() -> None:
    fe = FrontEnd()
    assert host(fe).features(np.zeros((0, 16000), np.int16)).shape == (0, 49, 40)
    assert features(np.zeros((0, 16000), np.int16), fe).shape == (0, 49, 40)
    clips = speech_clips(200)[:6]
    strided = np.asfortranarray(clips)[::2]
    np.testing.assert_array_equal(host(fe).features(strided), features(clips[::2].copy(), fe))
    for samples in (480, 481, 799, 800, 801, 15999):  # last hop incomplete
        part = clips[:2, :samples]
        np.testing.assert_array_equal(host(fe).features(part), features(part, fe))


def test_many_clips_over_threads() -> None:
    fe = FrontEnd()
    clips = np.tile(synthetic_clips(8)[:, :1600], (100, 1))
    want = np.tile(features(clips[:8], fe), (100, 1, 1))
    np.testing.assert_array_equal(host(fe).features(clips), want)


def _in_child(cache: str) -> int:
    import os

    os.environ["WAKESMITH_CACHE"] = cache
    return int(HostFrontEnd(FrontEnd(mels=23)).features(golden_clip()[None]).astype(int).sum())


@pytest.mark.slow
def test_processes_share_the_cache(tmp_path: object) -> None:
    with ProcessPoolExecutor(4) as pool:
        sums = list(pool.map(_in_child, [str(tmp_path)] * 8))
    assert len(set(sums)) == 1
