"""Clips for tests: real ones where they are, a small synthetic set everywhere."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray


def real_speech() -> Path | None:
    """The folder of real recordings, if this machine has it."""
    here = Path(__file__).resolve().parents[2]
    named = os.environ.get("WAKESMITH_SPEECH")
    for folder in ([Path(named)] if named else []) + [here.parent / "shared" / "speech"]:
        if (folder / "fsdd" / "index.csv").is_file():
            return folder
    return None


def word_like(seed: int, seconds: float = 0.6, rate: int = 16_000) -> NDArray[np.int16]:
    """A decaying chord with a seed of its own; loud enough to be no silence."""
    rng = np.random.default_rng(seed)
    t = np.arange(round(seconds * rate)) / rate
    envelope = np.sin(np.pi * t / seconds) ** 2
    wave = sum(np.sin(2 * np.pi * rng.uniform(150, 3000) * t + rng.random()) for _ in range(4))
    return np.asarray(6000 * envelope * wave, np.int16)


def write_folder(root: Path, words: tuple[str, ...], speakers: int = 10, takes: int = 2) -> Path:
    """One folder per word, files named as `ann_01.wav`."""
    for w, word in enumerate(words):
        (root / word).mkdir(parents=True)
        for speaker in range(speakers):
            for take in range(takes):
                pcm = word_like(w * 10_000 + speaker * 100 + take)
                soundfile.write(root / word / f"speaker{speaker}_{take:02d}.wav", pcm, 16_000)
    return root


def write_index(root: Path, rows: list[tuple[str, str, str]]) -> Path:
    """An index of generated clips: rows of word, speaker, split."""
    root.mkdir(parents=True, exist_ok=True)
    lines = ["path,word,speaker,split"]
    for number, (word, speaker, split) in enumerate(rows):
        soundfile.write(root / f"{number}.flac", word_like(number), 16_000)
        lines.append(f"{number}.flac,{word},{speaker},{split}")
    (root / "index.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
