from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from convert.errors import SpecError, UserError
from train import accents, synthesis
from train.audio import ClipError
from train.datasets import SyntheticSource, UnknownSpec, load
from train.sources.base import Context
from train.synthesis import Utterance, phonemes, synthesise

WORDS = ("zero", "one")


def test_several_hundred_voices_per_word() -> None:
    items = SyntheticSource().items(Context(WORDS))
    for word in WORDS:
        mine = [i for i in items if i.word == word]
        assert len(mine) == 600
        assert len({i.speaker for i in mine}) >= 500
        assert len({i.utterance for i in mine}) == 600
    accents_heard = {i.speaker.split("+")[0] for i in items}
    assert accents_heard == set(synthesis.english_voices()) and len(accents_heard) == 8


def test_same_bits_whatever_the_workers() -> None:
    source = SyntheticSource(clips_per_word=40, foreign_voices=("es", "de"))
    one = load([source], WORDS, workers=1, seed=3)
    three = load([source], WORDS, workers=3, seed=3)
    assert one.hash() == three.hash()
    assert len(one) == 80 and not one.rejected
    assert load([source], WORDS, seed=4).hash() != one.hash()
    levels = np.sqrt(np.mean(one.pcm.astype(float) ** 2, axis=1))
    assert levels.min() > 100
    assert len({pcm.tobytes() for pcm in one.pcm}) == 80, "no clip is like another"


def test_voices_are_divided_between_splits() -> None:
    data = load([SyntheticSource(clips_per_word=30, variants=("f1", "m1", "m2"))], WORDS)
    halves = [
        {s for s, p in zip(data.speakers, data.split, strict=True) if p == split}
        for split in ("train", "val", "test")
    ]
    assert all(halves)
    assert not halves[0] & halves[1] and not halves[1] & halves[2] and not halves[0] & halves[2]


def test_share_of_the_second_synthesiser() -> None:
    known = synthesis.klatt_variants()
    assert {"klatt", "klatt6", "Reed"} <= set(known) and not {"f1", "croak"} & set(known)

    def share(**options: object) -> float:
        source = SyntheticSource(foreign_voices=("es",), **options)  # type: ignore[arg-type]
        items = source.items(Context(WORDS))
        assert len(items) == 1200
        return float(np.mean([i.speaker.partition("+")[2] in known for i in items]))

    assert 0.15 < share() < 0.25
    assert 0.45 < share(klatt_share=0.5) < 0.55
    assert share(klatt_share=0.0) == 0 and share(klatt_share=1.0) == 1
    plain = synthesise([Utterance("en+f1", "one"), Utterance("en+klatt2", "one")])
    assert all(not isinstance(pcm, ClipError) for pcm in plain)


@pytest.mark.parametrize(
    ("voice", "near"), [("en-gb", "Near: en"), ("fr-fr", "Near: fr"), ("klingon", "Near")]
)
def test_unknown_voices_are_refused(voice: str, near: str) -> None:
    with pytest.raises(SpecError, match=f"Received: '{voice}'. {near}"):
        SyntheticSource(voices=(voice,))


def test_unknown_variants_are_refused() -> None:
    with pytest.raises(SpecError, match=r"Received: 'f9'. Near: f"):
        SyntheticSource(variants=("f9",))
    assert SyntheticSource(voices=("EN-us",), variants=("F1",)).items(Context(WORDS))[
        0
    ].speaker == ("en-US+f1")


def test_other_refusals() -> None:
    for make in (
        lambda: SyntheticSource(clips_per_word=0),
        lambda: SyntheticSource(rate=(10, 200)),
        lambda: SyntheticSource(pitch=(60, 40)),
        lambda: SyntheticSource(foreign_share=2),
        lambda: SyntheticSource(klatt_share=1.5),
        lambda: SyntheticSource(klatt_share=0.5, variants=("f1",)),
        lambda: SyntheticSource(klatt_share=0.5, variants=("klatt", "klatt2")),
        lambda: SyntheticSource(foreign_voices=("hi",)),
        lambda: SyntheticSource(pronunciations={"zero": ()}),
        lambda: SyntheticSource(pronunciations={"zero": ("[[z'i@roU",)}),
        lambda: SyntheticSource().items(Context(("zero", "???"))),
    ):
        with pytest.raises(SpecError, match="Received"):
            make()


def test_every_voice_and_accent_speaks() -> None:
    names = [*synthesis.english_voices(), *accents.FOREIGN]
    spoken = synthesise(
        [Utterance(f"{n}+f2", accents.accented("seven", n, turn=1)) for n in names], workers=2
    )
    for name, result in zip(names, spoken, strict=True):
        assert isinstance(result, np.ndarray), name
        assert 2000 < result.size < 24_000, name


def test_phonemes_and_respellings_change_what_is_said() -> None:
    plain, spelled, sounds = synthesise(
        [Utterance("en", t) for t in ("zero", "zeero", "[[z'i@roU]]")]
    )
    assert isinstance(plain, np.ndarray) and isinstance(spelled, np.ndarray)
    assert isinstance(sounds, np.ndarray) and abs(sounds.size - plain.size) < 1600
    assert phonemes("zero") == ("z'i@roU",)
    source = SyntheticSource(clips_per_word=4, pronunciations={"zero": ("zero", "zeero")})
    texts = [i.utterance.text for i in source.items(Context(WORDS)) if i.utterance]
    assert texts == ["zero", "zeero", "zero", "zeero", "one", "one", "one", "one"]


def test_accents_spell_for_the_language() -> None:
    assert accents.spell("T'r'i:", "es") == "tri"
    assert accents.spell("z'i@roU", "de+f1") == "siroh"
    assert accents.spell("n'aIn", "pl") == "najn"
    assert accents.spell("f'aIv", "ru") == "файв"
    assert accents.spell("s'Iks", "fr") == "sikse"


def test_a_voice_that_fails_is_one_bad_clip() -> None:
    good, bad, also = synthesise(
        [Utterance("en", "one"), Utterance("xx", "one"), Utterance("de", "ja")]
    )
    assert isinstance(good, np.ndarray) and isinstance(also, np.ndarray)
    assert isinstance(bad, ClipError) and bad.reason == "missing"


def test_crash_and_hang_of_the_library_end_one_utterance_only(tmp_path: Path) -> None:
    """The worker's fork is killed, as a crash of the library would; the rest is still spoken."""
    script = tmp_path / "worker.py"
    worker = Path(synthesis.__file__).with_name("espeak_worker.py").read_text("utf-8")
    script.write_text(
        worker.replace("SECONDS = 10", "SECONDS = 1").replace(
            "    pieces = []",
            '    if job["text"] == "crash":\n        os.kill(os.getpid(), 11)\n'
            '    if job["text"] == "hang":\n        import time; time.sleep(60)\n    pieces = []',
            1,
        ),
        encoding="utf-8",
    )
    library, data = synthesis.espeak_paths()
    jobs = [
        {
            "voice": "en",
            "text": t,
            "phonemes": False,
            "rate": 160,
            "pitch": 50,
            "range": 50,
            "seed": 1,
        }
        for t in ("one", "crash", "two", "hang", "three")
    ]
    import json
    import struct

    done = subprocess.run(
        [sys.executable, "-I", str(script), library, data],
        input=(json.dumps(jobs) + "\n").encode(),
        capture_output=True,
        timeout=30,
        check=False,
    )
    out, status, at = done.stdout, [], 4
    while at < len(out):
        code, length = struct.unpack_from("<II", out, at)
        status.append(code)
        at += 8 + length
    assert status == [0, 3, 0, 4, 0]


def test_a_worker_that_cannot_start_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(synthesis, "espeak_paths", lambda: (str(tmp_path / "no.so"), str(tmp_path)))
    with pytest.raises(UserError, match=r"must keep running. Received: OSError"):
        synthesise([Utterance("en", "one")])


def test_unknown_words_are_synthesised() -> None:
    source = SyntheticSource(clips_per_word=20, variants=("f1", "m1"))
    data = load([source], WORDS, unknown=UnknownSpec())
    said = {w for w, label in zip(data.words, data.labels, strict=True) if label == 2}
    assert len(said) > 10 and not said & set(WORDS)


def test_importable_without_tensorflow() -> None:
    code = (
        "import sys; import train.datasets, train.augment, train.synthesis, train.download; "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ | {"PYTHONPATH": "."})
