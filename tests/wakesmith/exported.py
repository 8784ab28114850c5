"""Exported libraries for tests: what they are made of, and what they must hear."""

from __future__ import annotations

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from convert.detector import Detector
from convert.emit_aot import emit_model
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from convert.graph import Graph
from convert.tflite_reader import read
from simulate.backend import windows
from simulate.hostfrontend import HostFrontEnd
from simulate.hostlib import HostBackend
from simulate.listening import detector_plan
from simulate.stream import Result, stream
from tests.keyword_net import LABELS, keyword_tflite
from tests.recurrent_cases import svdf_network
from wakesmith.exporting.formats import Facts, lay_out
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
