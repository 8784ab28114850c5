"""`--runtime tflm`: what is refused before anything is built. No TFLite Micro tree is needed."""

from __future__ import annotations

from pathlib import Path

from tests.firmware.test_tflm_tree import HEADERS
from tests.wakesmith.conftest import TINY, wakesmith_inside


def refused(folder: Path, *arguments: object, text: str = TINY) -> str:
    (folder / "tiny.toml").write_text(text, encoding="utf-8")
    done = wakesmith_inside("build", "tiny.toml", *arguments, cwd=folder)
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("wakesmith: ")
    assert not list(folder.glob("build/tiny/stages/*/stage.json"))
    return done.stderr


def test_compiler_and_folder_are_asked_for(tmp_path: Path) -> None:
    assert "compiler must be gcc with the runtime tflm" in refused(tmp_path, "--runtime", "tflm")
    gcc = ("--runtime", "tflm", "--compiler", "gcc")
    assert "tflm_dir must be given with the runtime tflm" in refused(tmp_path, *gcc)
    said = refused(tmp_path, *gcc, "--tflm-dir", "nowhere")
    assert f"must exist. Received: {tmp_path / 'nowhere'}" in said


def test_the_project_file_can_say_it(tmp_path: Path) -> None:
    section = '[firmware]\nruntime = "tflm"\ncompiler = "gcc"\ntflm_dir = "tree"\n'
    said = refused(tmp_path, text=TINY + section)
    assert "must exist. Received: tree." in said  # beside the project file, which is here
    for name, content in HEADERS.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert "for TARGET=cortex_m_generic, TARGET_ARCH=cortex-m4+fp. Received: none" in refused(
        tmp_path, text=TINY + section
    )
    # The command line wins.
    assert "Received: zig" in refused(tmp_path, "--compiler", "zig", text=TINY + section)


def test_schemes_that_tflite_micro_does_not_run(tmp_path: Path) -> None:
    text = TINY.replace('scheme = "ptq_int8"', 'scheme = "log4"')
    arguments = ("--runtime", "tflm", "--compiler", "gcc", "--tflm-dir", "nowhere")
    assert "must exist" in refused(tmp_path, *arguments, text=text)  # log4 runs there, unpacked
    text = TINY.replace('scheme = "ptq_int8"', 'scheme = "dynamic_range"')
    assert "scheme that TFLite Micro runs. Received: dynamic_range" in refused(
        tmp_path, *arguments, text=text
    )


def test_choosing_bits_by_flash_needs_the_generated_c(tmp_path: Path) -> None:
    text = TINY.replace('scheme = "ptq_int8"', 'scheme = "mixed"') + "[budget]\nflash = 40000\n"
    said = refused(tmp_path, "--runtime", "tflm", "--compiler", "gcc", "--tflm-dir", "x", text=text)
    assert "must go with the runtime c. Received: tflm" in said
