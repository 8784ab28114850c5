"""The two classes that are not words of the user's: other words, and no speech at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from convert.errors import SpecError
from train import noise
from train.noise import GENERATED, NoiseKind
from train.sources.base import SPLITS, Item, digest, hashed_splits, resolve

if TYPE_CHECKING:
    from train.dataset import Dataset

_FILLERS = """
about again always animal apple around basket because better bicycle bottle bread bridge brother
butter candle carpet chicken children circle coffee corner dinner doctor early engine evening
family father finger flower garden green hammer happy holiday hotel island jacket kitchen ladder
language letter little market melon minute money morning mother mountain music nothing number
office orange paper people pepper picture pocket potato question rabbit really river school
season second shoulder sister sorry story street summer sunday table teacher thank ticket
tomorrow under village visit water weather window winter wonder yellow yesterday
"""
FILLERS = tuple(_FILLERS.split())
"""Words that synthetic sources say for the unknown class; the user's own words are taken out."""


@dataclass(frozen=True)
class UnknownSpec:
    """A class for words that are not in the list.

    Attributes:
        label: name of the class.
        ratio: its clips per split, as a multiple of an average word's.
        words: other words to take from the sources and to synthesise; none takes every other word
            of the recorded sources and synthesises a built-in list.
    """

    label: str = "unknown"
    ratio: float = 1.0
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 20:
            raise SpecError(
                f"unknown.ratio must be above 0 and at most 20. Received: {self.ratio}."
            )


@dataclass(frozen=True)
class SilenceSpec:
    """A class for clips without speech: noises at many levels, and digital silence.

    Attributes:
        label: name of the class.
        ratio: its clips per split, as a multiple of an average word's.
        folder: folder of background recordings; pieces are cut out of them. Each recording serves
            one split only.
        folder_share: share of the clips that come from the folder, where given.
        kinds: generated noises.
        level_db: lowest and highest level, RMS in decibels of full scale.
    """

    label: str = "silence"
    ratio: float = 1.0
    folder: str = ""
    folder_share: float = 0.5
    kinds: tuple[NoiseKind, ...] = GENERATED
    level_db: tuple[float, float] = (-75.0, -15.0)

    def __post_init__(self) -> None:
        if not 0 < self.ratio <= 20:
            raise SpecError(
                f"silence.ratio must be above 0 and at most 20. Received: {self.ratio}."
            )
        if not 0 <= self.folder_share <= 1:
            raise SpecError(f"silence.folder_share must be 0 to 1. Received: {self.folder_share}.")
        if not self.kinds or any(kind not in GENERATED for kind in self.kinds):
            raise SpecError(
                f"silence.kinds must be among {', '.join(GENERATED)}. Received: {list(self.kinds)}."
            )
        low, high = self.level_db
        if not -100 <= low <= high <= 0:
            raise SpecError(
                f"silence.level_db must be two rising numbers from -100 to 0. "
                f"Received: {[low, high]}."
            )


def filler_words(spec: UnknownSpec, words: Sequence[str]) -> tuple[str, ...]:
    """Words for synthetic sources to say, without the user's."""
    taken = {word.casefold() for word in words}
    return tuple(w for w in (spec.words or FILLERS) if w.casefold() not in taken)


def choose_unknown(
    items: list[Item], words: Sequence[str], spec: UnknownSpec | None, seed: int
) -> list[Item]:
    """Keep the items of `words` and a fixed random choice of the others for the unknown class.

    Per split as many as `spec.ratio` average words have; other words share evenly.

    Raises:
        SpecError: an unknown class is asked for and no source has other words.
    """
    wanted = set(words)
    known = [item for item in items if item.word in wanted]
    if spec is None:
        return known
    others = [i for i in items if i.word not in wanted and (not spec.words or i.word in spec.words)]
    if not others:
        raise SpecError(
            f"The class {spec.label!r} must find other words in the sources. Received: none. Add a "
            "source that has some (a synthetic one can say any)."
        )
    sizes = Counter(item.split for item in known)
    chosen: list[Item] = []
    for split in SPLITS:
        want = round(spec.ratio * sizes[split] / len(words))
        by_word: dict[str, list[Item]] = defaultdict(list)
        for item in others:
            if item.split == split:
                by_word[item.word].append(item)
        for pool in by_word.values():
            pool.sort(key=lambda i: (digest("unknown", seed, i.source, i.name, i.word), i.name))
        turn = sorted(by_word, key=lambda w: digest("unknown word", seed, split, w))
        rounds = [by_word[w][k] for k in range(want) for w in turn if k < len(by_word[w])][:want]
        chosen += rounds
    return known + chosen


def add_silence(data: Dataset, spec: SilenceSpec, base: Path, seed: int) -> Dataset:
    """`data` with clips of the silence class appended to every split that has words."""
    samples = data.pcm.shape[1]
    label = data.classes.index(spec.label)
    split_of: dict[str, str] = {}
    recordings = None
    if spec.folder:
        recordings = noise.load_recordings(resolve(spec.folder, base))
        split_of = dict(hashed_splits(recordings.names, "silence", seed, 0.2, 0.2))
    sizes = Counter(data.split.tolist())
    pieces, names, splits = [], [], []
    classes = max(1, len(data.classes) - 1)
    for number, split in enumerate(SPLITS):
        count = round(spec.ratio * sizes[split] / classes)
        if not count:
            continue
        rng = np.random.default_rng([seed, number, 0x511])
        made = noise.draw(spec.kinds, count, samples, rng, banks=8)
        texts = [f"generated {split} {i}" for i in range(count)]
        files = (
            [i for i, n in enumerate(recordings.names) if split_of[n] == split]
            if recordings
            else []
        )
        if recordings is not None and files:
            for row in np.flatnonzero(rng.random(count) < spec.folder_share):
                file = int(rng.choice(files))
                first, end = recordings.starts[file], recordings.starts[file + 1]
                start = int(rng.integers(max(1, end - first - samples)))
                piece = noise.cut(recordings.pcm[first:end], np.array([start]), samples)[0]
                made[row] = piece / max(1.0, float(np.sqrt(np.mean(piece**2))))
                texts[row] = f"{recordings.names[file]} at {start}"
        level = 32768 * 10 ** (rng.uniform(*spec.level_db, size=count) / 20)
        level[rng.random(count) < 0.05] = 0.0
        pieces.append(np.clip(np.rint(made * level[:, None]), -32768, 32767).astype(np.int16))
        names += texts
        splits += [split] * count
    added = len(names)
    return replace(
        data,
        pcm=np.concatenate([data.pcm, *pieces]),
        labels=np.concatenate([data.labels, np.full(added, label, np.int32)]),
        speakers=data.speakers + tuple(f"silence/{name}" for name in names),
        split=np.concatenate([data.split, np.array(splits, dtype="U5")]),
        sources=data.sources + ("silence",) * added,
        paths=data.paths + tuple(names),
        words=data.words + (spec.label,) * added,
    )
