"""Exported libraries: built as far as the tools here reach, and run against the simulator."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import pytest

from firmware.board import load_board
from firmware.build import build
from tests.keyword_net import keyword_model
from tests.needs import COMPILERS
from tests.wakesmith.exported import (
    ARDUINO_H,
    ARDUINO_MAIN,
    CROSS,
    ZEPHYR_CMAKE,
    ZIG,
    Net,
    cmake,
    expected,
    files,
    loud,
    needs_cmake,
    run,
    sound,
    stored_events,
    written,
)


@pytest.mark.parametrize("net", get_args(Net))
def test_the_sounds_make_events(net: Net) -> None:
    assert stored_events()
    heard = loud(net)
    assert sum(r.event is not None for r in heard) >= 2
    assert len({r.scores for r in heard}) > 20


@needs_cmake
@pytest.mark.parametrize("net", get_args(Net))
def test_cmake_library_hears_what_the_simulator_hears(net: Net, tmp_path: Path) -> None:
    folder = written("cmake", tmp_path / "keywords-cmake", net)
    strict = "-DCMAKE_C_FLAGS=-Wall -Wextra -Werror -Wconversion -fsanitize=undefined"
    cmake(folder, tmp_path / "b", strict)
    listen = tmp_path / "b/examples/listen/listen"
    stored = expected(sound(2, seed=5), net)
    assert run(listen).splitlines() == [str(r.event) for r in stored if r.event]
    pcm = sound(12, seed=8)
    raw = tmp_path / "long.raw"
    raw.write_bytes(pcm.astype("<i2").tobytes() + b"odd")
    lines = [line for result in loud(net) for line in result.lines()]
    assert run(listen, "--scores", raw).splitlines() == lines


@needs_cmake
def test_cmake_library_inside_another_project_and_installed(tmp_path: Path) -> None:
    folder = written("cmake", tmp_path / "keywords-cmake")
    cmake(folder, tmp_path / "b")
    run("cmake", "--install", tmp_path / "b", "--prefix", tmp_path / "there")
    main = "#include <ws_listener.h>\nint main(void) { return ws_listener_init() != 0; }\n"
    uses = {
        "inside": f"add_subdirectory({folder} lib)",
        "installed": "find_package(wakesmith_keywords REQUIRED)",
    }
    for name, line in uses.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "main.c").write_text(main)
        (tmp_path / name / "CMakeLists.txt").write_text(
            f"cmake_minimum_required(VERSION 3.16)\nproject(user C)\n{line}\n"
            "add_executable(user main.c)\n"
            "target_link_libraries(user PRIVATE wakesmith::keywords)\n"
        )
        where = tmp_path / name / "b"
        cmake(tmp_path / name, where, f"-DCMAKE_PREFIX_PATH={tmp_path / 'there'}")
        run(where / "user")
        assert not list(where.rglob("listen"))


@needs_cmake
@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize("cpu", ["cortex-m0", "cortex-m4"])
def test_cmake_toolchain_files(compiler: str, cpu: str, tmp_path: Path) -> None:
    folder = written("cmake", tmp_path / "lib", "dsp")
    file = {"zig": "zig.cmake", "gcc": "arm-none-eabi-gcc.cmake"}[compiler]
    options = [f"-DCMAKE_TOOLCHAIN_FILE=cmake/{file}", f"-DWAKESMITH_CPU={cpu}"]
    if compiler == "zig":
        options.append(f"-DWAKESMITH_ZIG={';'.join(ZIG)}")
    cmake(folder, tmp_path / "b", *options)
    archive = (tmp_path / "b/libwakesmith_keywords.a").read_bytes()
    assert archive.startswith(b"!<arch>\n") and b"ws_listener_push" in archive
    # EABI attribute CPU_name of every object (Arm IHI 0045).
    name = {
        "cortex-m0": rb"Cortex-M0\0|6S-M\0|cortex-m0\0",
        "cortex-m4": rb"(?i)7E-M\0|cortex-m4\0",
    }
    assert re.search(name[cpu], archive)


@needs_cmake
def test_cmake_refuses_other_cores(tmp_path: Path) -> None:
    folder = written("cmake", tmp_path / "lib")
    for file in ("zig.cmake", "arm-none-eabi-gcc.cmake"):
        done = subprocess.run(
            ["cmake", "-B", "b", f"-DCMAKE_TOOLCHAIN_FILE=cmake/{file}", "-DWAKESMITH_CPU=avr"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode and "Received: avr" in done.stderr


def compile_units(
    compiler: str, core: str, paths: Sequence[Path], include: Sequence[Path], out: Path
) -> None:
    """Every file to an object, C and C++, without linking."""
    out.mkdir(parents=True, exist_ok=True)
    c = [*ZIG, "cc"] if compiler == "zig" else ["arm-none-eabi-gcc"]
    cpp = [*ZIG, "c++"] if compiler == "zig" else ["arm-none-eabi-g++"]
    common = [*CROSS[compiler, core].split(), "-O2", "-Wall", "-Werror", "-c"]
    common += [f"-I{folder}" for folder in include]
    plain = [p for p in paths if p.suffix == ".c"]
    run(*c, *common, "-std=gnu11", *plain, cwd=out)
    for path in paths:
        if path.suffix != ".c":
            run(*cpp, *common, "-std=gnu++14", "-fno-exceptions", "-x", "c++", path, cwd=out)
    # zig makes one object of all C files.
    objects = b"".join(path.read_bytes() for path in out.glob("*.o"))
    assert b"ws_listener_push" in objects and b"model_invoke" in objects and b"loop" in objects


def stubs(folder: Path, compiler: str) -> Path:
    """Arduino.h, and for zig, which has none, string.h."""
    folder.mkdir(exist_ok=True)
    (folder / "Arduino.h").write_text(ARDUINO_H)
    if compiler == "zig":
        (folder / "string.h").write_text(files("cmake")["cmake/freestanding/string.h"])
    return folder


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    ("kind", "core"), [("arduino", "m0"), ("arduino", "m4"), ("platformio", "m0")]
)
def test_arduino_and_platformio_compile(
    kind: str, compiler: str, core: str, tmp_path: Path
) -> None:
    folder = written(kind, tmp_path / "lib")
    include = [folder / "src", folder / "include", stubs(tmp_path / "stubs", compiler)]
    units = sorted((folder / "src").glob("*.c"))
    compile_units(compiler, core, [*units, sketch(kind, folder)], include, tmp_path / "o")


def sketch(kind: str, folder: Path) -> Path:
    """The example as the build system gives it to the compiler."""
    if kind == "platformio":
        return folder / "examples/listen/src/main.cpp"
    ino = folder / "examples/Listen/Listen.ino"
    wrapped = ino.with_name("Listen.ino.cpp")
    wrapped.write_text("#include <Arduino.h>\n" + ino.read_text(encoding="utf-8"))
    return wrapped


@pytest.mark.parametrize("kind", ["arduino", "platformio"])
def test_sketch_prints_the_events(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "lib")
    (tmp_path / "main.cpp").write_text(ARDUINO_MAIN)
    (tmp_path / "Arduino.h").write_text(ARDUINO_H)
    include = [f"-I{p}" for p in (folder / "src", folder / "include", tmp_path)]
    (tmp_path / "o").mkdir()
    run(*ZIG, "cc", "-O1", "-c", *include, *(folder / "src").glob("*.c"), cwd=tmp_path / "o")
    objects = list((tmp_path / "o").glob("*.o"))
    run(
        *(*ZIG, "c++", "-O1", *include, "-x", "c++", sketch(kind, folder)),
        *(tmp_path / "main.cpp", "-x", "none", *objects, "-o", tmp_path / "sketch"),
    )
    model = f"model {keyword_model().model_hash}"
    assert run(tmp_path / "sketch").splitlines() == [model, *stored_events()]


def test_arduino_library_is_described(tmp_path: Path) -> None:
    folder = written("arduino", tmp_path / "lib")
    lines = (folder / "library.properties").read_text().splitlines()
    properties = dict(line.split("=", 1) for line in lines)
    needed = ("name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url")
    assert all(key in properties for key in (*needed, "architectures"))
    assert properties["category"] == "Signal Input/Output"
    assert (folder / "src" / properties["includes"]).is_file()
    assert re.fullmatch(r"[A-Za-z0-9][\w .-]{0,62}", properties["name"])
    assert not list((folder / "src").glob("*/*"))


def test_platformio_library_is_described(tmp_path: Path) -> None:
    folder = written("platformio", tmp_path / "lib")
    manifest = json.loads((folder / "library.json").read_text())
    assert manifest["name"] == "wakesmith_keywords" and manifest["license"] == "Apache-2.0"
    assert (folder / manifest["build"]["includeDir"] / manifest["headers"]).is_file()
    (example,) = manifest["examples"]
    assert all((folder / example["base"] / name).is_file() for name in example["files"])


@needs_cmake
@pytest.mark.parametrize("chosen", [True, False])
def test_zephyr_module(chosen: bool, tmp_path: Path) -> None:
    """With functions of our own in the place of Zephyr's, which is not here."""
    folder = written("zephyr", tmp_path / "module")
    (tmp_path / "CMakeLists.txt").write_text(ZEPHYR_CMAKE)
    kernel = tmp_path / "stubs/zephyr"
    (kernel / "sys").mkdir(parents=True)
    (kernel / "kernel.h").write_text("")
    (kernel / "sys/printk.h").write_text("#include <stdio.h>\n#define printk printf\n")
    option = "-DCONFIG_WAKESMITH_KEYWORDS=" + ("y" if chosen else "n")
    cmake(tmp_path, tmp_path / "b", f"-DMODULE={folder}", option)
    assert (tmp_path / "b/app").exists() == chosen
    if chosen:
        assert run(tmp_path / "b/app").splitlines() == [*stored_events(), "end"]


def test_zephyr_module_is_described(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    folder = written("zephyr", tmp_path / "module")
    module = yaml.safe_load((folder / "zephyr/module.yml").read_text())
    assert (folder / module["build"]["cmake"] / "CMakeLists.txt").is_file()
    kconfig = (folder / module["build"]["kconfig"]).read_text()
    (option,) = re.findall(r"(?m)^config (\w+)$", kconfig)
    assert (folder / "samples/listen/prj.conf").read_text().startswith(f"CONFIG_{option}=y\n")
    sample = yaml.safe_load((folder / "samples/listen/sample.yaml").read_text())
    (test,) = sample["tests"].values()
    assert re.search(test["harness_config"]["regex"][0], "\n".join(stored_events()))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_library_links_without_a_c_library(compiler: str, tmp_path: Path) -> None:
    sources = {name.removeprefix("src/"): text for name, text in files("arduino").items()}
    sources = {name: text for name, text in sources.items() if re.fullmatch(r"\w+\.[ch]", name)}
    sources["main.c"] = """
        #include "ws_listener.h"
        static int16_t hop[WS_LISTENER_HOP];
        int main(void) {
            ws_detection_t said;
            (void)ws_listener_init();
            for (;;) {
                (void)ws_listener_push(hop, &said);
            }
        }
    """
    image = build(sources, load_board("mps2-an386"), compiler=compiler, out_dir=tmp_path, name="x")
    assert image.symbol("ws_listener_push").size > 0
