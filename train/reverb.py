"""Generated room responses and the telephone band, applied to batches in the frequency domain."""

from __future__ import annotations

import functools

import numpy as np
from numpy.typing import NDArray

from train.audio import SAMPLE_RATE

RESPONSE_SAMPLES = 6_000
_ROOMS = 48


@functools.lru_cache(maxsize=4)
def rooms(seed: int = 0, count: int = _ROOMS) -> NDArray[np.float32]:
    """Room impulse responses: direct sound, a few early reflections, an exponential noisy tail.

    The tail is Gaussian noise under a decay that reaches -60 dB after 0.15 to 0.6 s, low-passed
    more and more with time as air and walls do (Moorer's model of late reverberation). The direct
    sound arrives at sample 0, so that speech is not delayed.

    Returns:
        float32, shape (count, RESPONSE_SAMPLES); each with energy 1.
    """
    rng = np.random.default_rng([seed, 0x4200])
    t = np.arange(RESPONSE_SAMPLES) / SAMPLE_RATE
    result = np.zeros((count, RESPONSE_SAMPLES))
    for row in range(count):
        decay = rng.uniform(0.15, 0.6)
        tail = rng.normal(size=RESPONSE_SAMPLES) * 10 ** (-3 * t / decay)
        smooth = np.convolve(tail, np.ones(4) / 4)[:RESPONSE_SAMPLES]
        mix = np.minimum(1.0, t / decay)
        tail = tail * (1 - mix) + smooth * mix
        tail[: int(0.004 * SAMPLE_RATE)] = 0
        tail *= np.sqrt(10 ** (rng.uniform(-14, 2) / 10) / np.sum(tail**2))
        result[row] = tail
        result[row, 0] += 1.0
        for _ in range(rng.integers(3, 8)):
            at = int(rng.uniform(0.001, 0.03) * SAMPLE_RATE)
            result[row, at] += rng.uniform(0.1, 0.5) * rng.choice((-1, 1))
    result /= np.sqrt(np.sum(result**2, axis=1, keepdims=True))
    return np.asarray(result, np.float32)


def convolve(pcm: NDArray[np.float32], responses: NDArray[np.float32]) -> NDArray[np.float32]:
    """Convolve every clip with its response; the tail after the clip's end is cut off.

    Args:
        pcm: shape (n, samples).
        responses: shape (n, RESPONSE_SAMPLES).

    Returns:
        float32, shape (n, samples).
    """
    samples = pcm.shape[1]
    size = _fast_size(samples + responses.shape[1])
    spectrum = np.fft.rfft(pcm, size) * np.fft.rfft(responses, size)
    return np.asarray(np.fft.irfft(spectrum, size)[:, :samples], np.float32)


def telephone(
    pcm: NDArray[np.float32], low: NDArray[np.float64], high: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Band-limit every clip with fourth-order slopes at its own edges.

    Args:
        pcm: shape (n, samples).
        low: lower -3 dB edges in hertz, shape (n,).
        high: upper edges in hertz, shape (n,).

    Returns:
        float32, shape (n, samples).
    """
    samples = pcm.shape[1]
    size = _fast_size(samples + 512)
    frequency = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)[None, 1:]
    gain = np.zeros((len(pcm), size // 2 + 1), np.float32)
    gain[:, 1:] = 1 / np.sqrt(
        (1 + (low[:, None] / frequency) ** 8) * (1 + (frequency / high[:, None]) ** 16)
    )
    return np.asarray(np.fft.irfft(np.fft.rfft(pcm, size) * gain, size)[:, :samples], np.float32)


def _fast_size(least: int) -> int:
    """The smallest even size of at least `least` whose only factors are 2, 3 and 5."""
    size = least + (least & 1)
    while True:
        rest = size
        for factor in (2, 3, 5):
            while rest % factor == 0:
                rest //= factor
        if rest == 1:
            return size
        size += 2
