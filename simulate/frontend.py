"""The definition of the front-end's bits, in NumPy integers; firmware/frontend equals it exactly.

Vectorised over clips and frames. Inside, arrays are (points, frames): the frames of many clips are
the fast axis, so every NumPy operation runs over contiguous memory. docs/SPEC.md, "Front-end",
gives each formula.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.frontend_tables import (
    DCT_BITS,
    LOG_BITS,
    LOW_BITS,
    MANTISSA_BITS,
    POINTS,
    ROW_BITS,
    ROW_MIN,
    WEIGHT_BITS,
    Tables,
    tables,
)

_CHUNK = 256  # frames computed at once; 256 points x 256 frames of int32 stay in cache

Int32 = NDArray[np.int32]


def features(clips: NDArray[np.int16], fe: FrontEnd) -> NDArray[np.int8]:
    """Features of whole clips, each normalised over all its frames.

    Args:
        clips: (n, samples) int16 at 16 kHz.
        fe: the front-end.

    Returns:
        (n, fe.frames(samples), fe.width) int8; the real value is q / 64.

    Raises:
        SpecError: the clips have another shape or type, or are shorter than a window.
    """
    return normalise(log_rows(clips, fe), fe)


def log_rows(clips: NDArray[np.int16], fe: FrontEnd) -> NDArray[np.int16]:
    """Log-mel rows before the level normalisation.

    Args:
        clips: (n, samples) int16 at 16 kHz.
        fe: the front-end; "mfcc" has the same log-mel rows, its DCT follows the normalisation.

    Returns:
        (n, fe.frames(samples), fe.mels) int16, log2 of the mel power of the samples in Q9.

    Raises:
        SpecError: the clips have another shape or type, or are shorter than a window.
    """
    count = check_clips(clips, fe)
    views = np.lib.stride_tricks.sliding_window_view(clips, fe.window, axis=1)[:, :: fe.hop]
    rows = np.empty((clips.shape[0], count, fe.mels), dtype=np.int16)
    step = max(1, _CHUNK // count)
    for start in range(0, clips.shape[0], step):
        part = views[start : start + step]
        flat = part.reshape(-1, fe.window)
        rows[start : start + step] = _rows(flat.T, tables(fe)).T.reshape(-1, count, fe.mels)
    return rows


def normalise(rows: NDArray[np.int16], fe: FrontEnd) -> NDArray[np.int8]:
    """The final step: rows of a window to int8, the window's peak at the top.

    Args:
        rows: (..., frames, fe.mels) int16 from `log_rows`; the last two axes are one window.
        fe: the front-end.

    Returns:
        (..., frames, fe.width) int8.
    """
    t = tables(fe)
    rows32 = np.asarray(rows).astype(np.int32)
    peak = np.maximum(rows32.max(axis=(-2, -1), keepdims=True), t.peak_min)
    drop = np.minimum(peak - rows32, t.range_rows)
    if fe.kind == "log_mel":
        return np.maximum(127 - ((drop * t.level + 0x8000) >> 16), -128).astype(np.int8)
    centred = t.range_rows // 2 - drop
    half = 1 << (DCT_BITS - 1)
    sums = (np.matmul(centred, t.dct.T.astype(np.int32)) + half) >> DCT_BITS
    return np.clip((sums * t.dct_scale + 0x8000) >> 16, -128, 127).astype(np.int8)


def check_clips(clips: NDArray[np.int16], fe: FrontEnd) -> int:
    """Frames of each clip.

    Raises:
        SpecError: the clips are not int16 of shape (n, samples), or are shorter than a window.
    """
    if not isinstance(clips, np.ndarray) or clips.dtype != np.int16 or clips.ndim != 2:
        found = f"{getattr(clips, 'dtype', type(clips).__name__)} {np.shape(clips)}"
        raise SpecError(f"Clips must be an int16 array of shape (n, samples). Received: {found}.")
    count = fe.frames(clips.shape[1])
    if count == 0:
        raise SpecError(
            f"Clips must have at least {fe.window} samples. Received: {clips.shape[1]}."
        )
    return count


class ReferenceFrontEnd:
    """The definition behind the interface of all back ends (`simulate.backend.FeatureBackend`)."""

    name = "reference"

    def __init__(self, fe: FrontEnd) -> None:
        self.fe = fe

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        """As the module's `features`."""
        return features(clips, self.fe)


class HopFrontEnd:
    """The same rows, one hop at a time, as the firmware computes them."""

    def __init__(self, fe: FrontEnd) -> None:
        self.fe = fe
        self._kept = np.zeros(0, dtype=np.int16)

    def push(self, hop: NDArray[np.int16]) -> NDArray[np.int16] | None:
        """Take the next `fe.hop` samples; a int16 row (fe.mels,) once a window is full."""
        if hop.shape != (self.fe.hop,) or hop.dtype != np.int16:
            raise SpecError(
                f"A hop must be int16 of shape ({self.fe.hop},). Received: {hop.dtype} {hop.shape}."
            )
        self._kept = np.concatenate([self._kept, hop])
        if self._kept.size < self.fe.window:
            return None
        row = log_rows(self._kept[None, : self.fe.window], self.fe)[0, 0]
        self._kept = self._kept[self.fe.hop :]
        return row


def _rows(samples: NDArray[np.int16], t: Tables) -> NDArray[np.int16]:
    """(window, frames) int16 -> (mels, frames) int16."""
    re, im = _spectrum(samples, t)
    return _log(_mel(re, im, t), t)


def _mulw(a: Int32, w: NDArray[np.int16]) -> Int32:
    """floor(a * w / 65536): with w in Q15, half the product."""
    product = a * w.astype(np.int64)
    product >>= 16
    return product.astype(np.int32)


def _spectrum(samples: NDArray[np.int16], t: Tables) -> tuple[Int32, Int32]:
    """Bins 1 to 255 of the windowed samples: two (255, frames) int32, the true value times 2**e.

    e = 15 - input_shift - 3. Radix-4 decimation in time; all but the first stage halve.
    """
    frames = samples.shape[1]
    x = np.zeros((2 * POINTS, frames), dtype=np.int32)
    np.multiply(samples, t.window.astype(np.int32)[:, None], out=x[: samples.shape[0]])
    x >>= t.input_shift
    # Group i of the first stage takes the points reverse[i] + 64 m, m = 0 to 3.
    z = x.reshape(4, 64, 2, frames).swapaxes(0, 1)[t.reverse]
    re = np.ascontiguousarray(z[:, :, 0])[:, :, None]
    im = np.ascontiguousarray(z[:, :, 1])[:, :, None]
    re, im = _butterfly(re, im)
    for span in (4, 16, 64):
        shape = (64 // span, 4, span, frames)
        re, im = re.reshape(shape), im.reshape(shape)
        turned_re, turned_im = re >> 1, im >> 1
        cos, sin = t.twiddle[:: 64 // span].transpose(2, 1, 0)[..., None]  # (3, span, 1) each
        c, s = cos[:, 1:], sin[:, 1:]
        a, b = re[:, 1:, 1:], im[:, 1:, 1:]
        turned_re[:, 1:, 1:] = _mulw(a, c) + _mulw(b, s)
        turned_im[:, 1:, 1:] = _mulw(b, c) - _mulw(a, s)
        re, im = _butterfly(turned_re, turned_im)
    re, im = re.reshape(POINTS, frames), im.reshape(POINTS, frames)
    return _split(re, im, t)


def _butterfly(re: Int32, im: Int32) -> tuple[Int32, Int32]:
    """Radix-4 butterfly over axis 1 of (groups, 4, span, frames)."""
    out_re, out_im = np.empty_like(re), np.empty_like(im)
    sum_re, dif_re = re[:, 0] + re[:, 2], re[:, 0] - re[:, 2]
    sum_im, dif_im = im[:, 0] + im[:, 2], im[:, 0] - im[:, 2]
    odd_re, gap_re = re[:, 1] + re[:, 3], re[:, 1] - re[:, 3]
    odd_im, gap_im = im[:, 1] + im[:, 3], im[:, 1] - im[:, 3]
    np.add(sum_re, odd_re, out=out_re[:, 0])
    np.add(sum_im, odd_im, out=out_im[:, 0])
    np.add(dif_re, gap_im, out=out_re[:, 1])
    np.subtract(dif_im, gap_re, out=out_im[:, 1])
    np.subtract(sum_re, odd_re, out=out_re[:, 2])
    np.subtract(sum_im, odd_im, out=out_im[:, 2])
    np.subtract(dif_re, gap_im, out=out_re[:, 3])
    np.add(dif_im, gap_re, out=out_im[:, 3])
    return out_re, out_im


def _split(re: Int32, im: Int32, t: Tables) -> tuple[Int32, Int32]:
    """Complex FFT of the even/odd pairs -> bins 1 to 255 of the real FFT (some conjugated)."""
    out_re, out_im = np.empty_like(re[1:]), np.empty_like(im[1:])
    out_re[127], out_im[127] = re[128], im[128]
    low_re, low_im = re[1:128], im[1:128]
    high_re, high_im = re[:128:-1], im[:128:-1]
    cos, sin = t.split[1:, 0, None], t.split[1:, 1, None]
    half_re, half_im = (low_re + high_re) >> 1, (low_im - high_im) >> 1
    dif_re, dif_im = low_re - high_re, low_im + high_im
    turn_re = _mulw(dif_im, cos) - _mulw(dif_re, sin)
    turn_im = _mulw(dif_re, cos) + _mulw(dif_im, sin)
    out_re[:127], out_im[:127] = half_re + turn_re, half_im - turn_im
    out_re[:127:-1], out_im[:127:-1] = half_re - turn_re, half_im + turn_im
    return out_re, out_im


def _bit_length(values: Int32) -> Int32:
    """Bits of non-negative int32 values; 0 for 0."""
    return np.frexp(values.astype(np.float64))[1].astype(np.int32)


def _mel(re: Int32, im: Int32, t: Tables) -> tuple[NDArray[np.int64], Int32]:
    """Band sums: mantissas below 2**32 and exponents, each (mels, frames)."""
    edge = t.edge.astype(np.int64)
    segments, frames = edge.size - 1, re.shape[1]
    size = (re ^ (re >> 31)) | (im ^ (im >> 31))
    rising = np.zeros((segments, frames), dtype=np.int64)
    falling = np.zeros((segments, frames), dtype=np.int64)
    shifts = np.zeros((segments, frames), dtype=np.int32)
    for k in range(segments):
        start, stop = int(edge[k]) - 1, int(edge[k + 1]) - 1
        if start == stop:
            continue
        largest = np.bitwise_or.reduce(size[start:stop], axis=0)
        shift = np.maximum(_bit_length(largest) - MANTISSA_BITS, 0)
        a, b = re[start:stop] >> shift, im[start:stop] >> shift
        power = (a * a + b * b).astype(np.int64)
        weight = t.weight[start - int(edge[0]) + 1 :][: stop - start].astype(np.int64)
        up = np.einsum("b,bf->f", weight, power)
        down = (power.sum(axis=0) << WEIGHT_BITS) - up
        rising[k], falling[k], shifts[k] = up >> LOW_BITS, down >> LOW_BITS, shift
    # Band k rises over segment k and falls over segment k + 1.
    high = np.maximum(shifts[:-1], shifts[1:])
    total = (rising[:-1] >> np.minimum(2 * (high - shifts[:-1]), 31)) + (
        falling[1:] >> np.minimum(2 * (high - shifts[1:]), 31)
    )
    return total, high


def _log(bands: tuple[NDArray[np.int64], Int32], t: Tables) -> NDArray[np.int16]:
    """log2 of mantissa * 4**exponent in Q9, rounded, at least ROW_MIN."""
    mantissa, exponent = bands
    bits = np.frexp(mantissa.astype(np.float64))[1].astype(np.int64)
    normal = mantissa << (32 - bits)  # top bit is bit 31
    index = (normal >> 26) & 31
    fraction = (normal >> 10) & 0xFFFF
    table = t.log.astype(np.int64)
    low = table[index]
    curve = low + (((table[index + 1] - low) * fraction) >> 16)
    whole = (bits - 1 + 2 * exponent.astype(np.int64)) << LOG_BITS
    drop = LOG_BITS - ROW_BITS
    rows = (whole + curve + t.offset[:, None] + (1 << (drop - 1))) >> drop
    return np.maximum(np.where(mantissa == 0, ROW_MIN, rows), ROW_MIN).astype(np.int16)
