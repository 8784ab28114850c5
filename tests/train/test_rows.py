from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.frontend_tables import mel_points
from simulate.hostfrontend import HostFrontEnd
from tests.train.speech_files import word_like
from train.audio import fit_length
from train.augment import Augmentation
from train.features import Augmented
from train.rows import PER_DB, RowAugmentation, colour

FE = FrontEnd(high_hz=4000.0)
HOST = HostFrontEnd(FE)
CLIPS = np.stack([fit_length(word_like(i), 16_000) for i in range(60)])
ALL = RowAugmentation(
    level_curve_db=5,
    equaliser_db=4,
    tilt_db=2,
    treble_cut_db=10,
    quiet_factor=(0.8, 2),
    range_factor=(0.8, 1.2),
    contrast_factor=(0.7, 1.4),
)


def flat(count: int = 400) -> NDArray[np.int16]:
    """Rows of one level, loud enough that nothing is cut off."""
    return np.full((count, 49, FE.mels), 8000, np.int16)


def changes_db(spec: RowAugmentation, rows: NDArray[np.int16]) -> NDArray[np.float64]:
    out = colour(rows, spec, FE, np.random.default_rng(1))
    return (out.astype(float) - rows) / PER_DB


def test_nothing_changes_nothing_and_seed_decides() -> None:
    rows = HOST.log_rows(CLIPS)
    same = colour(rows, RowAugmentation(), FE, np.random.default_rng(0))
    np.testing.assert_array_equal(same, rows)
    assert same is not rows and not RowAugmentation().active
    one, again, other = (colour(rows, ALL, FE, np.random.default_rng(s)) for s in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert one.dtype == np.int16 and (one != other).any(axis=(1, 2)).all()
    assert colour(rows[:0], ALL, FE, np.random.default_rng(0)).shape == (0, 49, 40)


def test_a_level_curve_is_slow_and_the_same_in_all_bands() -> None:
    change = changes_db(RowAugmentation(level_curve_db=5), flat())
    assert np.ptp(change, axis=2).max() < 0.01
    assert abs(change[:, 0, 0].std() - 5) < 0.7
    assert np.abs(np.diff(change[:, :, 0], n=2, axis=1)).max(axis=1).mean() < 1.5


def test_an_equaliser_is_smooth_and_the_same_at_all_times() -> None:
    change = changes_db(RowAugmentation(equaliser_db=4), flat())
    assert np.ptp(change, axis=1).max() < 0.01
    assert abs(change[:, 0, 0].std() - 4) < 0.6
    assert np.abs(np.diff(change[:, 0], axis=1)).mean() < 1.2


def test_tilt_is_a_slope_per_octave_about_1_khz() -> None:
    hertz = mel_points(FE)[1:-1]
    low, middle, high = (int(np.abs(hertz - f).argmin()) for f in (500, 1000, 4000))
    change = changes_db(RowAugmentation(tilt_db=2), flat())[:, 0]
    octaves = np.log2(hertz[high] / hertz[low])
    slope = (change[:, high] - change[:, low]) / octaves
    assert abs(slope.std() - 2) < 0.3
    near = np.log2(hertz[middle] / 1000)
    np.testing.assert_allclose(change[:, middle], slope * near, atol=0.1)


def test_treble_is_cut_above_half_the_range_only() -> None:
    hertz = mel_points(FE)[1:-1]
    change = changes_db(RowAugmentation(treble_cut_db=10), flat())[:, 0]
    assert np.abs(change[:, hertz < hertz[-1] / 2]).max() < 0.01
    assert change.max() < 0.01 and -10.01 < change.min() < -7
    assert np.diff(change, axis=1).max() < 0.01, "falling all the way"


def test_quiet_frames_fall_further_and_keep_their_spectrum() -> None:
    rows = flat(1)
    rows[0, 10] += 2000
    rows[0, 20, :20] -= 500
    doubled = colour(rows, RowAugmentation(quiet_factor=(2, 2)), FE, np.random.default_rng(0))
    np.testing.assert_array_equal(doubled[0, 10], rows[0, 10])
    np.testing.assert_array_equal(doubled[0, 20], rows[0, 20] - 2000)


def test_range_is_measured_from_the_peak() -> None:
    rows = HOST.log_rows(CLIPS[:5])
    half = colour(rows, RowAugmentation(range_factor=(0.5, 0.5)), FE, np.random.default_rng(0))
    peak = rows.max(axis=(1, 2), keepdims=True).astype(float)
    np.testing.assert_allclose(peak - half, (peak - rows) / 2, atol=0.51)


def test_contrast_moves_bands_from_their_neighbours_mean() -> None:
    rows = flat(1)
    rows[0, :, 20] += 900
    none = colour(rows, RowAugmentation(contrast_factor=(0.1, 0.1)), FE, np.random.default_rng(0))
    assert none[0, 0, 20] == 8000 + 100 + 80
    assert none[0, 0, 5] == 8000


def test_epochs_of_coloured_clips() -> None:
    spec = dataclasses.replace(Augmentation(), rows=ALL)
    labels = np.zeros(len(CLIPS), np.int32)

    def source(workers: int, rows: RowAugmentation = ALL) -> Augmented:
        changed = dataclasses.replace(spec, rows=rows)
        return Augmented(CLIPS, labels, HOST, changed, copies=2, seed=3, workers=workers)

    one, three = source(1), source(3)
    first = one.epoch(0).features
    np.testing.assert_array_equal(first, three.epoch(0).features)
    assert first.dtype == np.int8 and first.shape == (60, 49, 40)
    assert (one.epoch(2).features != first).any(axis=(1, 2)).all(), "the same copy, changed anew"
    np.testing.assert_array_equal(one.epoch(2).features, three.epoch(2).features)
    plain = source(1, RowAugmentation()).epoch(0).features
    assert (plain != first).any()


@pytest.mark.parametrize(
    "options",
    [
        {"level_curve_db": -1},
        {"tilt_db": 61},
        {"quiet_factor": (2, 1)},
        {"range_factor": (0, 1)},
        {"contrast_factor": (1, 1, 1)},
    ],
)
def test_refused(options: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="Received"):
        RowAugmentation(**options)  # type: ignore[arg-type]
