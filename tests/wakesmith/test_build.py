"""From a project file to proven firmware, with the real rooms behind every stage."""

from __future__ import annotations

import json
import shutil
import wave
from pathlib import Path

import numpy as np
import pytest

from tests.wakesmith.conftest import TINY, Tiny, wakesmith, wakesmith_inside
from wakesmith.pipeline import locked

STAGES = ("speech", "features", "train", "quantize", "evaluate", "convert", "firmware", "verify")


def test_everything_lands_in_the_build_folder(tiny: Tiny) -> None:
    for name in ("model.keras", "model.tflite", "report.html", "manifest.json"):
        assert (tiny.build / name).stat().st_size > 500
    for suffix in ("elf", "bin", "hex"):
        assert (tiny.build / f"firmware.{suffix}").stat().st_size > 5000
    for name in ("model.c", "model.h", "ws_frontend_tables.c", "tflm/model_data.c"):
        assert (tiny.build / "c" / name).is_file()
    assert (tiny.build / "firmware.elf").read_bytes()[:4] == b"\x7fELF"


def test_closing_table(tiny: Tiny) -> None:
    for text in ("float model", "ptq_int8", "firmware", "flash", "RAM", "instructions"):
        assert text in tiny.printed
    last = [line for line in tiny.printed.splitlines() if line.startswith("mismatches")]
    assert last[0].split()[1] == "0"


def test_proofs_cover_all_back_ends(tiny: Tiny) -> None:
    proven = json.loads((tiny.build / "stages" / "verify" / "verify.json").read_text())
    named = {name for proof in proven["proofs"] for name in proof["backends"]}
    assert named == {"reference", "tflm", "host", "cortex-m"}
    assert {p["what"] for p in proven["proofs"]} >= {"features", "every layer"}
    assert all(p["compared"] > 0 and p["mismatches"] == 0 for p in proven["proofs"])
    assert proven["instructions"] == sum(x["instructions"] for x in proven["layers"]) or (
        proven["instructions"] > sum(x["instructions"] for x in proven["layers"])
    )


def test_report_has_every_section(tiny: Tiny) -> None:
    page = (tiny.build / "report.html").read_text(encoding="utf-8")
    for section in (
        "accuracy", "proof", "confusion", "training", "features", "layers", "memory", "manifest",
    ):  # fmt: skip
        assert f'<section id="{section}">' in page
    assert "none differs" in page
    assert "DEPTHWISE_CONV_2D" in page


def test_manifest(tiny: Tiny) -> None:
    manifest = json.loads((tiny.build / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["project"]["project"]["seed"] == 1
    assert manifest["versions"]["tflite-micro"]
    assert manifest["metrics"]["mismatches"] == 0
    assert manifest["files"]["firmware/firmware.elf"]["bytes"] > 5000
    assert str(tiny.build.parent) not in json.dumps(manifest), "a path of this machine"


def test_a_second_build_runs_nothing(tiny: Tiny) -> None:
    before = (tiny.build / "firmware.elf").stat().st_mtime_ns
    done = wakesmith("build", tiny.file, cwd=tiny.file.parent)
    assert done.returncode == 0
    for stage in (*STAGES, "report"):
        assert f"{stage:<9} up to date" in done.stdout
    assert (tiny.build / "firmware.elf").stat().st_mtime_ns == before


def test_rebuilds_only_what_changed_and_repeats_bytes(tiny: Tiny, tmp_path: Path) -> None:
    """A copy of the build with another number of clips to verify: only the end runs again."""
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    file = tmp_path / "tiny.toml"
    file.write_text(TINY.replace("clips = 12", "clips = 9"), encoding="utf-8")
    done = wakesmith("build", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    kept = [s for s in STAGES if f"{s:<9} up to date" in done.stdout]
    assert kept == list(STAGES[:-1])
    assert "verify    done" in done.stdout
    # The same C and ELF when these stages are made again from the same model.
    shutil.rmtree(tmp_path / "build" / "tiny" / "stages" / "convert")
    shutil.rmtree(tmp_path / "build" / "tiny" / "stages" / "firmware")
    assert wakesmith("build", file, cwd=tmp_path).returncode == 0
    for name in ("firmware.elf", "firmware.hex", "c/model.c"):
        assert (tmp_path / "build/tiny" / name).read_bytes() == (tiny.build / name).read_bytes()


def test_an_own_network_that_cannot_run_is_refused_before_training(
    tiny: Tiny, tmp_path: Path
) -> None:
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    (tmp_path / "net.py").write_text(
        "import tensorflow as tf\n"
        "from tf_keras import Model, layers\n"
        "def make(shape, classes):\n"
        "    x = inputs = layers.Input(shape)\n"
        "    x = layers.Flatten()(tf.math.sin(layers.Conv2D(2, 3)(x)))\n"
        "    return Model(inputs, layers.Dense(classes, activation='softmax')(x))\n"
    )
    own = TINY.replace('name = "ds_cnn"\nwidth = 12\nblocks = 1', 'name = "net.py:make"')
    (tmp_path / "tiny.toml").write_text(own.replace("epochs = 2", "epochs = 5000"))
    done = wakesmith("build", "tiny.toml", cwd=tmp_path)
    assert done.returncode == 2
    assert "(SIN, output" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.slow
def test_building_twice_gives_the_same_bytes(tiny: Tiny, tmp_path: Path) -> None:
    """Elsewhere, and with a break in the middle: every file of the build folder is the same."""
    file = tmp_path / "tiny.toml"
    file.write_text(TINY, encoding="utf-8")
    assert wakesmith("build", file, "--until", "train", cwd=tmp_path).returncode == 0
    assert wakesmith("build", file, cwd=tmp_path).returncode == 0
    again = tmp_path / "build" / "tiny"
    names = [p.relative_to(again) for p in again.rglob("*") if p.is_file() and p.name != ".lock"]
    assert len(names) > 30
    for name in names:
        assert (again / name).read_bytes() == (tiny.build / name).read_bytes(), name


def test_until_stops_and_hides_later_results(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.build, tmp_path / "out")
    done = wakesmith(
        "build", tiny.file, "--out", tmp_path / "out", "--until", "train", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "Stopped after train" in done.stdout
    assert (tmp_path / "out" / "model.keras").exists()
    assert not (tmp_path / "out" / "firmware.elf").exists()
    assert not (tmp_path / "out" / "c").exists()


def test_verify_project(tiny: Tiny) -> None:
    done = wakesmith("verify", tiny.file, "--clips", 3, cwd=tiny.file.parent)
    assert done.returncode == 0, done.stderr
    assert "reference = cortex-m" in done.stdout
    assert "0 differ" in done.stdout


def test_verify_names_the_difference(tiny: Tiny, tmp_path: Path) -> None:
    """A model whose weights were changed after the firmware was built is refused or found out."""
    shutil.copytree(tiny.build, tmp_path / "out")
    model = tmp_path / "out" / "stages" / "quantize" / "model.tflite"
    other = wakesmith("verify", tiny.file, "--out", tmp_path / "out", "--clips", 2, cwd=tmp_path)
    assert other.returncode == 0
    data = bytearray(model.read_bytes())
    data[-1] ^= 1
    model.write_bytes(bytes(data))
    done = wakesmith("verify", tiny.file, "--out", tmp_path / "out", "--clips", 2, cwd=tmp_path)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr


def test_a_scheme_that_does_not_run_as_c(tiny: Tiny, tmp_path: Path) -> None:
    """What does not change is taken over; there is no firmware, and the report says so."""
    shutil.copytree(tiny.build, tmp_path / "build" / "tiny")
    file = tmp_path / "tiny.toml"
    file.write_text(TINY.replace("ptq_int8", "float32"), encoding="utf-8")
    done = wakesmith("build", file, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "train     up to date" in done.stdout
    assert "accuracy, float32" in done.stdout
    assert "does not run on the chip" in done.stdout
    assert not (tmp_path / "build" / "tiny" / "firmware.elf").exists()
    page = (tmp_path / "build" / "tiny" / "report.html").read_text(encoding="utf-8")
    assert "does not run on the chip" in page
    done = wakesmith("verify", file, cwd=tmp_path)
    assert done.returncode == 2
    assert "Received: quantization scheme float32" in done.stderr


def test_recognize(tiny: Tiny, tmp_path: Path) -> None:
    clip = tmp_path / "noise.wav"
    noise = np.random.default_rng(0).integers(-9000, 9000, 8000).astype("<i2")
    with wave.open(str(clip), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(noise.tobytes())
    done = wakesmith("recognize", clip, "--project", tiny.file, cwd=tiny.file.parent)
    assert done.returncode == 0, done.stderr
    assert sum(word in done.stdout for word in ("yes", "no", "stop")) == 3
    assert "%" in done.stdout


def test_recognize_refuses_what_is_no_clip(tiny: Tiny, tmp_path: Path) -> None:
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF1234")
    for path in (bad, tmp_path / "missing.wav"):
        done = wakesmith("recognize", path, "--project", tiny.file, cwd=tiny.file.parent)
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1


def test_report_command(tiny: Tiny) -> None:
    done = wakesmith("report", tiny.file, cwd=tiny.file.parent)
    assert done.returncode == 0
    assert "mismatches" in done.stdout
    assert "report.html" in done.stdout


def test_clean(tiny: Tiny, tmp_path: Path) -> None:
    shutil.copytree(tiny.build, tmp_path / "out")
    done = wakesmith("clean", tiny.file, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 0
    assert not (tmp_path / "out").exists()
    shutil.copytree(tiny.build, tmp_path / "out")
    (tmp_path / "out" / "notes.txt").write_text("of the user")
    with locked(tmp_path / "out"):
        done = wakesmith("clean", tiny.file, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "one build at a time" in done.stderr
    done = wakesmith("clean", tiny.file, "--out", tmp_path / "out", cwd=tmp_path)
    assert "stays" in done.stdout
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["notes.txt"]
    (tmp_path / "mine").mkdir()
    done = wakesmith("clean", tiny.file, "--out", tmp_path / "mine", cwd=tmp_path)
    assert done.returncode == 2
    assert (tmp_path / "mine").exists()


def test_a_folder_of_other_files_is_left_alone(tiny: Tiny, tmp_path: Path) -> None:
    """A build takes old results away, so it must not run among somebody else's files."""
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "main.c").write_text("int main(void);")
    done = wakesmith("build", tiny.file, "--out", tmp_path, cwd=tmp_path)
    assert done.returncode == 2
    assert "must be new, empty or of an earlier build" in done.stderr
    assert [path.name for path in tmp_path.rglob("*")] == ["c", "main.c"]


@pytest.mark.parametrize("damage", ["empty", "missing"])
@pytest.mark.parametrize("name", ["speech/pcm.npy", "speech/clips.json", "features/features.npy"])
def test_a_damaged_build_is_named(tiny: Tiny, tmp_path: Path, name: str, damage: str) -> None:
    shutil.copytree(tiny.build, tmp_path / "out")
    path = tmp_path / "out" / "stages" / name
    path.unlink()
    if damage == "empty":
        path.touch()
    done = wakesmith_inside("verify", tiny.file, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "wakesmith build" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("find", "put", "what"),
    [
        ('"yes", "no"', '"no", "yes"', "words"),
        ("seed = 1", "seed = 1\nclip_seconds = 2", "clip_seconds"),
        ("[train]", '[frontend]\nkind = "mfcc"\n\n[train]', "frontend"),
    ],
)
def test_a_project_that_changed_since(
    tiny: Tiny, tmp_path: Path, find: str, put: str, what: str
) -> None:
    file = tmp_path / "tiny.toml"
    file.write_text(TINY.replace(find, put), encoding="utf-8")
    done = wakesmith_inside("verify", file, "--out", tiny.build, cwd=tmp_path)
    assert done.returncode == 2
    assert f"whose {what} changed since" in done.stderr
