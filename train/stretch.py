"""Speed and pitch of single clips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def read_at(x: NDArray[np.float32], speed: float) -> NDArray[np.float32]:
    """Read a clip `speed` times as fast about its middle; zeros where it has ended.

    Four-point cubic interpolation (Catmull-Rom). Content above the new Nyquist frequency would
    fold at the few per cent this is used for; speech has next to nothing there.

    Args:
        x: shape (samples,).
        speed: factor; above 1 is faster and higher.

    Returns:
        float32, shape (samples,).
    """
    middle = (x.size - 1) / 2
    t = middle + (np.arange(x.size) - middle) * speed
    inside = (t >= 0) & (t <= x.size - 1)
    t = np.clip(t, 0, x.size - 1)
    index = t.astype(np.int64)
    f = (t - index).astype(np.float32)
    padded = np.concatenate((x[:1], x, x[-1:], x[-1:]))
    a, b, c, d = (padded[index + k] for k in range(4))
    y = b + 0.5 * f * (c - a + f * (2 * a - 5 * b + 4 * c - d + f * (3 * (b - c) + d - a)))
    return np.asarray(y * inside, np.float32)


def shift_pitch(x: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Raise the pitch by `factor` and keep the tempo: stretch by it, then read faster by it.

    Args:
        x: shape (samples,).
        factor: 2 is an octave up.

    Returns:
        float32, shape (samples,).
    """
    longer = stretch(x, factor)
    t = np.arange(x.size) * factor
    return np.interp(t, np.arange(longer.size), longer, right=0.0).astype(np.float32)


def stretch(x: NDArray[np.float32], factor: float, size: int = 512) -> NDArray[np.float32]:
    """Make a clip `factor` times as long at the same pitch: a phase vocoder.

    After Flanagan and Golden (1966). Frames of `size` samples, Hann window, three quarters overlap;
    between analysis frames the magnitude is interpolated and the phase advances by
    the measured instantaneous frequency.

    Args:
        x: shape (samples,).
        factor: 1.1 is 10 % longer.
        size: frame length.

    Returns:
        float32, shape (round(samples * factor),).
    """
    hop = size // 4
    window = np.hanning(size + 1)[:-1].astype(np.float32)
    padded = np.pad(x, (size, 2 * size))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * window
    spectrum = np.fft.rfft(frames)
    wanted = round(x.size * factor)
    steps = np.arange(0, len(spectrum) - 1, 1 / factor)
    index = steps.astype(np.int64)
    share = (steps - index)[:, None]
    magnitude = np.abs(spectrum)
    phase = np.angle(spectrum)
    mixed = magnitude[index] * (1 - share) + magnitude[index + 1] * share
    expected = 2 * np.pi * hop * np.arange(size // 2 + 1) / size
    advance = phase[index + 1] - phase[index] - expected
    advance = expected + advance - 2 * np.pi * np.round(advance / (2 * np.pi))
    running = phase[0] + np.concatenate((np.zeros((1, size // 2 + 1)), np.cumsum(advance, 0)[:-1]))
    pieces = np.fft.irfft(mixed * np.exp(1j * running), size) * window
    out = np.zeros(len(pieces) * hop + size)
    for quarter in range(4):  # frames four apart do not overlap, so each quarter is one addition
        block = pieces[quarter::4]
        at = quarter * hop
        out[at : at + block.size] += block.reshape(-1)[: out.size - at]
    start = round(size * factor)
    return np.asarray(out[start : start + wanted] / 1.5, np.float32)
