from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from convert.errors import SpecError
from tests.train.speech_files import word_like
from train import noise, reverb, stretch
from train.audio import fit_length
from train.augment import NONE, Augmentation, active_rms, augment_batch, epochs, spec_augment

CLIPS = np.stack([fit_length(word_like(i), 16_000) for i in range(150)])
ALL = Augmentation(
    pitch_probability=0.3, reverb_probability=0.5, telephone_probability=0.5, noise_probability=0.9
)


def only(**options: object) -> Augmentation:
    import dataclasses

    return dataclasses.replace(NONE, **options)  # type: ignore[arg-type]


def test_nothing_changes_nothing() -> None:
    out = augment_batch(CLIPS[:8], NONE, 1)
    np.testing.assert_array_equal(out, CLIPS[:8])
    assert out is not CLIPS


def test_seed_decides() -> None:
    first = augment_batch(CLIPS[:20], ALL, 7)
    np.testing.assert_array_equal(first, augment_batch(CLIPS[:20], ALL, np.random.default_rng(7)))
    assert (first != augment_batch(CLIPS[:20], ALL, 8)).any()
    assert first.dtype == np.int16 and first.shape == (20, 16_000)
    assert augment_batch(CLIPS[:0], ALL, 1).shape == (0, 16_000)


def test_shift_moves_by_whole_samples() -> None:
    out = augment_batch(CLIPS[:30], only(shift_ms=100), 3)
    moved = []
    for before, after in zip(CLIPS[:30], out, strict=True):
        match = np.fft.irfft(
            np.fft.rfft(after.astype(float)) * np.conj(np.fft.rfft(before.astype(float)))
        )
        move = int(np.argmax(match))
        move -= 16_000 * (move > 8_000)
        moved.append(move)
        same = before[max(0, -move) : 16_000 - max(0, move)]
        np.testing.assert_array_equal(after[max(0, move) : 16_000 - max(0, -move)], same)
    assert max(map(abs, moved)) <= 1600 and len(set(moved)) > 20


def tone(hertz: float) -> NDArray[np.float32]:
    t = np.arange(16_000) / 16_000
    return np.asarray(8000 * np.sin(2 * np.pi * hertz * t) * np.hanning(16_000), np.float32)


def pitch(x: NDArray[np.generic]) -> int:
    return int(np.argmax(np.abs(np.fft.rfft(x.astype(float)))))


def test_speed_moves_pitch_and_tempo_pitch_only_pitch() -> None:
    assert abs(pitch(stretch.read_at(tone(440), 1.1)) - 484) <= 1
    for factor in (0.8, 1.2):
        shifted = stretch.shift_pitch(tone(440), factor)
        assert abs(pitch(shifted) - 440 * factor) <= 2
        assert shifted.shape == (16_000,)
        middle = np.sum(np.arange(16_000) * shifted**2) / np.sum(shifted**2)
        assert abs(middle - 8_000) < 250
    assert abs(stretch.stretch(tone(440), 1.3).size - 20_800) <= 1
    batch = np.asarray(np.tile(tone(440), (20, 1)), np.int16)
    pitches = {
        pitch(x) for x in augment_batch(batch, only(speed_probability=1, speed_range=(0.9, 1.1)), 1)
    }
    assert 395 <= min(pitches) < 430 and 450 < max(pitches) <= 485


@pytest.mark.parametrize("kind", noise.KINDS)
def test_noise_has_the_drawn_ratio(kind: noise.NoiseKind) -> None:
    spec = only(noise_probability=1, noise_kinds=(kind,), snr_db=(10, 10))
    out = augment_batch(CLIPS[:20] // 4, spec, 5)
    clean = (CLIPS[:20] // 4).astype(np.float32)
    added = out - clean
    ratio = 20 * np.log10(active_rms(clean) / np.sqrt(np.mean(added**2, axis=1)))
    np.testing.assert_allclose(ratio, 10, atol=0.3)


def test_a_batch_in_which_no_clip_gets_noise() -> None:
    spec = only(noise_probability=1e-9)
    np.testing.assert_array_equal(augment_batch(CLIPS[:3], spec, 1), CLIPS[:3])


def test_noise_colours() -> None:
    slopes = {}
    for kind in ("white", "pink", "brown", "blue"):
        power = np.abs(np.fft.rfft(noise.generate(kind, 64_000, 1))) ** 2  # type: ignore[arg-type]
        low, high = power[800:1600].mean(), power[12_800:25_600].mean()
        slopes[kind] = 10 * np.log10(low / high) / 4  # decibels per octave
    for kind, want in (("white", 0), ("pink", 3), ("brown", 6), ("blue", -3)):
        assert abs(slopes[kind] - want) < 0.3, kind


def test_users_noise_files(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "room.wav", word_like(3, seconds=3), 16_000)
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    spec = only(noise_probability=1, noise_folder=tmp_path.name, noise_folder_share=1.0)
    out = augment_batch(CLIPS[:6], spec, 1, base=tmp_path.parent)
    assert (out != CLIPS[:6]).any(axis=1).all()
    assert noise.load_recordings(tmp_path).rejected == ("bad.wav: not audio",)
    with pytest.raises(SpecError, match="noise folder must exist"):
        augment_batch(CLIPS[:6], spec, 1, base=tmp_path / "elsewhere")
    soundfile.write(tmp_path / "room2.wav", word_like(4, seconds=3), 16_000)
    capped = noise.load_recordings(tmp_path, total_seconds=2)
    assert capped.names == ("room.wav",) and "room2.wav: over 2 s in all" in capped.rejected
    (tmp_path / "empty").mkdir()
    with pytest.raises(SpecError, match="must hold WAV or FLAC"):
        noise.load_recordings(tmp_path / "empty")


def test_rooms_keep_the_level_and_add_a_tail() -> None:
    click = np.zeros((4, 16_000), np.float32)
    click[:, 2000] = 10_000
    wet = reverb.convolve(click, reverb.rooms()[:4])
    assert np.all(np.argmax(np.abs(wet), axis=1) == 2000)
    assert np.all(np.abs(wet[:, :1999]) < 1)
    assert np.all(np.sqrt(np.mean(wet[:, 3000:7000] ** 2, axis=1)) > 0.1)
    np.testing.assert_allclose(np.sum(wet**2, axis=1), 1e8, rtol=0.05)


def test_telephone_band() -> None:
    for hertz, passes in ((50, False), (1000, True), (2500, True), (6000, False)):
        out = reverb.telephone(tone(hertz)[None], np.array([300.0]), np.array([3400.0]))
        kept = np.sum(out**2) / np.sum(tone(hertz) ** 2)
        assert (kept > 0.9) if passes else (kept < 0.01), hertz


def test_gain_never_overdrives() -> None:
    loud = np.clip(CLIPS[:10].astype(np.int32) * 2, -32768, 32767).astype(np.int16)
    out = augment_batch(loud, only(gain_db=(40, 40)), 1)
    peaks = np.abs(out.astype(np.int32)).max(axis=1)
    assert np.all((peaks >= 32_000) & (peaks <= 32_768))
    quiet = augment_batch(CLIPS[:10], only(gain_db=(-20, -20)), 1)
    assert np.abs(np.abs(quiet).max(axis=1) - np.abs(CLIPS[:10]).max(axis=1) / 10).max() <= 1


def test_spec_augment_hides_what_it_says() -> None:
    rng = np.random.default_rng(0)
    features = rng.integers(-100, 127, (200, 49, 40), dtype=np.int8)
    spec = only(time_masks=1, time_mask_frames=8, band_masks=1, band_mask_bands=6)
    out = spec_augment(features, spec, 1)
    assert out.dtype == np.int8
    np.testing.assert_array_equal(out, spec_augment(features, spec, 1))
    low = features.min(axis=(1, 2))
    hidden = out == low[:, None, None]
    frames, bands = hidden.all(axis=2).sum(axis=1), hidden.all(axis=1).sum(axis=1)
    assert frames.max() == 8 and bands.max() == 6 and frames.min() == 0
    changed = out != features
    assert np.all(out[changed] == np.broadcast_to(low[:, None, None], out.shape)[changed])
    np.testing.assert_array_equal(spec_augment(features, NONE, 1), features)


def test_epochs_do_not_depend_on_threads() -> None:
    make = lambda workers, **more: list(  # noqa: E731
        epochs(CLIPS, Augmentation(), seed=5, workers=workers, **more)
    )
    one, three = make(1, count=3), make(3, count=3)
    assert len(one) == 3
    for a, b in zip(one, three, strict=True):
        np.testing.assert_array_equal(a, b)
    assert (one[0] != one[1]).any()
    np.testing.assert_array_equal(make(2, count=1, start=2)[0], one[2])
    halves = make(2, count=1, transform=lambda x: x[:, ::2])
    np.testing.assert_array_equal(halves[0], one[0][:, ::2])
    stopped = epochs(CLIPS, Augmentation(), seed=1, count=1000)
    next(stopped)
    stopped.close()


def test_several_hundred_clips_a_second() -> None:
    augment_batch(CLIPS, Augmentation(), 1)
    start = time.process_time()
    augment_batch(CLIPS, Augmentation(), 2)
    assert len(CLIPS) / (time.process_time() - start) > 200


@pytest.mark.parametrize(
    "options",
    [
        {"noise_probability": 1.5},
        {"shift_ms": -1},
        {"speed_range": (1.1, 0.9)},
        {"speed_range": (0.1, 1)},
        {"snr_db": (0, 1, 2)},
        {"noise_kinds": ("purple",)},
        {"noise_kinds": ()},
        {"time_masks": -1},
    ],
)
def test_refused(options: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="Received"):
        Augmentation(**options)  # type: ignore[arg-type]
