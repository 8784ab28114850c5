"""Noises: generated ones of several kinds, babble from speech, and the user's recordings.

All arrays are float32 in int16 units (full scale is 32768) unless said otherwise. Generated noises
have an RMS of 1; whoever mixes them sets the level.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError
from train.audio import SAMPLE_RATE, ClipError, read_clip

NoiseKind = Literal["white", "pink", "brown", "blue", "hum", "fan", "crackle", "babble"]
GENERATED: tuple[NoiseKind, ...] = ("white", "pink", "brown", "blue", "hum", "fan", "crackle")
KINDS: tuple[NoiseKind, ...] = (*GENERATED, "babble")
_BANK_SECONDS = 16


def generate(kind: NoiseKind, samples: int, seed: int) -> NDArray[np.float32]:
    """One generated noise with an RMS of 1.

    `white`, `pink`, `brown` and `blue` have spectral densities that go as f^0, 1/f, 1/f^2 and f.
    `hum` is mains hum with harmonics and a little hiss, `fan` is band noise with blade tones,
    `crackle` is sparse clicks over quiet pink noise.

    Args:
        kind: one of `GENERATED` (babble needs speech: see `babble`).
        samples: length at 16 kHz.
        seed: equal seeds give equal noise.
    """
    rng = np.random.default_rng([seed, GENERATED.index(kind)])
    if kind in ("white", "pink", "brown", "blue"):
        noise = _coloured(
            rng, samples, {"white": 0.0, "pink": 1.0, "brown": 2.0, "blue": -1.0}[kind]
        )
    elif kind == "hum":
        t = np.arange(samples) / SAMPLE_RATE
        base = 50.0 if rng.random() < 0.5 else 60.0
        noise = 0.15 * _coloured(rng, samples, 1.0)
        for harmonic in range(1, 16):
            level = rng.uniform(0.2, 1.0) / harmonic
            noise += level * np.sin(2 * np.pi * (base * harmonic * t + rng.random()))
    elif kind == "fan":
        t = np.arange(samples) / SAMPLE_RATE
        noise = _coloured(rng, samples, 1.5)
        blade = rng.uniform(60.0, 240.0)
        for harmonic in range(1, 6):
            noise += 0.4 / harmonic * np.sin(2 * np.pi * (blade * harmonic * t + rng.random()))
        noise *= 1 + 0.2 * np.sin(2 * np.pi * (rng.uniform(0.3, 3.0) * t + rng.random()))
    else:
        clicks = (rng.random(samples) < 30.0 / SAMPLE_RATE) * rng.normal(0.0, 20.0, samples)
        decay = np.exp(-np.arange(160) / 25.0) * rng.normal(0.0, 1.0, 160)
        noise = np.convolve(clicks, decay)[:samples] + _coloured(rng, samples, 1.0)
    return _unit(noise)


def _coloured(rng: np.random.Generator, samples: int, slope: float) -> NDArray[np.float64]:
    """Gaussian noise whose power density falls as f^-slope above 20 Hz; RMS 1."""
    spectrum = np.fft.rfft(rng.normal(size=samples))
    frequency = np.fft.rfftfreq(samples, 1 / SAMPLE_RATE)
    spectrum *= np.maximum(frequency, 20.0) ** (-slope / 2) * (frequency > 0)
    noise = np.fft.irfft(spectrum, samples)
    return np.asarray(noise / np.sqrt(np.mean(noise**2) + 1e-30))


def _unit(noise: NDArray[np.floating]) -> NDArray[np.float32]:
    return np.asarray(
        noise / np.sqrt(np.mean(np.square(noise, dtype=np.float64)) + 1e-20), np.float32
    )


@functools.lru_cache(maxsize=64)
def _bank(kind: NoiseKind, seed: int) -> NDArray[np.float32]:
    """`_BANK_SECONDS` of a generated noise, made once; clips cut their pieces out of it."""
    noise = generate(kind, _BANK_SECONDS * SAMPLE_RATE, seed)
    noise.flags.writeable = False
    return noise


@dataclass(frozen=True, eq=False)
class Recordings:
    """The user's noise recordings, joined end to end.

    Attributes:
        pcm: int16, shape (total samples,).
        names: the files in the order of `pcm`.
        starts: first sample of each file, and the total at the end.
        rejected: files that could not be read, with the reason.
    """

    pcm: NDArray[np.int16]
    names: tuple[str, ...]
    starts: tuple[int, ...]
    rejected: tuple[str, ...] = ()


@functools.lru_cache(maxsize=4)
def load_recordings(
    folder: Path, max_seconds: float = 1200.0, total_seconds: float = 7200.0
) -> Recordings:
    """Read the WAV and FLAC files under `folder` in the order of their names.

    Files longer than `max_seconds`, and those after `total_seconds` in all, are listed as left out.

    Raises:
        SpecError: the folder does not exist or holds no usable recording.
    """
    if not folder.is_dir():
        raise SpecError(f"A noise folder must exist. Received: {folder}.")
    files = sorted(p for p in folder.rglob("*") if p.suffix.lower() in (".wav", ".wave", ".flac"))
    pieces, names, rejected = [], [], []
    left = int(total_seconds * SAMPLE_RATE)
    for path in files:
        name = path.relative_to(folder).as_posix()
        if left <= 0:
            rejected.append(f"{name}: over {total_seconds:g} s in all")
            continue
        try:
            pieces.append(read_clip(path, max_seconds=max_seconds, allow_silence=True).pcm)
            names.append(name)
            left -= pieces[-1].size
        except ClipError as error:
            rejected.append(f"{name}: {error.reason}")
    if not pieces:
        raise SpecError(
            f"A noise folder must hold WAV or FLAC recordings. Received: {folder} "
            f"({len(rejected)} unusable files)."
        )
    starts = np.concatenate(([0], np.cumsum([p.size for p in pieces])))
    return Recordings(
        np.concatenate(pieces), tuple(names), tuple(int(s) for s in starts), tuple(rejected)
    )


def cut(noise: NDArray[np.generic], starts: NDArray[np.int64], samples: int) -> NDArray[np.float32]:
    """Pieces of a long noise, wrapping round at its end.

    Args:
        noise: shape (total,).
        starts: shape (n,).
        samples: length of a piece.

    Returns:
        float32, shape (n, samples).
    """
    if noise.size < samples:
        noise = np.tile(noise, -(-samples // noise.size))
    index = (starts[:, None] + np.arange(samples)) % noise.size
    return noise[index].astype(np.float32)


def babble(
    speech: NDArray[np.integer], count: int, rng: np.random.Generator, talkers: int = 6
) -> NDArray[np.float32]:
    """Babble: the sum of several random clips, each rolled by a random amount.

    Args:
        speech: clips, shape (n, samples).
        count: how many babbles.
        rng: random numbers.
        talkers: clips per babble.

    Returns:
        float32, shape (count, samples).
    """
    n, samples = speech.shape
    which = rng.integers(n, size=(count, talkers))
    rolls = rng.integers(samples, size=(count, talkers))
    result = np.zeros((count, samples), np.float32)
    for talker in range(talkers):
        clips = speech[which[:, talker]].astype(np.float32)
        clips /= np.sqrt(np.mean(clips**2, axis=1, keepdims=True)) + 1.0
        for row in range(count):
            at = rolls[row, talker]
            result[row, :at] += clips[row, samples - at :]
            result[row, at:] += clips[row, : samples - at]
    return result


def draw(
    kinds: tuple[NoiseKind, ...],
    count: int,
    samples: int,
    rng: np.random.Generator,
    speech: NDArray[np.integer] | None = None,
    recordings: Recordings | None = None,
    recorded_share: float = 0.5,
    banks: int = 4,
) -> NDArray[np.float32]:
    """Random noise pieces with an RMS of 1.

    Args:
        kinds: generated kinds to choose from; "babble" needs `speech`.
        count: how many pieces.
        samples: their length.
        rng: random numbers.
        speech: clips that babble is made of, shape (n, samples).
        recordings: the user's recordings.
        recorded_share: chance that a piece comes from `recordings`, where given.
        banks: different generated noises of each kind to cut from.

    Returns:
        float32, shape (count, samples).
    """
    usable = tuple(k for k in kinds if k != "babble" or (speech is not None and len(speech) > 1))
    choice = rng.integers(max(1, len(usable)), size=count)
    recorded = rng.random(count) < (recorded_share if usable else 1.0)
    if recordings is None:
        recorded[:] = False
    result = np.zeros((count, samples), np.float32)
    starts = rng.integers(1 << 40, size=count)
    which = rng.integers(banks, size=count)
    for index, kind in enumerate(usable):
        rows = np.flatnonzero((choice == index) & ~recorded)
        if not rows.size:
            continue
        if kind == "babble":
            assert speech is not None
            result[rows] = babble(speech, rows.size, rng)
            continue
        for bank in range(banks):
            some = rows[which[rows] == bank]
            if some.size:
                result[some] = cut(_bank(kind, bank), starts[some], samples)
    if recordings is not None and recorded.any():
        rows = np.flatnonzero(recorded)
        result[rows] = cut(recordings.pcm, starts[rows], samples)
    rms = np.sqrt(np.mean(result**2, axis=1, keepdims=True, dtype=np.float64))
    return np.asarray(result / np.maximum(rms, 1e-3), np.float32)
