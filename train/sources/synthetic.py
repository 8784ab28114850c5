"""Words spoken by espeak-ng with as many different voices as can be had."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from convert.errors import SpecError
from train.sources.base import Context, Item, Source, digest

OTHER_CLIPS = 60
"""Clips offered of each word of the unknown class."""


@dataclass(frozen=True, kw_only=True)
class SyntheticSource(Source):
    """Synthesised clips of every word in the list.

    A voice with a variant is the speaker: 8 English accents × about 100 variants make several
    hundred, each clip with its own rate, pitch and pitch range. Voices are dealt out evenly.

    Attributes:
        clips_per_word: how many clips of each word.
        voices: espeak voices ("en", "en-us", "fr", ...); none takes all English accents.
        variants: voice variants ("f1", "m3", "croak", ...); none takes all but the whispers and
            two that are not human.
        rate: lowest and highest speaking rate, words per minute.
        pitch: lowest and highest pitch, 0 to 99 (a variant's own pitch is the middle).
        pitch_range: lowest and highest liveliness, 0 (flat) to 99.
        pronunciations: other ways to say a word, each a spelling or phonemes as "[[z'i@roU]]";
            clips take turns. A word without an entry is read as it is spelled.
        foreign_voices: voices of other languages that say the words with a foreign accent
            (`train.accents`); "all" stands for the ones known to be intelligible.
        foreign_share: share of the clips that foreign voices say, where there are any.
        klatt_share: share of the clips that variants of espeak's second synthesiser say
            (`train.synthesis.klatt_variants`); not given, they are dealt out like the others, which
            is about a fifth.
    """

    clips_per_word: int = 600
    voices: tuple[str, ...] = ()
    variants: tuple[str, ...] = ()
    rate: tuple[int, int] = (110, 220)
    pitch: tuple[int, int] = (20, 80)
    pitch_range: tuple[int, int] = (20, 80)
    pronunciations: dict[str, tuple[str, ...]] = field(default_factory=dict)
    foreign_voices: tuple[str, ...] = ()
    foreign_share: float = 0.3
    klatt_share: float | None = None
    kind: Literal["synthetic"] = "synthetic"

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.clips_per_word <= 100_000:
            raise SpecError(
                f"clips_per_word must be from 1 to 100000. Received: {self.clips_per_word}."
            )
        for name, value, low, high in (
            ("rate", self.rate, 80, 450),
            ("pitch", self.pitch, 0, 99),
            ("pitch_range", self.pitch_range, 0, 99),
        ):
            if len(value) != 2 or not low <= value[0] <= value[1] <= high:
                raise SpecError(
                    f"{name} must be two rising numbers from {low} to {high}. "
                    f"Received: {list(value)}."
                )
        if not 0 <= self.foreign_share <= 1:
            raise SpecError(f"foreign_share must be from 0 to 1. Received: {self.foreign_share}.")
        if self.klatt_share is not None and not 0 <= self.klatt_share <= 1:
            raise SpecError(f"klatt_share must be from 0 to 1. Received: {self.klatt_share}.")
        from train import accents, synthesis

        for voice in self.voices:
            synthesis.check_voice(voice)
        for voice in self.foreign_voices:
            if voice != "all":
                accents.check_foreign(voice)
        for variant in self.variants:
            synthesis.check_variant(variant)
        if self.klatt_share is not None:
            resonant = set(self._variants()) & set(synthesis.klatt_variants())
            if self.klatt_share > 0 and not resonant:
                raise SpecError(
                    "variants must hold some of the second synthesiser where klatt_share is above "
                    f"0. Received: none of {', '.join(synthesis.klatt_variants())}."
                )
            if self.klatt_share < 1 and resonant >= set(self._variants()):
                raise SpecError(
                    "variants must hold some of the first synthesiser where klatt_share is below "
                    f"1. Received: klatt_share {self.klatt_share} and {', '.join(self.variants)}."
                )
        for word, texts in self.pronunciations.items():
            if not texts:
                raise SpecError(f"pronunciations.{word} must list at least one. Received: none.")
            for text in texts:
                synthesis.check_text(text)

    def _variants(self) -> list[str]:
        """The variants used, as espeak spells them."""
        from train import synthesis

        usual = [v for v in synthesis.variants() if v not in synthesis.EXCLUDED_VARIANTS]
        return [synthesis.check_variant(v) for v in (self.variants or usual)]

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`; the same seed gives the same list."""
        from train import accents, synthesis

        accented = [synthesis.check_voice(v) for v in (self.voices or synthesis.english_voices())]
        kinds = self._variants()
        speakers = [f"{voice}+{variant}" for voice in accented for variant in kinds]
        foreign: list[str] = []
        for voice in self.foreign_voices:
            names = accents.FOREIGN if voice == "all" else (synthesis.check_voice(voice),)
            foreign += [f"{name}+{variant}" for name in names for variant in kinds]
        said = {ours: name for name, ours in self.labels.items()}
        if foreign:  # all at once: each asking starts a process
            plain = {said.get(w, w) for w in (*context.words, *context.other_words)}
            plain |= {text for texts in self.pronunciations.values() for text in texts}
            spoken = sorted(text for text in plain if "[[" not in text)
            synthesis.phonemes(*spoken, voice=accents.ENGLISH)
        items: list[Item] = []
        for word in (*context.words, *context.other_words):
            texts = self.pronunciations.get(word) or (said.get(word, word),)
            for text in texts:
                synthesis.check_text(text)
            count = self.clips_per_word
            if word not in context.words:
                count = min(count, OTHER_CLIPS)
            items += self._word(
                said.get(word, word), tuple(texts), speakers, foreign, count, context
            )
        return items

    def _word(
        self,
        word: str,
        texts: tuple[str, ...],
        speakers: list[str],
        foreign: list[str],
        count: int,
        context: Context,
    ) -> list[Item]:
        from train import accents
        from train.synthesis import Utterance

        rng = np.random.default_rng([context.seed, digest("synthetic", self.namespace, word)])
        order = rng.permutation(len(speakers))
        strange = rng.permutation(len(foreign))
        abroad = rng.random(count) < (self.foreign_share if foreign else 0.0)
        rates = rng.integers(self.rate[0], self.rate[1] + 1, size=count)
        pitches = rng.integers(self.pitch[0], self.pitch[1] + 1, size=count)
        ranges = rng.integers(self.pitch_range[0], self.pitch_range[1] + 1, size=count)
        turns = rng.integers(1 << 30, size=count)
        resonant = rng.random(count) < (self.klatt_share or 0.0)
        # Four queues of speakers, each dealt out in its order.
        queues = {
            (away, klatt): self._queue(names, klatt)
            for away, names in (
                (False, [speakers[k] for k in order]),
                (True, [foreign[k] for k in strange]),
            )
            for klatt in (False, True)
        }
        said = {False: 0, True: 0}
        items = []
        for i in range(count):
            away = bool(abroad[i])
            queue = queues[away, bool(resonant[i])]
            speaker, text = queue[0], texts[said[away] % len(texts)]
            queue.rotate(-1)
            said[away] += 1
            if away:
                text = accents.accented(text, speaker, int(turns[i]))
            utterance = Utterance(speaker, text, int(rates[i]), int(pitches[i]), int(ranges[i]))
            name = (
                f"{word}/{i}: {text} by {speaker}, rate {utterance.rate}, "
                f"pitch {utterance.pitch}, range {utterance.pitch_range}"
            )
            items.append(Item(word, speaker, name, utterance=utterance))
        return items

    def _queue(self, speakers: list[str], klatt: bool) -> deque[str]:
        """The speakers of one synthesiser; all of them where `klatt_share` is not given."""
        from train.synthesis import klatt_variants

        if self.klatt_share is None:
            return deque(speakers)
        known = klatt_variants()
        return deque(s for s in speakers if (s.partition("+")[2] in known) == klatt)
