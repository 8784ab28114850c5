"""A TFLite Micro tree: what is found in it, and one sentence for each thing that can be wrong.

The trees are made up here, with real object files in them; no test needs TFLite Micro's sources.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from firmware.board import load_board
from firmware.cores import CORES
from firmware.errors import FirmwareError
from firmware.tflm_build import build_tflm_bare
from firmware.tflm_tree import ARCHITECTURES, LIBRARY, find_library, read_attributes

M4 = CORES["cortex-m4f"]
M4_FOLDER = "cortex_m_generic_cortex-m4+fp_release_with_logs_cmsis_nn_gcc"
HEADERS = {
    "tensorflow/lite/micro/micro_interpreter.h": "",
    "tensorflow/lite/micro/micro_common.h": "struct TFLMRegistration;\n",
    "tensorflow/lite/micro/cortex_m_generic/debug_log_callback.h": "",
    "tensorflow/lite/micro/tools/make/downloads/flatbuffers/include/flatbuffers/flatbuffers.h": "",
}


def archive(*members: bytes) -> bytes:
    """As `ar` writes it."""
    parts = [b"!<arch>\n"]
    for data in members:
        parts.append(b"%-16s%-12d%-6d%-6d%-8o%-10d`\n" % (b"x.o/", 0, 0, 0, 0o644, len(data)))
        parts.append(data + b"\n" * (len(data) % 2))
    return b"".join(parts)


@pytest.fixture(scope="module")
def objects(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Object files for some cores, by the core's name."""
    folder = tmp_path_factory.mktemp("objects")
    (folder / "f.c").write_text("float f(float x) { return 2.0f * x; }\n")
    found = {}
    for name in ("cortex-m0", "cortex-m4f", "cortex-m33f"):
        core = CORES[name]
        command = [sys.executable, "-m", "ziglang", "cc", "-target", core.zig_target]
        command += [f"-mcpu={core.zig_cpu}", "-c", "f.c", "-o", "f.o"]
        subprocess.run(command, cwd=folder, check=True)
        found[name] = (folder / "f.o").read_bytes()
    return found


@pytest.fixture
def tree(tmp_path: Path, objects: dict[str, bytes]) -> Path:
    """A tree with a library for the M4."""
    top = tmp_path / "tflite-micro"
    for name, text in HEADERS.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    add(top, M4_FOLDER, archive(b"index of symbols", objects["cortex-m4f"]))
    return top


def add(top: Path, folder: str, data: bytes) -> None:
    path = top / "gen" / folder / "lib" / LIBRARY
    path.parent.mkdir(parents=True)
    path.write_bytes(data)


def refused(folder: Path, *words: str, core: str = "cortex-m4f") -> None:
    with pytest.raises(FirmwareError) as caught:
        find_library(folder, CORES[core])
    text = str(caught.value)
    assert "must" in text and "Received: " in text and "\n" not in text
    for word in words:
        assert word in text


def test_the_library_of_the_core_is_found(tree: Path, objects: dict[str, bytes]) -> None:
    add(tree, "cortex_m_generic_cortex-m33_default_gcc", archive(objects["cortex-m33f"]))
    add(tree, "linux_x86_64_default_gcc", b"of the host")
    library = find_library(tree, M4)
    assert library.archive == tree / "gen" / M4_FOLDER / "lib" / LIBRARY
    assert library.kernels == "cmsis_nn" and library.build_type == "release_with_logs"
    assert set(library.defines) >= {"TF_LITE_STATIC_MEMORY", "NDEBUG", "CMSIS_NN"}
    assert library.includes[0] == tree.resolve() and all(p.is_absolute() for p in library.includes)
    other = find_library(tree, CORES["cortex-m33f"])
    assert other.kernels == "" and other.build_type == "default"
    assert not {"NDEBUG", "CMSIS_NN"} & set(other.defines)


def test_every_core_has_an_architecture() -> None:
    assert ARCHITECTURES.keys() == CORES.keys()


def test_attributes_are_those_of_the_compiler(tmp_path: Path, objects: dict[str, bytes]) -> None:
    for name, data in objects.items():
        path = tmp_path / f"{name}.a"
        path.write_bytes(archive(data))
        found, core = read_attributes(path), ARCHITECTURES[name]
        assert found["TAG_CPU_ARCH"] in (core.cpu, 11)  # clang: v6-M, GCC: v6S-M
        assert found.get("TAG_FP_ARCH", 0) == core.fp
        assert found.get("TAG_ABI_VFP_ARGS", 0) == core.vfp_arguments


def test_several_libraries_have_to_be_chosen_from(tree: Path, objects: dict[str, bytes]) -> None:
    release = "cortex_m_generic_cortex-m4+fp_release_gcc"
    add(tree, release, archive(objects["cortex-m4f"]))
    refused(tree, M4_FOLDER, release, "Name one of them")
    library = find_library(tree / "gen" / release, M4)
    assert library.build_type == "release" and "TF_LITE_STRIP_ERROR_STRINGS" in library.defines
    assert library.tree == tree.resolve()


def test_folders_that_are_no_tree(tmp_path: Path, tree: Path) -> None:
    refused(tmp_path / "nowhere", "must exist", "nowhere")
    refused(tmp_path, "source tree", "micro_interpreter.h")
    refused(tree / "gen", "source tree")
    refused(tree / "gen" / "no_such_build", "must exist")


def test_headers_that_are_too_old_or_not_there(tree: Path) -> None:
    common = tree / "tensorflow/lite/micro/micro_common.h"
    common.write_text("struct TfLiteRegistration;\n")
    refused(tree, "2023 or newer", "TFLMRegistration")
    common.unlink()
    refused(tree, "2023 or newer")
    common.write_text(HEADERS["tensorflow/lite/micro/micro_common.h"])
    shutil.rmtree(tree / "tensorflow/lite/micro/tools/make/downloads")
    refused(tree, "third parties", "flatbuffers.h")


def test_no_library_or_one_for_another_core(tree: Path, objects: dict[str, bytes]) -> None:
    refused(tree, "TARGET_ARCH=cortex-m0", M4_FOLDER, core="cortex-m0")
    refused(tree / "gen" / M4_FOLDER, "TARGET_ARCH=cortex-m3", core="cortex-m3")
    shutil.rmtree(tree / "gen")
    refused(tree, "TARGET_ARCH=cortex-m4+fp", "Received: none")
    # The folder says M4, the code in it does not.
    add(tree, M4_FOLDER, archive(objects["cortex-m33f"]))
    refused(tree, "Armv7E-M, FPv4, hard float", "Armv8-M, FPv5, hard float")
    (tree / "gen" / M4_FOLDER / "lib" / LIBRARY).write_bytes(archive(objects["cortex-m0"]))
    refused(tree, "Armv6-M, no FPU, soft float")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not an archive"),
        (b"!<thin>\n", "not an archive"),
        (b"!<arch>\n", "no object file"),
        (archive(b"text"), "no object file"),
        (archive(b"\x7fELF and nothing behind it"), "Build it again"),
        (archive(b"text")[:40], "no object file"),
        (b"!<arch>\n" + b"x" * 60, "damaged archive"),
    ],
)
def test_damaged_libraries(tree: Path, data: bytes, words: str) -> None:
    (tree / "gen" / M4_FOLDER / "lib" / LIBRARY).write_bytes(data)
    refused(tree, words)


def test_no_cpp_compiler(tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError, match=r"needs arm-none-eabi-g\+\+ on PATH. Received: none"):
        bare(tree, tmp_path)


@pytest.mark.skipif(shutil.which("arm-none-eabi-g++") is None, reason="needs arm-none-eabi-g++")
def test_headers_that_do_not_fit_the_harness(tree: Path, tmp_path: Path) -> None:
    words = "must compile against the headers in"
    with pytest.raises(FirmwareError, match=words) as caught:
        bare(tree, tmp_path)
    text = str(caught.value)
    assert "No such file" in text and "Received: " in text and "\n" not in text


def bare(tree: Path, out: Path) -> None:
    model = {
        "model.h": "#define MODEL_INPUT_SCALE 1\n#define MODEL_OUTPUT_SCALE 1\n",
        "model_data.h": "",
        "model_ops.h": "",
    }
    build_tflm_bare(model, load_board("mps2-an386"), find_library(tree, M4), out_dir=out)
