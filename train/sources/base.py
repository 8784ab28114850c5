"""What all sources share: items, split assignment, word mapping."""

from __future__ import annotations

import contextlib
import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from convert.errors import SpecError

if TYPE_CHECKING:
    from train.synthesis import Utterance

Split = Literal["train", "val", "test"]
SPLITS: tuple[Split, ...] = ("train", "val", "test")
Assign = Literal["auto", "published", "hashed", "train", "val", "test", "train+val"]
Progress = Callable[[int, int, str], None]
"""`progress(done, total, text)`; called from the thread that loads."""

DROP = "drop"


@dataclass(frozen=True)
class Item:
    """One clip that a source offers, not read yet.

    Attributes:
        word: as the source names it, or after mapping the class it belongs to.
        speaker: name of the voice within the source.
        name: how reports call the clip (a path relative to the source, or the voice's settings).
        path: file to read, or None when `utterance` says what to synthesise.
        utterance: what to synthesise.
        published: split that the source's author gave it, or "".
        split: the split that `assign_splits` gave it, or "" before that.
        source: the source's name; speakers are told apart within one name.
        repeat: how often the clip is in the data set if it is one to train on.
    """

    word: str
    speaker: str
    name: str
    path: Path | None = None
    utterance: Utterance | None = None
    published: str = ""
    split: str = ""
    source: str = ""
    repeat: int = 1


@dataclass(frozen=True)
class Context:
    """What a source may need to list its items.

    Attributes:
        words: the classes wanted, in order.
        other_words: words to offer for the unknown class, for sources that can say anything.
        base: folder that relative paths start from.
        seed: for everything drawn.
        progress: called while something is downloaded.
    """

    words: tuple[str, ...]
    base: Path = field(default_factory=Path)
    seed: int = 0
    other_words: tuple[str, ...] = ()
    progress: Progress | None = None


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """Fields that every source has.

    Attributes:
        name: namespace of the speakers; sources that share one (as two views of the same folder
            should) are checked together. Default: made from the folder's name.
        labels: the source's word → our word, for sources that name them otherwise. Words that do
            not appear keep their name.
        limit_per_word: at most so many clips of a word and split, spread evenly; 0 takes all.
        repeat: how often each training clip is heard in an epoch, each time augmented on its own: a
            few recordings can so be half of a mix with many synthetic clips.
        assign: how clips are divided. `auto`: by the speaker lists if any is given, else as
            published if the source publishes a division, else `hashed`. `published`: as published,
            through `splits`. `hashed`: whole speakers by a hash of their names, `val_fraction` and
            `test_fraction` of them. `train+val`: hashed, without a test part. `train`, `val`,
            `test`: everything there.
        splits: published split → ours: "train", "val", "test", "train+val" (whole speakers, hashed)
            or "drop". Default: the usual names.
        train_speakers: speakers that go to train whatever else is said.
        val_speakers: likewise to val.
        test_speakers: likewise to test. With `auto` and any of the three lists given, the speakers
            in none of them go to train, or are left out when `train_speakers` is given.
        drop_speakers: speakers to leave out.
        val_fraction: share of the speakers (not of the clips) for val where hashed.
        test_fraction: likewise for test.
    """

    name: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    limit_per_word: int = 0
    repeat: int = 1
    assign: Assign = "auto"
    splits: dict[str, str] = field(default_factory=dict)
    train_speakers: tuple[str, ...] = ()
    val_speakers: tuple[str, ...] = ()
    test_speakers: tuple[str, ...] = ()
    drop_speakers: tuple[str, ...] = ()
    val_fraction: float = 0.1
    test_fraction: float = 0.1

    def __post_init__(self) -> None:
        if self.limit_per_word < 0:
            raise SpecError(f"limit_per_word must be 0 or more. Received: {self.limit_per_word}.")
        if not 1 <= self.repeat <= 1000:
            raise SpecError(f"repeat must be from 1 to 1000. Received: {self.repeat}.")
        for what, share in (("val", self.val_fraction), ("test", self.test_fraction)):
            if not 0 <= share < 1:
                raise SpecError(f"{what}_fraction must be from 0 to below 1. Received: {share}.")
        if self.val_fraction + self.test_fraction >= 1:
            raise SpecError(
                "val_fraction and test_fraction together must leave speakers to train on. "
                f"Received: {self.val_fraction} and {self.test_fraction}."
            )
        if self.assign not in ("auto", "published", "hashed", *SPLITS, "train+val"):
            raise SpecError(
                "assign must be auto, published, hashed, train, val, test or train+val. "
                f"Received: {self.assign!r}."
            )
        for key, value in self.splits.items():
            if value not in (*SPLITS, "train+val", DROP):
                raise SpecError(
                    f"splits.{key} must be train, val, test, train+val or drop. "
                    f"Received: {value!r}."
                )
        placed: dict[str, str] = {}
        lists = (self.train_speakers, self.val_speakers, self.test_speakers, self.drop_speakers)
        for split, speakers in zip((*SPLITS, DROP), lists, strict=True):
            for speaker in speakers:
                if placed.setdefault(speaker, split) != split:
                    raise SpecError(
                        "A speaker must be listed for one split only. "
                        f"Received: {speaker!r} for {placed[speaker]} and {split}."
                    )

    @property
    def namespace(self) -> str:
        """`name`, or what stands for it."""
        return self.name or str(getattr(self, "kind", "source"))

    @abstractmethod
    def items(self, context: Context) -> list[Item]:
        """List every clip that the source offers (all its words), unmapped, without reading."""


def resolve(path: str, base: Path) -> Path:
    """A path from a project file: `~` and `$NAME` expanded, relative ones from `base`.

    Raises:
        SpecError: it names a home that does not exist, or cannot be a path.
    """
    try:
        place = base / Path(os.path.expandvars(path)).expanduser()
        with contextlib.suppress(FileNotFoundError, NotADirectoryError, PermissionError):
            place.lstat()
    except (OSError, ValueError, RuntimeError) as error:  # too long; NUL; no such home
        reason = getattr(error, "strerror", None) or str(error).rstrip(".")
        shown = path if len(path) <= 80 else f"{path[:77]}..."
        raise SpecError(f"A path must be usable. Received: {shown!r} ({reason}).") from error
    return place


def digest(*parts: object) -> int:
    """A 64-bit number from the text of `parts`, equal everywhere and always."""
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")


def hashed_splits(
    speakers: Iterable[str], namespace: str, seed: int, val: float, test: float
) -> dict[str, Split]:
    """Divide speakers by the order of their hashes.

    A split with a share above 0 gets at least one speaker as long as train keeps two thirds or
    more of three or more speakers.

    Returns:
        speaker → split.
    """
    ranked = sorted(set(speakers), key=lambda s: (digest("split", seed, namespace, s), s))
    count = len(ranked)

    def share(fraction: float, left: int) -> int:
        if fraction == 0:
            return 0
        wanted = round(fraction * count)
        return max(1, wanted) if left >= 3 else wanted

    tests = min(share(test, count), max(0, count - 1))
    vals = min(share(val, count - tests), max(0, count - tests - 1))
    return {
        speaker: "test" if i < tests else "val" if i < tests + vals else "train"
        for i, speaker in enumerate(ranked)
    }


_USUAL: dict[str, str] = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
    "eval": "test",
}


def assign_splits(source: Source, items: Sequence[Item], seed: int) -> list[Item]:
    """Give every item its split by the rules of `Source`; dropped ones are left out.

    Raises:
        SpecError: a published split is not mapped, or a listed speaker does not exist.
    """
    by_list = dict.fromkeys(source.train_speakers, "train")
    by_list |= dict.fromkeys(source.val_speakers, "val")
    by_list |= dict.fromkeys(source.test_speakers, "test")
    by_list |= dict.fromkeys(source.drop_speakers, DROP)
    known = {item.speaker for item in items}
    missing = sorted(set(by_list) - known)
    if missing and items:
        raise SpecError(
            f"A listed speaker must exist in the source {source.namespace}. "
            f"Received: {missing[0]!r}. Its speakers are: {_some(sorted(known))}."
        )
    mode = source.assign
    if mode == "auto":
        if source.train_speakers or source.val_speakers or source.test_speakers:
            mode = "train"
            if source.train_speakers:
                items = [item for item in items if item.speaker in by_list]
        elif any(item.published for item in items):
            mode = "published"
        else:
            mode = "hashed"

    def first(item: Item) -> str:
        if item.speaker in by_list:
            return by_list[item.speaker]
        if mode != "published":
            return mode
        value = source.splits.get(item.published) or (
            _USUAL.get(item.published.lower(), "") if not source.splits else ""
        )
        if not value:
            raise SpecError(
                "Every published split must be mapped by the source's `splits`. "
                f"Received: {item.published!r} in {source.namespace} (at {item.name}). Map it to "
                'train, val, test, train+val or drop, or set assign = "hashed".'
            )
        return value

    wanted = [first(item) for item in items]
    pools = {
        pool: hashed_splits(
            (i.speaker for i, w in zip(items, wanted, strict=True) if w == pool),
            source.namespace,
            seed,
            source.val_fraction,
            source.test_fraction if pool == "hashed" else 0.0,
        )
        for pool in ("hashed", "train+val")
    }
    result = []
    for item, want in zip(items, wanted, strict=True):
        if want == DROP:
            continue
        split = pools[want][item.speaker] if want in pools else want
        result.append(replace(item, split=split, source=source.namespace))
    return result


def spread(items: list[Item], limit: int) -> list[Item]:
    """At most `limit` items, spread evenly over the list; all of them when `limit` is 0."""
    if limit <= 0 or len(items) <= limit:
        return items
    return [items[i * len(items) // limit] for i in range(limit)]


def _some(names: Sequence[str], most: int = 12) -> str:
    text = ", ".join(names[:most])
    return text + (f" and {len(names) - most} more" if len(names) > most else "")
