"""Chosen items to samples: recordings are read, utterances synthesised, bad clips listed."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from train.audio import ClipError, fit_length, read_clip
from train.sources.base import Item, Progress


@dataclass(frozen=True)
class Rejected:
    """A clip that was left out: its source, its name there, why in a word and in a sentence."""

    source: str
    path: str
    reason: str
    detail: str = ""


def read_all(
    items: Sequence[Item], samples: int, workers: int, progress: Progress | None
) -> tuple[NDArray[np.int16], list[int], list[Rejected]]:
    """Read and synthesise.

    Args:
        items: what to read.
        samples: length that every clip is brought to (`train.audio.fit_length`).
        workers: threads and synthesis processes; 0 takes one per core.
        progress: called as `progress(done, total, text)`.

    Returns:
        int16 (good clips, samples), the number of the item of each row, and what was left out.

    Raises:
        UserError: speech synthesis cannot be run.
    """
    total = len(items)
    pcm = np.zeros((total, samples), np.int16)
    bad: dict[int, Rejected] = {}
    files = [i for i, item in enumerate(items) if item.utterance is None]
    spoken = [i for i, item in enumerate(items) if item.utterance is not None]

    def reject(index: int, error: ClipError) -> None:
        item = items[index]
        bad[index] = Rejected(item.source, item.name, error.reason, error.detail)

    def read(index: int) -> ClipError | None:
        path = items[index].path
        assert path is not None
        try:
            pcm[index] = fit_length(read_clip(path).pcm, samples)
        except ClipError as error:
            return error
        return None

    done = 0
    with ThreadPoolExecutor(workers or os.cpu_count() or 1) as pool:
        for index, error in zip(files, pool.map(read, files, chunksize=16), strict=True):
            if error is not None:
                reject(index, error)
            done += 1
            if progress and (done % 64 == 0 or done == total):
                progress(done, total, "reading clips")
    if spoken:
        from train.synthesis import synthesise

        utterances = [items[i].utterance for i in spoken]

        def told(count: int, _: int, text: str) -> None:
            if progress:
                progress(done + count, total, text)

        results = synthesise([u for u in utterances if u is not None], workers, told)
        for index, result in zip(spoken, results, strict=True):
            if isinstance(result, ClipError):
                reject(index, result)
            else:
                pcm[index] = fit_length(result, samples)
    good = [i for i in range(total) if i not in bad]
    if bad:
        pcm = pcm[good]
    return pcm, good, [bad[i] for i in sorted(bad)]


def check_rejected(items: Sequence[Item], rejected: Sequence[Rejected], least: float) -> None:
    """Refuse a source of which less than a share `least` of the clips is usable.

    Raises:
        UserError: with the reasons, counted.
    """
    totals = Counter(item.source for item in items)
    bad = Counter(r.source for r in rejected)
    for source, count in bad.items():
        good = 1 - count / totals[source]
        if good < least or count == totals[source]:
            reasons = Counter(r.reason for r in rejected if r.source == source)
            listed = ", ".join(f"{n} {reason}" for reason, n in reasons.most_common())
            first = next(r for r in rejected if r.source == source)
            raise UserError(
                f"At least {least:.0%} of a source's clips must be usable. Received: {good:.1%} "
                f"of {totals[source]} in {source} ({listed}; the first is {first.path}). "
                "Mend or remove them, or lower min_good_fraction."
            )
