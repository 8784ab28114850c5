"""Inputs for the front-end's tests: extreme signals, a golden clip, speech."""

from __future__ import annotations

import csv
import os
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parent.parent
RATE = 16000
Clips = NDArray[np.int16]


def speech_root() -> Path | None:
    """Folder with real speech (see docs), or None."""
    root = Path(os.environ.get("WAKESMITH_SPEECH", ROOT.parent / "shared" / "speech"))
    return root if (root / "arabic-commands" / "index.csv").is_file() else None


@lru_cache(maxsize=4)
def speech_clips(count: int) -> Clips:
    """(count, 16000): real speech at 16 kHz, synthetic vowels and hisses when there is none."""
    root = speech_root()
    if root is None:
        return synthetic_clips(count)
    import soundfile
    import soxr

    paths: list[Path] = []
    for name in ("arabic-commands", "fsdd"):
        with (root / name / "index.csv").open(encoding="utf-8") as file:
            listed = [root / name / row["path"] for row in csv.DictReader(file)]
        paths += listed[:: max(1, len(listed) // (count // 2))][: count // 2]
    clips = np.zeros((len(paths), RATE), dtype=np.int16)
    for clip, path in zip(clips, paths, strict=True):
        pcm, rate = soundfile.read(path, dtype="float64")
        pcm = pcm if rate == RATE else soxr.resample(pcm, rate, RATE)
        pcm = np.clip(np.rint(pcm[:RATE] * 32768.0), -32768, 32767)
        clip[: pcm.size] = pcm.astype(np.int16)
    return clips


def synthetic_clips(count: int) -> Clips:
    """(count, 16000): gliding harmonics with formants, then hiss, over faint noise."""
    rng = np.random.default_rng(count)
    time = np.arange(RATE) / RATE
    clips = np.empty((count, RATE), dtype=np.int16)
    for clip in clips:
        pitch = rng.uniform(90, 250) * (1 + 0.1 * np.sin(2 * np.pi * rng.uniform(1, 3) * time))
        phase = 2 * np.pi * np.cumsum(pitch) / RATE
        voice = np.zeros(RATE)
        formants = rng.uniform([300, 900, 2200], [800, 2000, 3000])
        for k in range(1, int(7800 / pitch.max())):
            gain = sum(1 / (1 + ((k * pitch.mean() - f) / 120) ** 2) for f in formants)
            voice += gain / k**0.5 * np.sin(k * phase)
        envelope = np.clip(np.sin(2 * np.pi * (time - 0.15) / 1.2), 0, None)
        hiss = np.diff(rng.standard_normal(RATE + 1)) * np.exp(-(((time - 0.75) / 0.06) ** 2))
        signal = voice * envelope / np.abs(voice).max() + 0.1 * hiss
        level = 10 ** rng.uniform(2.5, 4.3)
        clip[:] = np.clip(level * signal + rng.standard_normal(RATE) * 5, -32768, 32767)
    return clips


def extreme_clips(samples: int = RATE) -> dict[str, Clips]:
    """Name -> (samples,): what breaks fixed-point arithmetic first."""
    rng = np.random.default_rng(7)
    n = np.arange(samples)
    loud = np.array([-32768, 32767])
    square = {
        f"square with half a period of {half}": loud[(n // half) % 2]
        for half in (1, 2, 3, 4, 5, 8, 16, 37, 100, 512, 1000)
    }
    # Full scale with the signs of a bin's own cosine drive that bin to its largest value.
    resonant = {
        f"signs of bin {k}": np.where(np.cos(2 * np.pi * k * n / 512 + 0.3) >= 0, 32767, -32768)
        for k in (1, 2, 63, 64, 65, 127, 128, 129, 200, 254, 255)
    }
    single = np.zeros((3, samples))
    single[0, min(400, samples - 1)] = 32767
    single[1, ::320] = -32768
    single[2, ::7] = 1
    clips = {
        **square,
        **resonant,
        "silence": np.zeros(samples),
        "highest level": np.full(samples, 32767),
        "lowest level": np.full(samples, -32768),
        "small direct current": np.full(samples, 5),
        "alternating -32768 and 32767": loud[n % 2],
        "alternating -32768 and 0": np.where(n % 2, -32768, 0),
        "one impulse": single[0],
        "an impulse per hop": single[1],
        "faint impulses": single[2],
        "white noise": rng.integers(-32768, 32768, samples),
        "random signs": rng.choice(loud, samples),
        "noise of one step": rng.integers(-1, 2, samples),
        "noise of four steps": rng.integers(-4, 5, samples),
        "noise that rises from nothing": rng.standard_normal(samples)
        * np.exp(np.linspace(-2, np.log(9000), samples)),
        "full-scale sine": 32767 * np.sin(2 * np.pi * 1000 * n / RATE),
    }
    return {
        name: np.clip(np.rint(clip), -32768, 32767).astype(np.int16) for name, clip in clips.items()
    }


def golden_clip() -> Clips:
    """(2880,): nine hops from integers alone: a generator whose level falls, then a square wave."""
    state, clip = 1, np.zeros(2880, dtype=np.int16)
    for n in range(clip.size):
        state = (state * 1664525 + 1013904223) % 2**32
        noise = (state >> 16) - 32768
        clip[n] = noise >> (n // 320) if n < 2240 else (12000 if n // 18 % 2 else -12000)
    return clip
