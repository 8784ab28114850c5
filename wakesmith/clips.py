"""Data sets on disk, the same bytes for the same content."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from train.datasets import Dataset, Rejected
from wakesmith.store import read_json, write_json


def save_dataset(folder: Path, data: Dataset) -> None:
    """Write `pcm.npy` (int16, one row per clip) and `clips.json` (everything else)."""
    np.save(folder / "pcm.npy", data.pcm, allow_pickle=False)
    write_json(
        folder / "clips.json",
        {
            "classes": data.classes,
            "labels": data.labels.tolist(),
            "split": data.split.tolist(),
            "speakers": data.speakers,
            "sources": data.sources,
            "paths": data.paths,
            "words": data.words,
            "rejected": data.rejected,
        },
    )


def load_dataset(folder: Path) -> Dataset:
    """Read what `save_dataset` wrote; the clips stay on disk until they are used."""
    rest = read_json(folder / "clips.json")
    names = {f.name for f in dataclasses.fields(Rejected)}
    return Dataset(
        pcm=np.load(folder / "pcm.npy", mmap_mode="r", allow_pickle=False),
        labels=np.array(rest["labels"], np.int32),
        classes=tuple(rest["classes"]),
        speakers=tuple(rest["speakers"]),
        split=np.array(rest["split"], dtype="U5"),
        sources=tuple(rest["sources"]),
        paths=tuple(rest["paths"]),
        words=tuple(rest["words"]),
        rejected=tuple(
            Rejected(**{k: v for k, v in one.items() if k in names}) for one in rest["rejected"]
        ),
    )
