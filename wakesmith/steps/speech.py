"""Collect speech: read and synthesise clips into one data set."""

from __future__ import annotations

import csv
import hashlib
import io
from pathlib import Path
from typing import Any

from convert.errors import UserError
from convert.files import write_text
from train.datasets import Dataset, DataSpec, Rejected, load_spec
from train.sources.base import Context, resolve
from train.sources.folder import FolderSource
from train.sources.index import IndexSource
from wakesmith.clips import save_dataset
from wakesmith.job import Job, file_hash
from wakesmith.store import plain, write_json

REJECTED = "rejected.csv"


def reads(spec: DataSpec, base: Path, seed: int) -> dict[str, Any]:
    """What decides the result: the specification and the content of the user's own files.

    Downloaded sets are pinned by checksums in the code, so their files need not be read.

    Raises:
        SpecError: a folder or file that a source names does not exist or cannot be used.
    """
    files = hashlib.sha256()
    for source in spec.sources:
        if not isinstance(source, (FolderSource, IndexSource)):
            continue
        for item in source.items(Context(words=spec.words, base=base, seed=seed)):
            told = (item.word, item.speaker, item.published, item.name)
            content = file_hash(item.path) if item.path and item.path.is_file() else "missing"
            files.update(repr((*told, content)).encode())
    folder = spec.silence.folder if spec.silence else ""
    return {
        "data": plain(spec),
        "seed": seed,
        "files": files.hexdigest(),
        "silence": folder_hash(resolve(folder, base)) if folder else "",
    }


def _listed(rejected: tuple[Rejected, ...]) -> str:
    """The clips that were left out as CSV, why in a word and in a sentence."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("source", "clip", "reason", "detail"))
    writer.writerows((r.source, r.path, r.reason, r.detail) for r in rejected)
    return text.getvalue()


def folder_hash(folder: Path) -> str:
    """Hash of the names and contents of all files below a folder."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")) if folder.is_dir() else ():
        if path.is_file():
            digest.update(f"{path.relative_to(folder).as_posix()}\0{file_hash(path)}\n".encode())
    return digest.hexdigest()


def _check_splits(data: Dataset) -> None:
    """Say before training, not after it, that a split has no clips.

    Raises:
        UserError: no clips to train on for a class, or none to validate or test with.
    """
    counts = data.counts()
    missing = [name for name, count in counts["train"].items() if not count]
    if missing:
        raise UserError(
            "Every class must have clips to train on. Received: none for "
            f"{', '.join(missing)}, because no speaker who says it is in the training split. "
            "Add speakers, or change assign or the speaker lists."
        )
    for split, name in (("val", "validation"), ("test", "test")):
        if not any(counts[split].values()):
            raise UserError(
                f"There must be {name} clips. Received: none, from {len(set(data.speakers))} "
                f"speakers. Give a source a {name} split ({split}_fraction, {split}_speakers or "
                "assign); three speakers are the least that can be divided."
            )


def run(job: Job, spec: DataSpec, base: Path, seed: int, jobs: int) -> None:
    """Write the data set, `summary.json` with counts, and `rejected.csv` if there are any."""
    data = load_spec(spec, base=base, seed=seed, workers=jobs, progress=job.progress)
    _check_splits(data)
    save_dataset(job.out, data)
    if data.rejected:
        write_text(job.out / REJECTED, _listed(data.rejected))
    write_json(
        job.out / "summary.json",
        {
            "clips": {split: sum(row.values()) for split, row in data.counts().items()},
            "counts": data.counts(),
            "rejected": data.rejected,
            "speakers": len(set(data.speakers)),
            "hash": data.hash(),
        },
    )
