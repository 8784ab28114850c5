"""Integer tables of the front-end, made once from its parameters with float64 NumPy.

Every table is an exact integer array; a difference of one in any of them is a different front-end,
and shows in `FrontEnd.hash()`. Values are rounded to the nearest integer, far (checked for the
common parameters) from the ties that a different libm could break differently.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError

if TYPE_CHECKING:
    from convert.frontend import FrontEnd

POINTS = 256
"""Points of the complex FFT that a 512-point real FFT is made of."""
ROW_BITS = 9
"""Rows are log2 of the mel power in Q9: 512 steps are a factor of two, 3.01 dB."""
LOG_BITS = 15
"""Fraction bits of the logarithm before the last rounding."""
LOG_SEGMENTS = 32
WEIGHT_BITS = 12
"""Mel weights are Q12, 0 to 4096."""
MANTISSA_BITS = 13
"""Spectrum values are shifted, per mel segment, to at most this many magnitude bits."""
LOW_BITS = 14
"""Sums of weight times power drop this many bits."""
MAX_SEGMENT = 63
"""Bins between two neighbouring mel points; more would overflow 32-bit sums."""
ROW_MIN = -4096
"""Rows are never lower: 2**-8 of one int16 step squared, far below the noise of 16-bit samples."""
DCT_BITS = 14
LEVEL_STEPS = 255
"""Steps of the int8 range: 127 down to -128."""


@dataclass(frozen=True, eq=False)
class Tables:
    """Integer tables; arrays are read-only.

    Attributes:
        window: (window,) int16, Q15 periodic Hann.
        input_shift: bits dropped from sample * window; 15 - input_shift fraction bits remain.
        twiddle: (64, 3, 2) int16, Q15: (cos, sin) of 2 pi j m / 256 for j = 0..63, m = 1..3
            (row 0 is not used: those factors are 1).
        split: (128, 2) int16, Q15: (cos, sin) of 2 pi k / 512 (row 0 is not used).
        reverse: (64,) uint8: i with its three base-4 digits reversed.
        edge: (mels + 2,) uint16: bins edge[k] to edge[k + 1] - 1 lie from mel point k to k + 1.
        weight: (edge[-1] - edge[0],) uint16, Q12: rising weight of each bin; its falling weight
            in the band below is 4096 minus this.
        offset: (mels,) int32, Q15: log2 of the band's gain and of all scaling before the logarithm.
        log: (33,) uint16, Q15: log2(1 + i / 32).
        peak_min: lowest peak that a window is taken to have, in row units (Q9).
        range_rows: range_db in row units (Q9).
        level: Q16 factor: 255 / range_rows.
        dct: (coefficients, mels) int16, Q14 orthonormal DCT-II; no rows for "log_mel".
        dct_scale: (coefficients,) int32, Q16: int8 steps per row unit of each coefficient.
    """

    window: NDArray[np.int16]
    input_shift: int
    twiddle: NDArray[np.int16]
    split: NDArray[np.int16]
    reverse: NDArray[np.uint8]
    edge: NDArray[np.uint16]
    weight: NDArray[np.uint16]
    offset: NDArray[np.int32]
    log: NDArray[np.uint16]
    peak_min: int
    range_rows: int
    level: int
    dct: NDArray[np.int16]
    dct_scale: NDArray[np.int32]

    def fingerprint(self) -> bytes:
        """sha256 over the little-endian bytes of all tables, with their names and shapes."""
        digest = hashlib.sha256()
        for field in fields(self):
            value = np.asarray(getattr(self, field.name))
            if value.ndim == 0:
                value = value.astype(np.int64)
            digest.update(f"{field.name} {value.dtype.str} {value.shape} ".encode())
            digest.update(value.astype(value.dtype.newbyteorder("<")).tobytes())
        return digest.digest()


def hz_to_mel(hz: float, scale: str) -> float:
    """Mel of a frequency, as librosa.hz_to_mel.

    Source: HTK book, 2595 log10(1 + f / 700); M. Slaney, Auditory Toolbox (1998), linear (200/3 Hz
    per mel) up to 1 kHz, then 27 steps per factor 6.4.
    """
    if scale == "htk":
        return 2595.0 * math.log10(1.0 + hz / 700.0)
    if hz < 1000.0:
        return hz * 3.0 / 200.0
    return 15.0 + math.log(hz / 1000.0) * 27.0 / math.log(6.4)


def mel_to_hz(mel: float, scale: str) -> float:
    """The inverse of `hz_to_mel`."""
    if scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    if mel < 15.0:
        return mel * 200.0 / 3.0
    return 1000.0 * math.exp((mel - 15.0) * math.log(6.4) / 27.0)


def mel_points(fe: FrontEnd) -> NDArray[np.float64]:
    """(mels + 2,) Hz: equal steps in mel from low_hz to high_hz; band k peaks at point k + 1."""
    mels = np.linspace(
        hz_to_mel(fe.low_hz, fe.mel_scale), hz_to_mel(fe.high_hz, fe.mel_scale), fe.mels + 2
    )
    return np.array([mel_to_hz(float(mel), fe.mel_scale) for mel in mels])


@lru_cache(maxsize=64)
def tables(fe: FrontEnd) -> Tables:
    """All integer tables of a front-end.

    Raises:
        SpecError: a mel band has no FFT bin, or too many.
    """
    window = np.hanning(fe.window + 1)[:-1]
    window_q = np.minimum(_round(window * 32768.0), 32767)
    # No sum of the FFT can exceed the window's sum at full scale; the FFT halves three times.
    input_shift = 4
    while int(window_q.sum()) * 32768 >> (input_shift + 3) > 2**31 - 2**20:
        input_shift += 1

    j, m = np.arange(64)[:, None], np.arange(1, 4)
    twiddle = _turn(2.0 * np.pi * j * m / 256.0)
    split = _turn(2.0 * np.pi * np.arange(128) / 512.0)
    i = np.arange(64)
    reverse = (i % 4) * 16 + (i // 4 % 4) * 4 + i // 16

    edge, weight, gain = _mel(fe)
    # A spectrum value is the true one times 2**(15 - input_shift - 3); a band sum carries
    # its square and 2**(WEIGHT_BITS - LOW_BITS).
    scaling = 2 * (15 - input_shift - 3) + WEIGHT_BITS - LOW_BITS
    offset = _round((np.log2(gain) - scaling) * 2**LOG_BITS)
    log = _round(np.log2(1.0 + np.arange(LOG_SEGMENTS + 1) / LOG_SEGMENTS) * 2**LOG_BITS)

    per_db = 2**ROW_BITS / (10.0 * math.log10(2.0))
    sine = (32768.0 * float(window.sum()) / 2.0) ** 2 * float(gain.max())
    peak_min = round(2**ROW_BITS * math.log2(sine) + fe.silence_db * per_db)
    range_rows = round(fe.range_db * per_db)
    level = round(LEVEL_STEPS * 65536 / range_rows)

    dct, dct_scale = _dct(fe, range_rows)
    return Tables(
        window=_array(window_q, np.int16),
        input_shift=input_shift,
        twiddle=_array(twiddle, np.int16),
        split=_array(split, np.int16),
        reverse=_array(reverse, np.uint8),
        edge=_array(edge, np.uint16),
        weight=_array(weight, np.uint16),
        offset=_array(offset, np.int32),
        log=_array(log, np.uint16),
        peak_min=peak_min,
        range_rows=range_rows,
        level=level,
        dct=_array(dct, np.int16),
        dct_scale=_array(dct_scale, np.int32),
    )


def _mel(
    fe: FrontEnd,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Segment edges (bins), rising weights Q12, and the gain of each band."""
    points = mel_points(fe)
    bin_hz = fe.sample_rate / fe.fft
    bins = np.arange(1, POINTS) * bin_hz  # 0 Hz and 8 kHz have no weight in any band
    edge = np.searchsorted(bins, points, side="left") + 1
    counts = np.diff(edge)
    if counts.max() > MAX_SEGMENT:
        raise SpecError(
            f"Mel bands must be narrower than {MAX_SEGMENT * bin_hz:.0f} Hz on either side. "
            f"Received: mels = {fe.mels} from {fe.low_hz:g} to {fe.high_hz:g} Hz. Use more bands."
        )
    segment = np.repeat(np.arange(fe.mels + 1), counts)
    hz = bins[edge[0] - 1 : edge[-1] - 1]
    rising = (hz - points[segment]) / (points[segment + 1] - points[segment])
    weight = _round(np.clip(rising, 0.0, 1.0) * 2**WEIGHT_BITS)
    total = np.zeros(fe.mels + 2, dtype=np.int64)
    np.add.at(total, segment + 1, weight)
    np.add.at(total, segment, 2**WEIGHT_BITS - weight)
    empty = np.flatnonzero(total[1:-1] == 0)
    if empty.size:
        raise SpecError(
            f"Every mel band must hold an FFT bin ({bin_hz:g} Hz apart). Received: mels = "
            f"{fe.mels} from {fe.low_hz:g} to {fe.high_hz:g} Hz; band {empty[0]} is empty. "
            "Use fewer bands or a wider range."
        )
    gain = 2.0 / (points[2:] - points[:-2]) if fe.mel_norm == "slaney" else np.ones(fe.mels)
    return edge, weight, gain


def _dct(fe: FrontEnd, range_rows: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Orthonormal DCT-II in Q14, and the factor that brings each coefficient to int8."""
    count = fe.coefficients if fe.kind == "mfcc" else 0
    k, n = np.arange(count)[:, None], np.arange(fe.mels)
    dct = np.cos(np.pi * k * (2 * n + 1) / (2 * fe.mels)) * math.sqrt(2.0 / fe.mels)
    dct[:1] /= math.sqrt(2.0)
    # Full int8 range for the 0th; the others shrink as 1 / (1 + k / 4) on speech.
    span = math.sqrt(fe.mels) * range_rows / 2.0
    spread = span / np.where(k[:, 0] == 0, 1.0, 1.0 + k[:, 0] / 4.0)
    return _round(dct * 2**DCT_BITS), _round(127.5 / spread * 65536.0)


def _turn(angle: NDArray[np.floating]) -> NDArray[np.int64]:
    both = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.minimum(_round(both * 32768.0), 32767)


def _round(values: NDArray[np.floating]) -> NDArray[np.int64]:
    return np.floor(values + 0.5).astype(np.int64)


def _array(values: NDArray[np.int64], dtype: type[np.generic]) -> NDArray[Any]:
    result = values.astype(dtype)
    assert np.array_equal(result, values), "a table overflows its type"
    result.setflags(write=False)
    return result
