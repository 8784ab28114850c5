from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import soundfile

from convert.errors import SpecError, UserError
from tests.train.speech_files import real_speech, word_like, write_folder, write_index
from train.datasets import (
    DataSpec,
    FolderSource,
    FsddSource,
    IndexSource,
    SilenceSpec,
    SpeechCommandsSource,
    SyntheticSource,
    UnknownSpec,
    load,
)

WORDS = ("yes", "no")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("data") / "set", ("yes", "no", "maybe", "later"))


def test_folder_is_divided_by_speaker(folder: Path) -> None:
    data = load([FolderSource(path=str(folder))], WORDS)
    assert data.pcm.shape == (40, 16_000) and data.pcm.dtype == np.int16
    assert data.classes == WORDS
    assert {split: sum(c.values()) for split, c in data.counts().items()} == {
        "train": 32,
        "val": 4,
        "test": 4,
    }
    for split in ("train", "val", "test"):
        mine = {s for s, p in zip(data.speakers, data.split, strict=True) if p == split}
        rest = {s for s, p in zip(data.speakers, data.split, strict=True) if p != split}
        assert mine and not mine & rest
    clips, labels = data.select("val")
    assert clips.shape == (4, 16_000) and sorted(labels) == [0, 0, 1, 1]


def test_same_data_whatever_the_workers(folder: Path) -> None:
    one = load([FolderSource(path=str(folder))], WORDS, workers=1)
    four = load([FolderSource(path=str(folder))], WORDS, workers=4)
    assert one.hash() == four.hash()
    other = load([FolderSource(path=str(folder))], WORDS, seed=1)
    assert one.speakers == other.speakers and one.split.tolist() != other.split.tolist()


def test_labels_map_words_and_limits_hold(folder: Path) -> None:
    source = FolderSource(path=str(folder), labels={"maybe": "no"}, limit_per_word=3)
    data = load([source], WORDS)
    assert data.counts()["train"] == {"yes": 3, "no": 3}
    assert data.counts()["val"]["yes"] == 2


def test_training_clips_are_repeated_and_no_others(folder: Path) -> None:
    once = load([FolderSource(path=str(folder))], WORDS, silence=SilenceSpec())
    thrice = load([FolderSource(path=str(folder), repeat=3)], WORDS, silence=SilenceSpec())
    for split, times in (("train", 3), ("val", 1), ("test", 1)):
        before, after = once.counts()[split], thrice.counts()[split]
        assert {w: after[w] for w in WORDS} == {w: times * before[w] for w in WORDS}
        assert after["silence"] == before["silence"]
    heard = [
        (path, pcm.tobytes())
        for path, pcm, split, word in zip(
            thrice.paths, thrice.pcm, thrice.split, thrice.words, strict=True
        )
        if split == "train" and word in WORDS
    ]
    assert heard[0] == heard[1] == heard[2] != heard[3]
    assert {heard.count(one) for one in heard} == {3}


def test_progress_is_told(folder: Path) -> None:
    told: list[tuple[int, int, str]] = []
    load([FolderSource(path=str(folder))], WORDS, progress=lambda *a: told.append(a))
    assert told[-1][:2] == (40, 40)


def test_published_splits_are_mapped(tmp_path: Path) -> None:
    rows = [(w, f"{s}{i}", s) for w in WORDS for s in ("train", "val") for i in range(10)]
    root = write_index(tmp_path / "set", rows)
    plain = load([IndexSource(path=str(root))], WORDS)
    assert [sum(c.values()) for c in plain.counts().values()] == [20, 20, 0]
    mapped = load(
        [IndexSource(path=str(root), splits={"train": "train+val", "val": "test"})], WORDS
    )
    assert [sum(c.values()) for c in mapped.counts().values()] == [18, 2, 20]
    dropped = load([IndexSource(path=str(root), splits={"train": "train", "val": "drop"})], WORDS)
    assert [sum(c.values()) for c in dropped.counts().values()] == [20, 0, 0]
    with pytest.raises(SpecError, match="must be mapped"):
        load([IndexSource(path=str(root), splits={"train": "train"})], WORDS)


def test_leave_one_speaker_out(tmp_path: Path) -> None:
    """The published division of FSDD mixes speakers; naming the test speaker replaces it."""
    rows = [(w, s, p) for w in WORDS for s in ("ann", "bob", "cy") for p in ("train", "test")]
    root = write_index(tmp_path / "fsdd", rows)
    with pytest.raises(SpecError, match=r"fsdd/ann in .*0\.flac.*1\.flac"):
        load([IndexSource(path=str(root))], WORDS)
    data = load([IndexSource(path=str(root), test_speakers=("bob",))], WORDS)
    assert set(np.array(data.speakers)[data.split == "test"]) == {"fsdd/bob"}
    assert data.counts()["train"] == {"yes": 4, "no": 4}
    data = load([IndexSource(path=str(root), val_speakers=("ann",), test_speakers=("cy",))], WORDS)
    assert [sum(c.values()) for c in data.counts().values()] == [4, 4, 4]
    data = load(
        [IndexSource(path=str(root), train_speakers=("ann",), drop_speakers=("cy",))], WORDS
    )
    assert set(data.speakers) == {"fsdd/ann"}
    with pytest.raises(SpecError, match=r"'dora'.*ann, bob, cy"):
        load([IndexSource(path=str(root), test_speakers=("dora",))], WORDS)


def test_a_speaker_in_two_splits_across_sources(folder: Path) -> None:
    sources = [
        FolderSource(path=str(folder), assign="train"),
        FolderSource(path=str(folder), assign="test", labels={"maybe": "yes"}),
    ]
    with pytest.raises(SpecError, match=r"one split only. Received: set/speaker0 in train"):
        load(sources, WORDS)


def test_a_recording_is_there_once_only(folder: Path, tmp_path: Path) -> None:
    """Another name for the same folder must not bring a test clip into training."""
    one = FolderSource(path=str(folder), assign="train")
    link = tmp_path / "link"
    link.symlink_to(folder, target_is_directory=True)
    lines = ["path,word,speaker", f"{folder}/yes/../yes/speaker3_01.wav,no,x"]
    (tmp_path / "index.csv").write_text("\n".join(lines))
    for other in (
        FolderSource(path=str(folder), assign="test", name="other"),
        FolderSource(path=str(link), assign="train"),
        IndexSource(path=str(tmp_path / "index.csv"), assign="test", name="mine"),
    ):
        with pytest.raises(
            SpecError, match=r"once only.*speaker\d_\d\d.wav from source 1 \(folder"
        ):
            load([one, other], WORDS)
    (tmp_path / "index.csv").write_text("\n".join([*lines, *lines[1:]]))
    with pytest.raises(SpecError, match=r"from source 1 .* and from source 1"):
        load([IndexSource(path=str(tmp_path / "index.csv"))], WORDS)
    halves = [
        FolderSource(path=str(folder), name=split, assign=split, drop_speakers=dropped)  # type: ignore[arg-type]
        for split, dropped in (
            ("train", tuple(f"speaker{i}" for i in range(5))),
            ("test", tuple(f"speaker{i}" for i in range(5, 10))),
        )
    ]
    assert len(load(halves, WORDS)) == 40


def test_mistyped_words_in_tables_are_refused() -> None:
    def spec(unknown: UnknownSpec | None = None, **rest: dict[str, object]) -> DataSpec:
        return DataSpec(("zero", "one"), (SyntheticSource(**rest),), unknown=unknown)  # type: ignore[arg-type]

    with pytest.raises(SpecError, match=r"Received: nought = \"zeroo\" in.*Did you mean zero\?"):
        spec(labels={"nought": "zeroo"})
    with pytest.raises(SpecError, match=r"Received: onn in source 1.*Did you mean one\?"):
        spec(pronunciations={"onn": ("wan",)})
    with pytest.raises(SpecError, match="pronunciations"):
        spec(pronunciations={"window": ("windoo",)})
    spec(UnknownSpec(), pronunciations={"window": ("windoo",)}, labels={"nought": "unknown"})
    spec(labels={"nought": "zero"}, pronunciations={"zero": ("zee ro",)})


def test_unknown_and_silence(folder: Path, tmp_path: Path) -> None:
    noise = tmp_path / "noise"
    noise.mkdir()
    for i in range(5):
        soundfile.write(noise / f"{i}.wav", word_like(i, seconds=3.0), 16_000)
    spec = SilenceSpec(folder=str(noise))
    data = load([FolderSource(path=str(folder))], WORDS, unknown=UnknownSpec(), silence=spec)
    assert data.classes == ("yes", "no", "unknown", "silence")
    assert data.counts()["train"] == dict.fromkeys(data.classes, 16)
    assert data.counts()["test"] == dict.fromkeys(data.classes, 2)
    others = {w for w, label in zip(data.words, data.labels, strict=True) if label == 2}
    assert others == {"maybe", "later"}
    assert any(" at " in p for p in data.paths), "pieces of the recordings are used"
    again = load([FolderSource(path=str(folder))], WORDS, unknown=UnknownSpec(), silence=spec)
    assert again.hash() == data.hash()


def test_unknown_needs_other_words(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "two", WORDS, speakers=3)
    with pytest.raises(SpecError, match="other words"):
        load([FolderSource(path=str(root))], WORDS, unknown=UnknownSpec())


@pytest.fixture
def spoiled(tmp_path: Path) -> Path:
    """40 clips, of which eight are bad in eight ways."""
    root = write_folder(tmp_path / "bad", WORDS)
    whole = (root / "yes" / "speaker0_00.wav").read_bytes()
    yes = root / "yes"
    (yes / "speaker0_00.wav").write_bytes(b"")
    (yes / "speaker1_00.wav").write_bytes(whole[:3000])
    (yes / "speaker2_00.wav").write_text("words, not sound; more words than a header has")
    soundfile.write(yes / "speaker3_00.wav", np.zeros(16_000, np.int16), 16_000)
    soundfile.write(yes / "speaker4_00.wav", word_like(1)[:300], 16_000)
    (yes / "speaker5_00.wav").write_bytes(whole[:20] + b"\xff" * 24 + whole[44:])
    (yes / "speaker6_00.wav").unlink()
    (yes / "speaker6_00.wav").symlink_to("nowhere")
    soundfile.write(yes / "speaker7_00.wav", np.zeros((160, 1)), 16_000, subtype="IMA_ADPCM")
    return root


def test_bad_clips_are_counted_and_listed(spoiled: Path) -> None:
    with pytest.raises(UserError, match=r"90%.*80\.0% of 40 in bad.*first is yes/speaker0_00.wav"):
        load([FolderSource(path=str(spoiled))], WORDS)
    data = load([FolderSource(path=str(spoiled))], WORDS, min_good_fraction=0.8)
    assert len(data) == 32
    reasons = {r.path[-15:]: r.reason for r in data.rejected}
    assert reasons["speaker0_00.wav"] == "empty"
    assert reasons["speaker1_00.wav"] == "truncated"
    assert reasons["speaker2_00.wav"] == "not audio"
    assert reasons["speaker3_00.wav"] == "silent"
    assert reasons["speaker4_00.wav"] == "too short"
    assert reasons["speaker6_00.wav"] == "missing"
    assert len(reasons) == 8


def test_a_word_whose_clips_are_all_bad(tmp_path: Path) -> None:
    root = write_folder(tmp_path / "half", WORDS)
    for path in (root / "yes").iterdir():
        path.write_bytes(b"")
    with pytest.raises(SpecError, match=r"usable clips.*none for yes"):
        load([FolderSource(path=str(root))], WORDS, min_good_fraction=0.1)


@pytest.mark.parametrize("path", ["~no_such_user/x", "a" * 5000, "a\0b"])
def test_paths_that_cannot_be(path: str) -> None:
    for source in (FolderSource(path=path), IndexSource(path=path)):
        with pytest.raises(SpecError, match="Received"):
            load([source], WORDS)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "two words"),
        (("yes",), "two words"),
        (("yes", "no", "yes"), "'yes' twice"),
        (("yes", "Yes"), "twice"),
        (("yes", " no"), "blanks"),
        (("yes", ""), "blanks"),
        (("caf\u00e9", "cafe\u0301"), "twice"),
        (("yes", "n\no"), "one line"),
        (("yes", "n\x1bo"), "one line"),
        (("yes", "n\0o"), "one line"),
        (("yes", "n\udcff"), "one line"),
        (("yes", "o" * 5000), "at most 200"),
    ],
)
def test_word_lists_refused(words: tuple[str, ...], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        DataSpec(words, (FolderSource(path="x"),))


def test_specifications_refused(tmp_path: Path) -> None:
    for make in (
        lambda: FolderSource(path=""),
        lambda: FolderSource(path="x", assign="all"),  # type: ignore[arg-type]
        lambda: FolderSource(path="x", val_fraction=1.0),
        lambda: FolderSource(path="x", val_fraction=0.6, test_fraction=0.6),
        lambda: FolderSource(path="x", splits={"a": "b"}),
        lambda: FolderSource(path="x", limit_per_word=-1),
        lambda: FolderSource(path="x", repeat=0),
        lambda: FolderSource(path="x", speaker_pattern="("),
        lambda: FolderSource(path="x", speaker_pattern="(.*)"),
        lambda: FolderSource(path="x", val_speakers=("a",), test_speakers=("a",)),
        lambda: FsddSource(sha256="12"),
        lambda: UnknownSpec(ratio=0),
        lambda: SilenceSpec(level_db=(0, -10)),
        lambda: SilenceSpec(kinds=()),
        lambda: DataSpec(WORDS, ()),
        lambda: DataSpec(WORDS, (FolderSource(path="x"),), clip_seconds=0),
        lambda: DataSpec(("unknown", "a"), (FolderSource(path="x"),), unknown=UnknownSpec()),
        lambda: load([FolderSource(path=str(tmp_path / "none"))], WORDS),
        lambda: load([FolderSource(path=str(tmp_path))], WORDS),
        lambda: load([IndexSource(path=str(tmp_path))], WORDS),
    ):
        with pytest.raises(SpecError, match="Received"):
            make()


def test_indexes_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    for content, says in (
        (b"", "at least one"),
        (b"path,word\na,b\n", "columns"),
        (b"path,word,speaker\na,,c\n", "line 2"),
        (b"\xff\xfe\x00\x01", "readable|at least|columns"),
    ):
        path.write_bytes(content)
        with pytest.raises(SpecError, match=says):
            load([IndexSource(path=str(path))], WORDS)
    path.write_bytes(b"path,word,speaker\na.wav,other,c\n")
    with pytest.raises(SpecError, match="at least one of the words"):
        load([IndexSource(path=str(path))], WORDS)


def test_speech_commands_layout(tmp_path: Path) -> None:
    for word in (*WORDS, "_background_noise_"):
        (tmp_path / word).mkdir()
        for s, speaker in enumerate(("0a7c", "1b2d", "2c3e")):
            for take in range(2):
                pcm = word_like(s * 10 + take)
                soundfile.write(tmp_path / word / f"{speaker}_nohash_{take}.wav", pcm, 16_000)
    both = "\n".join(f"{w}/1b2d_nohash_{t}.wav" for w in WORDS for t in range(2))
    (tmp_path / "validation_list.txt").write_text(both)
    (tmp_path / "testing_list.txt").write_text(both.replace("1b2d", "2c3e"))
    data = load([SpeechCommandsSource(path=str(tmp_path))], WORDS)
    assert [sum(c.values()) for c in data.counts().values()] == [4, 4, 4]
    assert set(data.speakers) == {f"speech_commands/{s}" for s in ("0a7c", "1b2d", "2c3e")}


def test_fsdd_layout(tmp_path: Path) -> None:
    (tmp_path / "recordings").mkdir()
    for digit in (0, 1):
        for speaker in ("ann", "bob"):
            soundfile.write(
                tmp_path / "recordings" / f"{digit}_{speaker}_0.wav",
                word_like(digit, rate=8000),
                8000,
            )
    data = load([FsddSource(path=str(tmp_path), test_speakers=("bob",))], ("zero", "one"))
    assert data.counts()["test"] == {"zero": 1, "one": 1}


def test_from_toml_by_pydantic() -> None:
    pydantic = pytest.importorskip("pydantic")
    adapter = pydantic.TypeAdapter(DataSpec)
    value = {
        "words": ["zero", "one"],
        "unknown": {"ratio": 2.0},
        "sources": [
            {
                "kind": "synthetic",
                "voices": ["en"],
                "pronunciations": {"zero": ["zero", "[[z'i@roU]]"]},
            },
            {"kind": "index", "path": "x", "labels": {"nought": "zero"}, "test_speakers": ["ann"]},
            {"kind": "fsdd"},
        ],
    }
    spec = adapter.validate_python(value)
    assert isinstance(spec.sources[0], SyntheticSource) and isinstance(spec.sources[2], FsddSource)
    assert spec.sources[1].test_speakers == ("ann",)
    assert dataclasses.asdict(spec)["sources"][0]["kind"] == "synthetic"


def test_mixed_with_real_speech(tmp_path: Path) -> None:
    words = ("zero", "one", "two")
    root = real_speech()
    if root is None:
        rows = [(w, s, "") for w in words for s in ("george", "jackson") for _ in range(5)]
        source = IndexSource(path=str(write_index(tmp_path / "fsdd", rows)), assign="test")
    else:
        source = IndexSource(path=str(root / "fsdd"), assign="test", limit_per_word=40)
    voices = SyntheticSource(clips_per_word=8, assign="train+val", variants=("f1", "m3"))
    data = load([voices, source], words)
    assert sum(data.counts()["train"].values()) + sum(data.counts()["val"].values()) == 24
    assert set(np.array(data.sources)[data.split == "test"]) == {"fsdd"}
    assert not data.rejected
