"""Exported libraries: built as far as the tools here reach, and run against the simulator."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.detector import Detector
from convert.emit_aot import emit_model
from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from convert.graph import Graph
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.build import build
from simulate.backend import windows
from simulate.hostfrontend import HostFrontEnd
from simulate.hostlib import HostBackend
from simulate.listening import detector_plan
from simulate.stream import Result, stream
from tests.keyword_net import LABELS, keyword_model, keyword_tflite
from tests.recurrent_cases import svdf_network
from tests.wakesmith.conftest import Tiny, wakesmith_inside
from wakesmith.exporting.formats import KINDS, Facts, lay_out
from wakesmith.exporting.library import collect
from wakesmith.exporting.sound import Sound
from wakesmith.exporting.write import write_library

Net = Literal["plain", "dsp", "steps"]
"""A network with either kernels, and one that takes a frame at a time and remembers."""

FE = FrontEnd()
WINDOW = 16000
DETECT = Detector(threshold=0.3, average=2, release=1.0, refractory_ms=200)
ARDUINO_H = """
#pragma once
#include <stdint.h>
struct Console {
    void begin(long) {}
    operator bool() const { return true; }
    void print(const char *text);
    void print(uint32_t number);
    void print(int32_t number);
    template <class T> void println(T value) { print(value); print("\\n"); }
};
extern Console Serial;
unsigned long millis();
"""
ARDUINO_MAIN = """
#include <stdio.h>
#include "Arduino.h"
Console Serial;
void Console::print(const char *text) { fputs(text, stdout); }
void Console::print(uint32_t number) { printf("%lu", (unsigned long)number); }
void Console::print(int32_t number) { printf("%ld", (long)number); }
unsigned long millis() { return 0; }
void setup();
void loop();
int main() {
    setup();
    for (int i = 0; i < 1000; i++) loop();
}
"""
ZEPHYR_CMAKE = """
cmake_minimum_required(VERSION 3.20)
project(sample C)
set(CMAKE_C_FLAGS "-Wall -Wextra -Werror")
function(zephyr_include_directories)
    set_property(GLOBAL APPEND PROPERTY shared ${ARGN})
endfunction()
function(zephyr_library)
    add_library(module STATIC)
endfunction()
function(zephyr_library_include_directories)
    target_include_directories(module PRIVATE ${ARGN})
endfunction()
function(zephyr_library_sources)
    target_sources(module PRIVATE ${ARGN})
endfunction()
function(zephyr_library_compile_options)
    target_compile_options(module PRIVATE ${ARGN})
endfunction()
add_subdirectory(${MODULE}/zephyr module)
if(TARGET module)
    target_include_directories(module PRIVATE ${MODULE}/include)
    add_executable(app ${MODULE}/samples/listen/src/main.c)
    target_include_directories(app PRIVATE ${MODULE}/include stubs)
    target_link_libraries(app module)
endif()
"""

needs_cmake = pytest.mark.skipif(
    shutil.which("cmake") is None or shutil.which("cc") is None, reason="cmake or cc is missing"
)
COMPILERS = [
    "zig",
    pytest.param(
        "gcc",
        marks=[
            pytest.mark.arm_gcc,
            pytest.mark.skipif(
                shutil.which("arm-none-eabi-gcc") is None, reason="arm-none-eabi-gcc is missing"
            ),
        ],
    ),
]
ZIG = (sys.executable, "-m", "ziglang")
CROSS = {
    ("zig", "m0"): "-target thumb-freestanding-eabi -mcpu=cortex_m0 -fno-sanitize=undefined",
    ("zig", "m4"): "-target thumb-freestanding-eabihf -mcpu=cortex_m4+vfp4d16sp-soft_float "
    "-fno-sanitize=undefined",
    ("gcc", "m0"): "-mcpu=cortex-m0 -mthumb",
    ("gcc", "m4"): "-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard",
}


def sound(seconds: float, seed: int) -> NDArray[np.int16]:
    """Noise whose loudness and colour change, so that the drawn network changes its mind."""
    rng = np.random.default_rng(seed)
    parts = []
    for _ in range(int(seconds * 5)):
        noise = rng.normal(0, rng.uniform(50, 6000), 3200)
        taps = rng.integers(1, 12)
        parts.append(np.convolve(noise, np.ones(taps) / taps, "same"))
    return np.clip(np.concatenate(parts), -32768, 32767).astype(np.int16)


@cache
def network(net: Net) -> tuple[Graph, GeneratedModel, FrontEnd]:
    if net == "steps":
        graph = read(svdf_network(zero_point=0))
        return graph, emit_model(graph, labels=LABELS, steps=49), FrontEnd(mels=10)
    graph = read(keyword_tflite())
    return graph, emit_model(graph, labels=LABELS, kernels=net), FE


@cache
def loud(net: Net) -> tuple[Result, ...]:
    return expected(sound(12, seed=8), net)


def expected(pcm: NDArray[np.int16], net: Net = "plain") -> tuple[Result, ...]:
    graph, model, fe = network(net)
    host = HostBackend(model)
    shape = graph.tensors[graph.inputs[0]].shape

    def posteriors(features: NDArray[np.int8]) -> NDArray[np.int8]:
        return np.asarray(host.predict(windows(features, shape)), np.int8)

    plan = detector_plan(graph, LABELS, fe, words=LABELS[1:], detect=DETECT)
    return stream(pcm, fe, plan, window=WINDOW, ears=HostFrontEnd(fe), posteriors=posteriors)


@cache
def files(kind: str, net: Net = "plain") -> dict[str, str]:
    graph, model, fe = network(net)
    plan = detector_plan(graph, LABELS, fe, words=LABELS[1:], detect=DETECT)
    library = collect(model, fe, plan, scale=1 / 256, project='odd "name" */')
    pcm = sound(2, seed=5)
    facts = Facts(
        name="keywords",
        project='odd "name" */',
        version="0.1.0",
        words=LABELS[1:],
        labels=LABELS,
        model_hash=model.model_hash,
        frontend_hash=fe.hash(),
        rate=fe.sample_rate,
        hop=fe.hop,
        every_ms=DETECT.every_ms,
        window_ms=1000,
        arena=model.arena_size,
        weights=model.flash_bytes,
    )
    return lay_out(kind, library, facts, Sound(pcm, "a/*b*/c", 'say "hi"', expected(pcm, net)))


def written(kind: str, folder: Path, net: Net = "plain") -> Path:
    write_library(files(kind, net), folder, force=False)
    return folder


def stored_events() -> list[str]:
    return [str(r.event) for r in expected(sound(2, seed=5)) if r.event]


def run(*command: object, cwd: Path | None = None) -> str:
    done = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def cmake(source: Path, build_dir: Path, *options: str) -> None:
    run("cmake", "-S", source, "-B", build_dir, "-Wno-dev", *options)
    run("cmake", "--build", build_dir, "-j", "2")


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


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_library_tells_what_it_is(kind: str, tmp_path: Path) -> None:
    folder = written(kind, tmp_path / "lib")
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert keyword_model().model_hash in readme and "Apache License 2.0" in readme
    assert all(word in readme for word in LABELS[1:])
    assert all(event in readme for event in stored_events())
    root = Path(__file__).parents[2]
    assert (folder / "LICENSE").read_text() == (root / "LICENSE").read_text()
    everything = "".join(p.read_text(encoding="utf-8") for p in folder.rglob("*") if p.is_file())
    assert "{{" not in everything and "{%" not in everything
    assert str(root) not in everything
    boards = ("ws_board", "ws_cortexm", "ws_text")
    assert not [name for name in boards if f'"{name}' in everything]


def test_same_files_again(tmp_path: Path) -> None:
    first = dict(files("cmake"))
    files.cache_clear()
    assert files("cmake") == first


def test_folder_that_is_not_empty(tmp_path: Path) -> None:
    (tmp_path / "lib/src").mkdir(parents=True)
    (tmp_path / "lib/notes.txt").write_text("mine")
    (tmp_path / "lib/src/stale.c").write_text("stale")
    with pytest.raises(UserError, match=r"must be empty\. Received: .*lib, which is not.*--force"):
        write_library({"src/a.c": "a"}, tmp_path / "lib", force=False)
    with pytest.raises(UserError, match=r"an export wrote\. Received: .*lib, which has no ws_list"):
        write_library({"src/a.c": "a"}, tmp_path / "lib", force=True)
    assert (tmp_path / "lib/src/stale.c").read_text() == "stale"
    (tmp_path / "lib/include").mkdir()
    (tmp_path / "lib/include/ws_listener_config.h").write_text("")
    write_library({"src/a.c": "a", "b": "b"}, tmp_path / "lib", force=True)
    assert (tmp_path / "lib/notes.txt").read_text() == "mine"
    assert [p.name for p in (tmp_path / "lib/src").iterdir()] == ["a.c"]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lib"]


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("empty", "deep/er"):
        write_library({"a": "a"}, tmp_path / name, force=False)
        assert (tmp_path / name / "a").read_text() == "a"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "empty"]


def test_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="must be a folder"):
        write_library({"a": "a"}, tmp_path / "file", force=True)
    with pytest.raises(UserError, match="must be writable"):
        write_library({"a": "a"}, tmp_path / "file/deeper", force=False)


@pytest.mark.parametrize("kind", KINDS)
def test_an_export_is_known_as_one(kind: str, tmp_path: Path) -> None:
    """A second time over the first."""
    write_library(files(kind), tmp_path / "lib", force=False)
    write_library(files(kind), tmp_path / "lib", force=True)


@pytest.mark.parametrize("filled", [True, False])
def test_nothing_is_left_half_written(
    filled: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "lib"
    if filled:
        old = {"a": "old a", "b/c": "old c", "src/ws_listener_config.h": ""}
        write_library(old, out, force=False)
    rename, calls = Path.rename, []

    def full(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == (4 if filled else 1):
            raise OSError(28, os.strerror(28))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(UserError, match="No space left"):
        write_library({"a": "new a", "b/c": "new c"}, out, force=True)
    monkeypatch.undo()
    if filled:
        assert (out / "a").read_text() == "old a" and (out / "b/c").read_text() == "old c"
    assert [p.name for p in tmp_path.iterdir()] == (["lib"] if filled else [])


def test_help_has_an_example(tmp_path: Path) -> None:
    done = wakesmith_inside("export", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "Example:  wakesmith export --format arduino" in done.stdout


def test_command(tiny: Tiny, tmp_path: Path) -> None:
    build_folder = ("--build", tiny.build)
    done = wakesmith_inside("export", "--format", "zephyr", tiny.file, *build_folder, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Wrote ") and "tiny-zephyr" in done.stdout
    assert (tmp_path / "tiny-zephyr/zephyr/module.yml").is_file()
    again = wakesmith_inside("export", "--format", "zephyr", tiny.file, *build_folder, cwd=tmp_path)
    assert again.returncode == 2 and "must be empty" in again.stderr
    forced = wakesmith_inside(
        "export", "--format", "zephyr", tiny.file, *build_folder, "--force", cwd=tmp_path
    )
    assert forced.returncode == 0


def test_project_that_is_not_built(tmp_path: Path) -> None:
    assert wakesmith_inside("new", "yes", "no", cwd=tmp_path).returncode == 0
    done = wakesmith_inside("export", "--format", "cmake", "words.toml", cwd=tmp_path)
    assert done.returncode == 2 and "must be built first" in done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["words.toml"]
