"""From sources of speech to one data set: int16 clips of one length, labels, speakers, splits.

    data = load([IndexSource(path="speech/fsdd", test_speakers=("george",))], ("zero", "one"))
    train, labels = data.select("train")

Speakers never appear in two splits: that is an error, not a warning. Clips that cannot be used are
counted and listed; the load goes on while at least a stated share of them is good.
"""

from __future__ import annotations

import difflib
import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from convert.errors import SpecError
from train.audio import SAMPLE_RATE
from train.dataset import Dataset
from train.extra_classes import SilenceSpec, UnknownSpec, add_silence, choose_unknown, filler_words
from train.leaks import check_files, check_speakers
from train.reading import Rejected, check_rejected, read_all
from train.sources.arabic_commands import ArabicCommandsSource
from train.sources.base import (
    Context,
    Item,
    Progress,
    assign_splits,
    spread,
)
from train.sources.folder import FolderSource
from train.sources.fsdd import FsddSource
from train.sources.index import IndexSource
from train.sources.speech_commands import SpeechCommandsSource
from train.sources.synthetic import SyntheticSource

SourceSpec = (
    SyntheticSource
    | FolderSource
    | IndexSource
    | FsddSource
    | SpeechCommandsSource
    | ArabicCommandsSource
)
"""Every kind of source; the `kind` field tells them apart in a project file."""

__all__ = [
    "ArabicCommandsSource",
    "DataSpec",
    "Dataset",
    "FolderSource",
    "FsddSource",
    "IndexSource",
    "Rejected",
    "SilenceSpec",
    "SourceSpec",
    "SpeechCommandsSource",
    "SyntheticSource",
    "UnknownSpec",
    "check_words",
    "load",
    "load_spec",
]


@dataclass(frozen=True)
class DataSpec:
    """The data of a project.

    Attributes:
        words: the classes, in the order of the model's outputs; `unknown` and `silence` follow.
        sources: where clips come from, freely combined.
        clip_seconds: length that every clip is brought to.
        unknown: adds a class of other words.
        silence: adds a class without speech.
        min_good_fraction: the load fails when a smaller share of a source's clips is usable.
    """

    words: tuple[str, ...]
    sources: tuple[SourceSpec, ...]
    clip_seconds: float = 1.0
    unknown: UnknownSpec | None = None
    silence: SilenceSpec | None = None
    min_good_fraction: float = 0.9

    def __post_init__(self) -> None:
        check_words(self.words, self.unknown, self.silence)
        if not self.sources:
            raise SpecError("sources must name at least one source of speech. Received: none.")
        for number, source in enumerate(self.sources, start=1):
            _check_names(number, source, self.words, self.unknown)
        if not 0.2 <= self.clip_seconds <= 10:
            raise SpecError(f"clip_seconds must be from 0.2 to 10. Received: {self.clip_seconds}.")
        if not 0 <= self.min_good_fraction <= 1:
            raise SpecError(
                f"min_good_fraction must be from 0 to 1. Received: {self.min_good_fraction}."
            )


_LONGEST_WORD = 200


def check_words(
    words: Sequence[str],
    unknown: UnknownSpec | None = None,
    silence: SilenceSpec | None = None,
) -> None:
    """Refuse word lists that no model can be trained on.

    Raises:
        SpecError: fewer than two words, an empty or overlong word, one with control characters,
            or a word twice (in another case or another Unicode form too), also as the name of
            one of the two other classes.
    """
    extra = [spec.label for spec in (unknown, silence) if spec is not None]
    seen: set[str] = set()
    for place, word in enumerate((*words, *extra)):
        if not word.strip() or word != word.strip():
            raise SpecError(f"A word must be text without blanks around it. Received: {word!r}.")
        if len(word) > _LONGEST_WORD:
            raise SpecError(
                f"A word must have at most {_LONGEST_WORD} letters. Received: {len(word)} letters, "
                f"{word[:20]!r}...."
            )
        if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in word):
            raise SpecError(f"A word must be one line of plain text. Received: {word!r}.")
        same = unicodedata.normalize("NFC", word).casefold()
        if same in seen and place >= len(words):
            raise SpecError(
                "Words must differ from the names of the added classes unknown and silence. "
                f"Received: the word {word!r}. Take it out of the words, or give the class "
                "another label."
            )
        if same in seen:
            raise SpecError(f"Words must differ. Received: {word!r} twice.")
        seen.add(same)
    if len(words) < 2:
        raise SpecError(f"words must list at least two words. Received: {list(words)}.")


def _check_names(
    number: int, source: SourceSpec, words: Sequence[str], unknown: UnknownSpec | None
) -> None:
    """Refuse `labels` and `pronunciations` that would do nothing, because no such word is there.

    Raises:
        SpecError: naming the entry, and the word that may have been meant.
    """
    others = filler_words(unknown, words) if unknown is not None else ()
    where = f"in source {number} ({source.kind} {source.namespace})"
    targets = {*words, *others}
    if unknown is not None and not unknown.words:
        targets.add(unknown.label)  # any name that is no word's will do; this one says it
    for name, word in source.labels.items():
        if word not in targets:
            raise SpecError(
                f"labels must map a source's words to words of the list. Received: {name} = "
                f"{json.dumps(word, ensure_ascii=False)} {where}.{_near(word, (*words, *others))}"
            )
    for word in source.pronunciations if isinstance(source, SyntheticSource) else ():
        if word not in words and word not in others:
            raise SpecError(
                f"pronunciations must be of words of the list. Received: {word} {where}."
                f"{_near(word, (*words, *others))}"
            )


def _near(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


def load_spec(
    spec: DataSpec,
    *,
    base: Path | str = ".",
    seed: int = 0,
    workers: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """`load` with the values of a `DataSpec`."""
    return load(
        spec.sources,
        spec.words,
        clip_seconds=spec.clip_seconds,
        unknown=spec.unknown,
        silence=spec.silence,
        min_good_fraction=spec.min_good_fraction,
        base=base,
        seed=seed,
        workers=workers,
        progress=progress,
    )


def load(
    sources: Sequence[SourceSpec],
    words: Sequence[str],
    *,
    clip_seconds: float = 1.0,
    unknown: UnknownSpec | None = None,
    silence: SilenceSpec | None = None,
    min_good_fraction: float = 0.9,
    base: Path | str = ".",
    seed: int = 0,
    workers: int = 0,
    progress: Progress | None = None,
) -> Dataset:
    """Load all sources into one data set.

    Args:
        sources: where clips come from.
        words: the classes, in the order of the model's outputs.
        clip_seconds: length that every clip is brought to (`train.audio.fit_length`).
        unknown: adds a class of other words.
        silence: adds a class without speech.
        min_good_fraction: least usable share of each source's clips.
        base: folder that relative paths start from.
        seed: of hashed splits, synthesis, and the choice of unknown words and noises.
        workers: threads and synthesis processes; 0 takes one per core. The result does not depend
            on it.
        progress: called as `progress(done, total, text)`.

    Raises:
        SpecError: a specification cannot be met; a speaker is in two splits; a word has no clips.
        UserError: too many clips cannot be used; a download failed.
    """
    words = tuple(words)
    spec = DataSpec(words, tuple(sources), clip_seconds, unknown, silence, min_good_fraction)
    base = Path(base)
    samples = round(clip_seconds * SAMPLE_RATE)
    chosen: list[list[Item]] = []
    for index, source in enumerate(spec.sources):
        context = Context(
            words=words,
            base=base,
            seed=seed,
            other_words=filler_words(unknown, words) if unknown else (),
            progress=progress,
        )
        chosen.append(_choose(source, context, unknown, index))
    kept = [item for items in chosen for item in items]
    check_speakers(kept)
    check_files([source.kind for source in spec.sources], chosen)
    kept = choose_unknown(kept, words, unknown, seed)
    _check_all_words(kept, words)
    pcm, good, rejected = read_all(kept, samples, workers, progress)
    check_rejected(kept, rejected, min_good_fraction)
    _check_all_words([kept[i] for i in good], words)
    classes = (*words, *(s.label for s in (unknown, silence) if s is not None))
    place = {word: i for i, word in enumerate(words)}
    other = len(words)
    items = [kept[i] for i in good]
    data = Dataset(
        pcm=pcm,
        labels=np.array([place.get(item.word, other) for item in items], np.int32),
        classes=classes,
        speakers=tuple(f"{item.source}/{item.speaker}" for item in items),
        split=np.array([item.split for item in items], dtype="U5"),
        sources=tuple(item.source for item in items),
        paths=tuple(item.name for item in items),
        words=tuple(item.word for item in items),
        rejected=tuple(rejected),
    )
    if silence is not None:
        data = add_silence(data, silence, base, seed)
    times = np.ones(len(data), np.int64)
    times[: len(items)] = [item.repeat if item.split == "train" else 1 for item in items]
    return data.where(np.repeat(np.arange(len(data)), times)) if times.max() > 1 else data


def _choose(
    source: SourceSpec, context: Context, unknown: UnknownSpec | None, index: int
) -> list[Item]:
    """A source's items with mapped words and splits: those of the words, and others if wanted."""
    items = [
        replace(item, word=source.labels.get(item.word, item.word), repeat=source.repeat)
        for item in source.items(context)
    ]
    wanted = set(context.words)
    items = [item for item in items if item.word in wanted or unknown is not None]
    if not any(item.word in wanted for item in items):
        raise SpecError(
            f"A source must have clips of at least one of the words. Received: none in source "
            f"{index + 1} ({source.kind} {source.namespace}) for {', '.join(context.words)}."
        )
    items = assign_splits(source, items, context.seed)
    if not source.limit_per_word:
        return items
    groups: dict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in items:
        groups[item.word, item.split].append(item)
    return [item for group in groups.values() for item in spread(group, source.limit_per_word)]


def _check_all_words(items: Sequence[Item], words: Sequence[str]) -> None:
    have = Counter(item.word for item in items)
    missing = [word for word in words if not have[word]]
    if missing:
        raise SpecError(
            "Every word must have usable clips in some source. "
            f"Received: none for {', '.join(missing)}."
        )
