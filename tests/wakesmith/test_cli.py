"""The door: help, exit codes, one sentence for every mistake, Ctrl-C."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path

import numpy as np
import pytest

from simulate.qemu import qemu_available
from tests.wakesmith.commands import commands
from tests.wakesmith.conftest import ROOT, TINY, wakesmith, wakesmith_inside


def refused(tmp_path: Path, *arguments: object) -> str:
    """Run; expect exit code 2, one line on stderr, no traceback, nothing on stdout."""
    done = wakesmith_inside(*arguments, cwd=tmp_path)
    assert done.returncode == 2, (done.returncode, done.stdout, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("wakesmith: ")
    assert done.stdout == ""
    return done.stderr


def test_help_is_quick_and_loads_nothing() -> None:
    times = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = wakesmith("--help", cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        assert done.returncode == 0
    assert all(name.split()[0] in done.stdout for name in commands())
    # Processor time: 0.12 s. The promise is 0.3 s; cores that share a bus are given some more.
    assert min(times) < 0.5
    code = "import sys, wakesmith.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    for heavy in ("tensorflow", "numpy", "pydantic", "rich", "jinja2", "matplotlib"):
        assert heavy not in loaded


def test_version() -> None:
    from convert.cwriter import VERSION

    assert wakesmith_inside("--version", cwd=ROOT).stdout == f"wakesmith {VERSION}\n"


def test_boards() -> None:
    assert "mps2-an386" in wakesmith("boards", cwd=ROOT).stdout


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("[train]", "[trian]", "key trian is not known. Did you mean train?"),
        ("epochs = 2", "epoch = 2", "key train.epoch is not known. Did you mean epochs?"),
        ("epochs = 2", 'epochs = "2"', 'train.epochs must be a whole number. Received: "2".'),
        ("epochs = 2", "epochs = 0", "epochs must be from 1"),
        ("epochs = 2", "epochs = ", "must be TOML"),
        ('["yes", "no", "stop"]', '["yes", "no", "yes"]', "Words must differ"),
        ('["yes", "no", "stop"]', '["yes"]', "at least two words"),
        ('["yes", "no", "stop"]', "[]", "at least two words"),
        ('["yes", "no", "stop"]', '["yes", ""]', "A word must be text"),
        ('["yes", "no", "stop"]', '"yes no"', "words must be a list in [ ]"),
        ('"ds_cnn"', '"ds_can"', "name must be one of cnn_digits, ds_cnn, lstm, res_sep, svdf"),
        ('"ptq_int8"', '"ptq_int9"', "Did you mean ptq_int8?"),
        ('"synthetic"', '"folder"\npath = "nowhere"', "clips_per_word is not known"),
        ('"en-us"', '"xx-yy"', "Received: 'xx-yy'"),
        ('name = "tiny"', 'name = "../up"', "name must be"),
        ("seed = 1", "seed = 1\nclip_seconds = 0.001", "clip_seconds must be"),
    ],
)
def test_bad_project_files(tmp_path: Path, find: str, put: str, expected: str) -> None:
    assert find in TINY
    file = tmp_path / "bad.toml"
    file.write_text(TINY.replace(find, put, 1), encoding="utf-8")
    assert expected in refused(tmp_path, "build", file)
    assert not (tmp_path / "build").exists(), "nothing half-written"


def test_a_mistake_in_a_real_process(tmp_path: Path) -> None:
    done = wakesmith("build", "none.toml", cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "wakesmith: The project file must exist. Received: none.toml.\n"


def test_bugs_keep_their_traceback(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("firmware.board.list_boards", bug)
    with pytest.raises(ZeroDivisionError):
        wakesmith_inside("boards", cwd=tmp_path)


def test_missing_project_file(tmp_path: Path) -> None:
    (tmp_path / "digits.toml").write_text("")
    assert "Did you mean digits.toml?" in refused(tmp_path, "build", "digit.toml")


def test_missing_folder_of_clips(tmp_path: Path) -> None:
    source = '[[data.sources]]\nkind = "folder"\npath = "nowhere"\n'
    file = tmp_path / "p.toml"
    file.write_text(f'[project]\nname = "p"\nwords = ["a", "b"]\n{source}', encoding="utf-8")
    assert "nowhere" in refused(tmp_path, "build", file)


def recordings(folder: Path, good: int = 6) -> None:
    """One folder per word; each speaker says each word once."""
    rng = np.random.default_rng(0)
    for word in ("yes", "no"):
        (folder / word).mkdir(parents=True)
        for speaker in range(good):
            pcm = rng.integers(-9000, 9000, 16000).astype("<i2")
            write_wav(folder / word / f"s{speaker}_0.wav", pcm)


def write_wav(path: Path, pcm: np.ndarray) -> None:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(pcm.astype("<i2").tobytes())


FOLDER = """\
[project]
name = "mine"
words = ["yes", "no"]

[data]
min_good_fraction = 0.5

[[data.sources]]
kind = "folder"
path = "clips"
"""


def test_bad_clips_are_counted_and_listed(tmp_path: Path) -> None:
    recordings(tmp_path / "clips")
    bad = tmp_path / "clips" / "yes"
    (bad / "s0_1.wav").write_bytes(b"")
    (bad / "s1_1.wav").write_bytes((bad / "s0_0.wav").read_bytes()[:3000])
    (bad / "s2_1.wav").write_bytes(b"this is no sound" * 99)
    write_wav(bad / "s3_1.wav", np.zeros(16000))
    write_wav(bad / "s4_1.wav", np.full(200, 9000))
    file = tmp_path / "mine.toml"
    file.write_text(FOLDER, encoding="utf-8")
    done = wakesmith_inside("build", file, "--until", "speech", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = (tmp_path / "build" / "mine" / "rejected.csv").read_text().splitlines()
    assert lines[0] == "source,clip,reason,detail"
    assert len(lines) == 6
    reasons = {line.split(",")[2] for line in lines[1:]}
    assert {"empty", "silent", "too short"} <= reasons
    file.write_text(FOLDER.replace("0.5", "0.9"), encoding="utf-8")
    message = refused(tmp_path, "build", file, "--until", "speech", "--quiet")
    assert "At least 90%" in message
    assert "5" in message or "70" in message
    # The result of the earlier, more tolerant build is still whole.
    assert (tmp_path / "build" / "mine" / "stages" / "speech" / "clips.json").is_file()


def test_a_changed_clip_is_noticed(tmp_path: Path) -> None:
    recordings(tmp_path / "clips")
    file = tmp_path / "mine.toml"
    file.write_text(FOLDER, encoding="utf-8")
    arguments = ("build", file, "--until", "speech")
    assert "done in" in wakesmith_inside(*arguments, cwd=tmp_path).stdout
    assert "up to date" in wakesmith_inside(*arguments, cwd=tmp_path).stdout
    path = tmp_path / "clips" / "no" / "s1_0.wav"
    path.write_bytes(path.read_bytes()[:-2] + b"\x11\x22")
    assert "done in" in wakesmith_inside(*arguments, cwd=tmp_path).stdout


def test_a_speaker_in_two_splits(tmp_path: Path) -> None:
    recordings(tmp_path / "clips")
    rows = [
        f"{word}/s{speaker}_0.wav,{word},{'anna' if speaker < 2 else speaker},{split}"
        for word in ("yes", "no")
        for speaker, split in enumerate(("train", "test", "train", "val", "test", "train"))
    ]
    (tmp_path / "clips" / "index.csv").write_text("path,word,speaker,split\n" + "\n".join(rows))
    file = tmp_path / "mine.toml"
    file.write_text(FOLDER.replace('"folder"', '"index"'), encoding="utf-8")
    message = refused(tmp_path, "build", file, "--until", "speech", "--quiet")
    assert "A speaker must be in one split only" in message
    assert "anna" in message


@pytest.mark.parametrize(
    ("section", "says"),
    [
        ('[model]\nname = "none.py:f"', "The model's file must be readable"),
        ('[model]\nname = "clips:f"', "The model's file must be readable"),
        ('[augment]\nnoise_folder = "none"', "A noise folder must exist"),
        ('[augment]\nnoise_folder = "~no_such_user/x"', "A path must be usable"),
    ],
)
def test_missing_files_are_told_at_once(tmp_path: Path, section: str, says: str) -> None:
    recordings(tmp_path / "clips")
    file = tmp_path / "mine.toml"
    file.write_text(f"{FOLDER}{section}\n", encoding="utf-8")
    assert says in refused(tmp_path, "build", file, "--until", "speech", "--quiet")
    assert not (tmp_path / "build").exists()


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ('assign = "train"', "must be validation clips"),
        ('assign = "test"', "Every class must have clips to train on"),
        ('assign = "train+val"', "must be test clips"),
        ('test_speakers = ["s1"]', "must be validation clips"),
    ],
)
def test_a_split_without_clips_is_told_before_training(tmp_path: Path, key: str, says: str) -> None:
    recordings(tmp_path / "clips")
    file = tmp_path / "mine.toml"
    file.write_text(f"{FOLDER}{key}\n", encoding="utf-8")
    message = refused(tmp_path, "build", file, "--until", "speech", "--quiet")
    assert says in message


def test_bad_stage_name(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(TINY, encoding="utf-8")
    assert "--until must be one of speech" in refused(tmp_path, "build", file, "--until", "tran")


@pytest.mark.parametrize("command", ["report", "verify"])
def test_not_built_yet(tmp_path: Path, command: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(TINY, encoding="utf-8")
    assert "must be built first" in refused(tmp_path, command, file)


def test_locked_folder(tmp_path: Path) -> None:
    from wakesmith.pipeline import locked

    file = tmp_path / "p.toml"
    file.write_text(TINY, encoding="utf-8")
    with locked(tmp_path / "build" / "tiny"):
        assert "one build at a time" in refused(tmp_path, "build", file, "--quiet")


def test_full_disk(tmp_path: Path) -> None:
    """A file size limit stands for the full disk; nothing half-written is left."""
    file = tmp_path / "p.toml"
    file.write_text(TINY, encoding="utf-8")
    command = f"ulimit -f 200; exec {sys.executable} -m wakesmith build p.toml --quiet"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "The disk must have room" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "build" / "tiny" / "stages").iterdir()) == []


def test_ctrl_c(tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(TINY, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "wakesmith", "build", "p.toml"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout is not None and process.stderr is not None
        for line in process.stdout:
            if line.startswith("train"):
                break
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        error = process.stderr.read()
        process.stdout.read()
        code = process.wait(timeout=60)
    assert code == 130, error
    assert "Stopped in stage train. Finished stages are kept (speech, features)." in error
    assert "Traceback" not in error
    kept = sorted(p.name for p in (tmp_path / "build" / "tiny" / "stages").iterdir())
    assert kept == ["features", "speech"]


def test_new_writes_a_project_that_is_valid(tmp_path: Path) -> None:
    from wakesmith.project import load_project

    done = wakesmith("new", "yes", "no", "été", "--file", "my words.toml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    project = load_project(tmp_path / "my words.toml")
    assert project.project.words == ("yes", "no", "été")
    assert project.project.name == "my-words"
    assert "must not exist yet" in refused(tmp_path, "new", "a", "b", "--file", "my words.toml")
    assert "at least two words" in refused(tmp_path, "new", "a", "--file", "x.toml")
    assert "end in .toml" in refused(tmp_path, "new", "a", "b", "--file", "x.txt")
    for word in ("unknown", "Silence"):
        assert f"{word.lower()!r}" in refused(tmp_path, "new", "yes", word, "--file", "x.toml")


class TestVerifyModel:
    """Any int8 .tflite from elsewhere."""

    @pytest.fixture
    def model(self, tmp_path: Path) -> Path:
        from tests.tflite_builder import conv_2d

        path = tmp_path / "small.tflite"
        path.write_bytes(conv_2d())
        return path

    def test_equal(self, tmp_path: Path, model: Path) -> None:
        done = wakesmith("verify", model, "--clips", 5, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("bytes equal") == 3

    @pytest.mark.parametrize("core", ["cortex-m0", "cortex-m55"])
    def test_another_core(self, tmp_path: Path, model: Path, core: str) -> None:
        if core == "cortex-m55" and not qemu_available():
            pytest.skip("only QEMU has this core, and it is not installed")
        done = wakesmith("verify", model, "--clips", 4, "--core", core, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert "reference = cortex-m: " in done.stdout
        assert done.stdout.count("bytes equal") == 3

    def test_no_such_core(self, tmp_path: Path, model: Path) -> None:
        assert "--core must be among" in refused(tmp_path, "verify", model, "--core", "cortex-m9")

    def test_inputs_from_a_file(self, tmp_path: Path, model: Path) -> None:
        np.save(tmp_path / "x.npy", np.zeros((2, 3), np.int8))
        message = refused(tmp_path, "verify", model, "--inputs", tmp_path / "x.npy")
        assert "The inputs must be int8 of shape" in message
        (tmp_path / "y.npy").write_bytes(b"no array")
        assert ".npy" in refused(tmp_path, "verify", model, "--inputs", tmp_path / "y.npy")
        assert "exists" in refused(tmp_path, "verify", model, "--inputs", tmp_path / "z.npy")

    def test_more_inputs_than_fit_into_memory(self, tmp_path: Path, model: Path) -> None:
        message = refused(tmp_path, "verify", model, "--clips", 100_000_000)
        assert "can be at most" in message and "Received: 100000000." in message

    def test_damaged_and_missing(self, tmp_path: Path, model: Path) -> None:
        cut = tmp_path / "cut.tflite"
        cut.write_bytes(model.read_bytes()[:100])
        refused(tmp_path, "verify", cut)
        cut.write_bytes(b"")
        refused(tmp_path, "verify", cut)
        assert "readable" in refused(tmp_path, "verify", tmp_path / "none.tflite")

    def test_backend_names(self, tmp_path: Path, model: Path) -> None:
        assert "Received: qemu" in refused(tmp_path, "verify", model, "--backends", "host,qemu")
        assert "at least two" in refused(tmp_path, "verify", model, "--backends", "host")
