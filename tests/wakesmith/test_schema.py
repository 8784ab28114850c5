"""Each kind of mistake in a TOML table gives one sentence that helps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from convert.errors import SpecError, UserError
from wakesmith.schema import build, read_toml
from wakesmith.store import plain


@dataclass(frozen=True)
class Folder:
    kind: Literal["folder"]
    path: Path
    limit: int = 0


@dataclass(frozen=True)
class Voice:
    kind: Literal["voice"]
    name: str
    speed: float = 1.0

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise SpecError(f"speed must be above 0. Received: {self.speed}.")


@dataclass(frozen=True)
class Training:
    epochs: int = 3
    optimizer: Literal["adam", "sgd"] = "adam"
    shuffle: bool = True


@dataclass(frozen=True)
class Choir:
    kind: Literal["choir"]
    first: Annotated[Folder | Voice, Field(discriminator="kind")]


@dataclass(frozen=True)
class Top:
    words: tuple[str, ...]
    sources: tuple[Annotated[Folder | Voice, Field(discriminator="kind")], ...] = ()
    train: Training = Training()
    split: tuple[float, float] = (0.8, 0.2)
    choir: Annotated[Choir | Folder, Field(discriminator="kind")] | None = None


GOOD = {"words": ["a"], "sources": [{"kind": "folder", "path": "x"}], "train": {"epochs": 4}}


def test_builds_frozen_dataclasses() -> None:
    top = build(Top, GOOD, "p.toml")
    assert top == Top(("a",), (Folder("folder", Path("x")),), Training(4))
    assert plain(top)["sources"] == [{"kind": "folder", "path": "x", "limit": 0}]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"wrods": []}, "p.toml: key wrods is not known. Did you mean words?"),
        ({"train": {"epoch": 1}}, "key train.epoch is not known. Did you mean epochs?"),
        ({"train": {"zzz": 1}}, "train.zzz is not known. Known here: epochs, optimizer, shuffle."),
        ({"words": "a"}, 'words must be a list in [ ]. Received: "a".'),
        ({"words": [1]}, "words[1] must be text in quotes. Received: 1."),
        ({"train": {"epochs": "3"}}, 'train.epochs must be a whole number. Received: "3".'),
        ({"train": {"epochs": 1.5}}, "train.epochs must be a whole number. Received: 1.5."),
        ({"train": {"epochs": True}}, "train.epochs must be a whole number. Received: true."),
        ({"train": {"shuffle": 1}}, "train.shuffle must be true or false. Received: 1."),
        ({"train": 3}, "train must be a table of keys. Received: 3."),
        (
            {"train": {"optimizer": "adm"}},
            "train.optimizer must be 'adam' or 'sgd'. Received: \"adm\". Did you mean adam?",
        ),
        ({"sources": [{"kind": "folder"}]}, "key sources[1].path must be given."),
        ({"sources": [{"path": "x"}]}, "key sources[1].kind must be given."),
        (
            {"sources": [{"path": "x", "knd": "folder"}]},
            "key sources[1].kind must be given. Received: knd, which is not known.",
        ),
        (
            {"sources": [{"kind": "fodler", "path": "x"}]},
            "sources[1].kind must be one of 'folder', 'voice'. Received: \"fodler\". "
            "Did you mean folder?",
        ),
        (
            {"sources": [{"kind": "voice", "name": "en", "sped": 1}]},
            "key sources[1].sped is not known. Did you mean speed?",
        ),
        (
            {"sources": [{"kind": "voice", "name": "en", "speed": -1.0}]},
            "[sources[1]] speed must be above 0. Received: -1.0.",
        ),
        ({"split": [1.0]}, "split"),
        ({"split": [float("nan"), 1.0]}, "split[1] must be finite. Received: nan."),
        (
            {"words": "a", "train": {"epochs": "3"}},
            'words must be a list in [ ]. Received: "a". (1 more mistake in this file.)',
        ),
    ],
)
def test_each_mistake_is_one_sentence(change: dict[str, object], expected: str) -> None:
    with pytest.raises(SpecError) as caught:
        build(Top, {**GOOD, **change}, "p.toml")
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_a_name_stands_for_a_table_of_that_name() -> None:
    voice = {"kind": "voice", "name": "en"}
    top = build(Top, {"words": ["a"], "choir": {"kind": "choir", "first": voice}}, "p.toml")
    assert top.choir == Choir("choir", Voice("voice", "en"))
    with pytest.raises(SpecError, match=r"key choir\.first\.path must be given"):
        build(Top, {"words": ["a"], "choir": {"kind": "choir", "first": "folder"}}, "p.toml")
    with pytest.raises(SpecError, match=r'choir\.first\.kind must be.*"vioce".*mean voice'):
        build(Top, {"words": ["a"], "choir": {"kind": "choir", "first": "vioce"}}, "p.toml")


def test_missing_key() -> None:
    with pytest.raises(SpecError, match="key words must be given"):
        build(Top, {}, "p.toml")


def test_missing_file_names_a_near_one(tmp_path: Path) -> None:
    (tmp_path / "digits.toml").write_text("")
    with pytest.raises(UserError, match=r"must exist.*Did you mean digits\.toml\?"):
        read_toml(tmp_path / "digit.toml")


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text("words = [\n")
    with pytest.raises(UserError, match="must be TOML"):
        read_toml(path)
    path.write_bytes(b"a = '\xff'")
    with pytest.raises(UserError, match="must be UTF-8 text"):
        read_toml(path)
    with pytest.raises(UserError, match="readable file"):
        read_toml(tmp_path)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xef\xbb\xbfwords = ['a']\r\n")
    assert read_toml(path) == {"words": ["a"]}


@pytest.mark.parametrize(
    "text",
    ["a = " + "[" * 5000 + "]" * 5000, "a." * 3000 + "b = 1", "a = " + "[" * 50 + "]" * 50],
)
def test_deep_nesting_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(UserError, match="Received") as caught:
        build(Top, read_toml(path), "a.toml")
    assert len(str(caught.value)) < 300
