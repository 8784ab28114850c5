"""Augmentation of log-mel rows: what other voices, microphones and rooms do to level and spectrum.

Synthesised speech is too regular: every clip of a word has the same ratio of consonants to vowels,
the same flat response, the same even level. Here each clip draws its own. Rows come before the
level normalisation of the front-end: what falls out of its range is lost, as in a recording.

    rows = colour(front.log_rows(clips), RowAugmentation(equaliser_db=4), fe, rng)
    features = simulate.frontend.normalise(rows, fe)
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.frontend_tables import ROW_BITS, mel_points

Rows = NDArray[np.float32]

PER_DB = 2**ROW_BITS / (10 * math.log10(2))
"""Row units (log2 of power, Q9) in a decibel."""

_LEVEL_POINTS = 5  # of the level curve, over the whole clip: about 4 a second
_EQUALISER_POINTS = 6
_NEIGHBOURS = 9  # bands whose mean is the smooth part of a spectrum
_TILT_FROM_HZ = 200.0  # below, a microphone's response says little about its tilt


@dataclass(frozen=True)
class RowAugmentation:
    """What is drawn for each clip; the defaults change nothing.

    Factors are drawn with evenly spread logarithms. 1 changes nothing.

    Attributes:
        level_curve_db: standard deviation of a slow curve of the level over time.
        equaliser_db: standard deviation of a smooth curve over the bands.
        tilt_db: standard deviation of a slope over the bands, decibels per octave.
        treble_cut_db: largest loss at the highest band; it begins at a corner in the upper half of
            the front-end's range.
        quiet_factor: lowest and highest factor on how far frames lie below the loudest one: 2 makes
            consonants that are 10 dB below the vowel 20 dB below, and keeps their spectrum.
        range_factor: lowest and highest factor on how far everything lies below the peak.
        contrast_factor: lowest and highest factor on how far peaks and valleys of the spectrum are
            from its smooth part.
    """

    level_curve_db: float = 0.0
    equaliser_db: float = 0.0
    tilt_db: float = 0.0
    treble_cut_db: float = 0.0
    quiet_factor: tuple[float, float] = (1.0, 1.0)
    range_factor: tuple[float, float] = (1.0, 1.0)
    contrast_factor: tuple[float, float] = (1.0, 1.0)

    def __post_init__(self) -> None:
        for name in ("level_curve_db", "equaliser_db", "tilt_db", "treble_cut_db"):
            value = getattr(self, name)
            if not 0 <= value <= 60:
                raise SpecError(f"{name} must be from 0 to 60. Received: {value}.")
        for name in ("quiet_factor", "range_factor", "contrast_factor"):
            pair = getattr(self, name)
            if len(pair) != 2 or not 0.1 <= pair[0] <= pair[1] <= 10:
                raise SpecError(
                    f"{name} must be two rising numbers from 0.1 to 10. Received: {list(pair)}."
                )

    @property
    def active(self) -> bool:
        """Whether anything is drawn at all."""
        return self != RowAugmentation()


def colour(
    rows: NDArray[np.int16], spec: RowAugmentation, fe: FrontEnd, rng: np.random.Generator
) -> NDArray[np.int16]:
    """Change the level and the spectrum of each clip by what is drawn for it.

    Args:
        rows: (n, frames, fe.mels) int16 from `log_rows`.
        spec: what to draw.
        fe: the front-end the rows are of.
        rng: random numbers; equal states give equal results.

    Returns:
        A new array of the same shape and type.
    """
    count, frames, bands = rows.shape
    if not count or not spec.active:
        return rows.copy()
    x = rows.astype(np.float32)
    level = x.max(axis=2, keepdims=True)
    x += (_factors(rng, spec.quiet_factor, count) - 1) * (level - level.max(axis=1, keepdims=True))
    peak = x.max(axis=(1, 2), keepdims=True)
    x = peak - (peak - x) * _factors(rng, spec.range_factor, count)
    contrast = _factors(rng, spec.contrast_factor, count)
    if spec.contrast_factor != (1.0, 1.0):
        smooth = _smooth(x)
        x = smooth + (x - smooth) * contrast
    x += _curves(rng, spec.level_curve_db, _LEVEL_POINTS, count, frames)[:, :, None]
    response = _curves(rng, spec.equaliser_db, _EQUALISER_POINTS, count, bands)
    response += _slopes(rng, spec, fe, count)
    x += response[:, None, :]
    return np.clip(np.rint(x), -32768, 32767).astype(np.int16)


def _factors(rng: np.random.Generator, limits: tuple[float, float], count: int) -> Rows:
    """One factor for each clip, (count, 1, 1)."""
    low, high = np.log(limits)
    return np.exp(rng.uniform(low, high, (count, 1, 1))).astype(np.float32)


def _curves(
    rng: np.random.Generator, deviation_db: float, points: int, count: int, length: int
) -> Rows:
    """Lines through random points, in row units, (count, length)."""
    knots = rng.normal(0.0, deviation_db * PER_DB, (count, points))
    at = np.linspace(0, points - 1, length)
    left = np.minimum(at.astype(np.int64), points - 2)
    share = at - left
    return (knots[:, left] * (1 - share) + knots[:, left + 1] * share).astype(np.float32)


def _slopes(
    rng: np.random.Generator, spec: RowAugmentation, fe: FrontEnd, count: int
) -> NDArray[np.float32]:
    """Tilt about 1 kHz and treble cut, in row units, (count, bands)."""
    hertz = mel_points(fe)[1:-1]
    octaves = np.log2(np.maximum(hertz, _TILT_FROM_HZ) / 1000)
    tilt = rng.normal(0.0, spec.tilt_db, (count, 1)) * octaves
    top = hertz[-1]
    corner = rng.uniform(top / 2, top, (count, 1))
    loss = rng.uniform(0.0, spec.treble_cut_db, (count, 1))
    # A corner at the very top would be a cliff of one band; 1/40 of the range keeps it a slope.
    cut = loss * np.maximum(0.0, hertz - corner) / (top - corner + top / 40)
    return np.asarray((tilt - cut) * PER_DB, np.float32)


def _smooth(x: Rows) -> Rows:
    """Mean over neighbouring bands, the outermost repeated at the edges; same shape."""
    half, bands = _NEIGHBOURS // 2, x.shape[2]
    padded = np.pad(x, ((0, 0), (0, 0), (half, half)), mode="edge")
    total = padded[:, :, :bands].copy()
    for shift in range(1, _NEIGHBOURS):
        total += padded[:, :, shift : shift + bands]
    return total / np.float32(_NEIGHBOURS)
