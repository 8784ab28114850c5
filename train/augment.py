"""Augmentation of speech clips and features, vectorised over batches, without TensorFlow.

`augment_batch` changes clips (int16 → int16), `spec_augment` hides parts of features, `epochs`
makes whole training epochs in background threads. All draw from the given seed only: the number
of threads does not change a bit.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from train import noise, reverb, stretch
from train.audio import SAMPLE_RATE
from train.noise import KINDS, NoiseKind
from train.rows import RowAugmentation
from train.sources.base import resolve

CHUNK = 128
"""Clips that share one random stream in `epochs`."""


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise SpecError(f"{name} must be from {low:g} to {high:g}. Received: {value}.")


def _range(name: str, value: tuple[float, float], low: float, high: float) -> None:
    if len(value) != 2 or not low <= value[0] <= value[1] <= high:
        raise SpecError(
            f"{name} must be two rising numbers from {low:g} to {high:g}. Received: {list(value)}."
        )


@dataclass(frozen=True)
class Augmentation:
    """What is done to training clips; a probability of 0 leaves a step out.

    The defaults are those worth two points on Arabic digits and six on synthetic English ones.

    Attributes:
        shift_ms: largest time shift either way, milliseconds; every clip is shifted.
        speed_probability: chance of a speed change (tempo and pitch together, as a tape does).
        speed_range: factors, drawn uniformly; 1.1 is 10 % faster.
        pitch_probability: chance of a pitch change that keeps the tempo (phase vocoder; slow).
        pitch_semitones: lowest and highest change.
        noise_probability: chance of added noise.
        snr_db: lowest and highest ratio of speech to noise, decibels, drawn uniformly.
        noise_kinds: generated noises to choose from; "babble" is made of the clips themselves.
        noise_folder: folder with the user's own recordings, "" for none.
        noise_folder_share: share of the noises that come from that folder.
        reverb_probability: chance of a generated room response.
        telephone_probability: chance of limiting to telephone bandwidth.
        telephone_low_hz: range of the lower band edge.
        telephone_high_hz: range of the upper band edge.
        gain_db: lowest and highest gain; clips are never driven over full scale.
        time_masks: SpecAugment: number of masks over time.
        time_mask_frames: longest of them, frames.
        band_masks: number of masks over bands.
        band_mask_bands: widest of them, bands.
        rows: level and spectrum of the log-mel rows, which bring synthesised speech nearer to
            recorded speech (`train.rows`); nothing unless given.
    """

    shift_ms: float = 100.0
    speed_probability: float = 0.8
    speed_range: tuple[float, float] = (0.9, 1.1)
    pitch_probability: float = 0.0
    pitch_semitones: tuple[float, float] = (-2.0, 2.0)
    noise_probability: float = 0.7
    snr_db: tuple[float, float] = (0.0, 30.0)
    noise_kinds: tuple[NoiseKind, ...] = KINDS
    noise_folder: str = ""
    noise_folder_share: float = 0.5
    reverb_probability: float = 0.1
    telephone_probability: float = 0.0
    telephone_low_hz: tuple[float, float] = (100.0, 350.0)
    telephone_high_hz: tuple[float, float] = (3000.0, 3800.0)
    gain_db: tuple[float, float] = (-12.0, 6.0)
    time_masks: int = 2
    time_mask_frames: int = 8
    band_masks: int = 1
    band_mask_bands: int = 6
    rows: RowAugmentation = field(default_factory=RowAugmentation)

    def __post_init__(self) -> None:
        for name in ("speed", "pitch", "noise", "reverb", "telephone"):
            _within(f"{name}_probability", getattr(self, f"{name}_probability"), 0, 1)
        _within("noise_folder_share", self.noise_folder_share, 0, 1)
        _within("shift_ms", self.shift_ms, 0, 5000)
        _range("speed_range", self.speed_range, 0.5, 2.0)
        _range("pitch_semitones", self.pitch_semitones, -12, 12)
        _range("snr_db", self.snr_db, -20, 100)
        _range("telephone_low_hz", self.telephone_low_hz, 1, 2000)
        _range("telephone_high_hz", self.telephone_high_hz, 1000, 8000)
        _range("gain_db", self.gain_db, -60, 40)
        for name in ("time_masks", "time_mask_frames", "band_masks", "band_mask_bands"):
            _within(name, getattr(self, name), 0, 100)
        unknown = [kind for kind in self.noise_kinds if kind not in KINDS]
        if unknown:
            raise SpecError(
                f"noise_kinds must be among {', '.join(KINDS)}. Received: {unknown[0]!r}."
            )
        if self.noise_probability and not self.noise_kinds and not self.noise_folder:
            raise SpecError("Noise must have noise_kinds or a noise_folder. Received: neither.")


NONE = Augmentation(
    shift_ms=0,
    speed_probability=0,
    noise_probability=0,
    reverb_probability=0,
    gain_db=(0, 0),
    time_masks=0,
    band_masks=0,
)
"""Augmentation that changes nothing."""


def _generator(rng: np.random.Generator | int) -> np.random.Generator:
    return rng if isinstance(rng, np.random.Generator) else np.random.default_rng(rng)


def augment_batch(
    pcm: NDArray[np.int16],
    spec: Augmentation,
    rng: np.random.Generator | int,
    *,
    base: Path | str = ".",
    speech: NDArray[np.int16] | None = None,
) -> NDArray[np.int16]:
    """Augment a batch of clips, in the order: pitch, speed and shift, room, noise, telephone, gain.

    Args:
        pcm: int16, shape (n, samples), 16 kHz.
        spec: what to do.
        rng: random numbers, or a seed.
        base: folder that a relative `spec.noise_folder` starts from.
        speech: clips that babble is made of; default `pcm`.

    Returns:
        int16, shape (n, samples); a new array.

    Raises:
        SpecError: the noise folder cannot be used.
    """
    rng = _generator(rng)
    count, samples = pcm.shape
    if not count:
        return pcm.copy()
    x = pcm.astype(np.float32)
    if spec.pitch_probability:
        rows = np.flatnonzero(rng.random(count) < spec.pitch_probability)
        steps = rng.uniform(*spec.pitch_semitones, size=rows.size)
        for row, step in zip(rows, steps, strict=True):
            x[row] = stretch.shift_pitch(x[row], 2 ** (step / 12))
    x = _speed_and_shift(x, spec, rng)
    if spec.reverb_probability:
        rows = np.flatnonzero(rng.random(count) < spec.reverb_probability)
        responses = reverb.rooms()
        which = rng.integers(len(responses), size=rows.size)
        if rows.size:
            x[rows] = reverb.convolve(x[rows], responses[which])
    if spec.noise_probability:
        rows = np.flatnonzero(rng.random(count) < spec.noise_probability)
        recordings = (
            noise.load_recordings(resolve(spec.noise_folder, Path(base)))
            if spec.noise_folder
            else None
        )
        added = noise.draw(
            spec.noise_kinds,
            rows.size,
            samples,
            rng,
            speech=pcm if speech is None else speech,
            recordings=recordings,
            recorded_share=spec.noise_folder_share,
        )
        snr = rng.uniform(*spec.snr_db, size=rows.size)
        level = active_rms(x[rows]) * 10 ** (-snr / 20)
        x[rows] += added * level[:, None].astype(np.float32)
    if spec.telephone_probability:
        rows = np.flatnonzero(rng.random(count) < spec.telephone_probability)
        low = rng.uniform(*spec.telephone_low_hz, size=rows.size)
        high = rng.uniform(*spec.telephone_high_hz, size=rows.size)
        if rows.size:
            x[rows] = reverb.telephone(x[rows], low, high)
    gain = 10 ** (rng.uniform(*spec.gain_db, size=count) / 20)
    peak = np.maximum(np.max(np.abs(x), axis=1), 1.0)
    gain = np.minimum(gain, 32767.0 / peak).astype(np.float32)
    return np.clip(np.rint(x * gain[:, None]), -32768, 32767).astype(np.int16)


def active_rms(x: NDArray[np.float32]) -> NDArray[np.float64]:
    """RMS over the 20 ms frames within 20 dB of a clip's loudest frame; at least 1.

    Args:
        x: shape (n, samples).

    Returns:
        float64, shape (n,), in the units of `x`.
    """
    hop = SAMPLE_RATE // 50
    frames = max(1, x.shape[1] // hop)
    width = min(hop, x.shape[1])
    power = np.mean(
        x[:, : frames * hop].reshape(len(x), frames, width) ** 2, axis=2, dtype=np.float64
    )
    active = power >= 0.01 * power.max(axis=1, keepdims=True)
    mean = np.sum(power * active, axis=1) / np.maximum(1, active.sum(axis=1))
    return np.asarray(np.sqrt(np.maximum(mean, 1.0)))


def _speed_and_shift(
    x: NDArray[np.float32], spec: Augmentation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Read every clip at its own speed about its middle, moved by its own shift; zeros outside.

    Whole-sample moves are copies; speeds are four-point cubic (Catmull-Rom) interpolation.
    """
    count, samples = x.shape
    reach = spec.shift_ms * SAMPLE_RATE / 1000
    shift = np.rint(rng.uniform(-reach, reach, size=count)).astype(np.int64)
    fast = rng.random(count) < spec.speed_probability
    speed = np.where(fast, rng.uniform(*spec.speed_range, size=count), 1.0)
    result = np.zeros_like(x)
    for row in range(count):
        move = int(shift[row])
        line = x[row] if speed[row] == 1.0 else stretch.read_at(x[row], float(speed[row]))
        if move >= 0:
            result[row, move:] = line[: samples - move]
        else:
            result[row, :move] = line[-move:]
    return result


def spec_augment(
    features: NDArray[np.int8], spec: Augmentation, rng: np.random.Generator | int
) -> NDArray[np.int8]:
    """SpecAugment (Park et al. 2019): hide stretches of time and bands behind each clip's minimum.

    Args:
        features: int8 (or any type), shape (n, frames, bands).
        spec: number and size of the masks.
        rng: random numbers, or a seed.

    Returns:
        A new array of the same shape and type.
    """
    rng = _generator(rng)
    count, frames, bands = features.shape
    fill = features.min(axis=(1, 2), keepdims=True)
    hide = np.zeros((count, frames, bands), bool)
    for _ in range(spec.time_masks):
        hide |= _mask(rng, count, frames, spec.time_mask_frames)[:, :, None]
    for _ in range(spec.band_masks):
        hide |= _mask(rng, count, bands, spec.band_mask_bands)[:, None, :]
    return np.where(hide, fill, features)


def _mask(rng: np.random.Generator, count: int, length: int, widest: int) -> NDArray[np.bool_]:
    widest = min(widest, length)
    width = rng.integers(0, widest + 1, size=count)
    start = (rng.random(count) * (length - width + 1)).astype(np.int64)
    at = np.arange(length)[None, :]
    return (at >= start[:, None]) & (at < (start + width)[:, None])


def epochs(
    pcm: NDArray[np.int16],
    spec: Augmentation,
    *,
    seed: int,
    count: int,
    start: int = 0,
    workers: int = 0,
    base: Path | str = ".",
    transform: Callable[[NDArray[np.int16]], NDArray[np.generic]] | None = None,
) -> Iterator[NDArray[np.generic]]:
    """Augmented epochs, made ahead of their use in background threads.

    Threads, not processes: NumPy lets go of the interpreter lock in the long calls, nothing is
    copied between processes, and a plain training script needs no `__main__` guard. Epoch e of a
    seed is the same whatever `workers`, `count` and `start`.

    Args:
        pcm: clips, int16, shape (n, samples).
        spec: what to do.
        seed: of everything drawn.
        count: how many epochs.
        start: number of the first one.
        workers: threads; 0 takes one per core, at most 4.
        base: see `augment_batch`.
        transform: applied to each augmented chunk in the same thread (features, say); it may be
            called from several threads at once.

    Yields:
        For each epoch int16 of shape (n, samples), or what `transform` returned, joined; rows are
        in the order of `pcm`.
    """
    threads = workers or min(4, os.cpu_count() or 1)
    chunks = [(i, slice(i, i + CHUNK)) for i in range(0, len(pcm), CHUNK)]

    def work(epoch: int, first: int, rows: slice) -> NDArray[np.generic]:
        rng = np.random.default_rng([seed, epoch, first // CHUNK])
        # Babble of a chunk comes from clips all over the set.
        speech = pcm[np.sort(rng.choice(len(pcm), min(len(pcm), CHUNK), replace=False))]
        out = augment_batch(pcm[rows], spec, rng, base=base, speech=speech)
        return out if transform is None else transform(out)

    with ThreadPoolExecutor(threads, thread_name_prefix="augment") as pool:
        waiting: deque[list[Future[NDArray[np.generic]]]] = deque()
        for epoch in range(start, start + count + 1):
            if epoch < start + count:
                waiting.append([pool.submit(work, epoch, i, rows) for i, rows in chunks])
            if len(waiting) > 1 or (waiting and epoch == start + count):
                try:
                    parts = [future.result() for future in waiting.popleft()]
                    yield np.concatenate(parts) if parts else pcm.copy()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    raise
