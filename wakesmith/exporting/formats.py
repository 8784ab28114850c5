"""What each build system expects: where files go, and the few that describe the library to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from convert.emit_listener import emit_sound
from wakesmith.exporting.library import Library, freestanding_string, licence
from wakesmith.exporting.sound import Sound
from wakesmith.exporting.templates import render

Files = dict[str, str]
"""Path within the library -> text."""


@dataclass(frozen=True)
class Facts:
    """What the templates write about.

    Attributes:
        name: a C identifier, e.g. "digits": names targets, options and the folder.
        project: the project's name.
        version: of wakesmith.
        words: what makes events.
        labels: all classes.
        model_hash: of the model.
        frontend_hash: of the front-end.
        rate: samples per second.
        hop: samples per call.
        every_ms: from run to run of the model.
        window_ms: what the model hears at once.
        arena: bytes of the model's working memory.
        weights: bytes of the model's constants.
    """

    name: str
    project: str
    version: str
    words: tuple[str, ...]
    labels: tuple[str, ...]
    model_hash: str
    frontend_hash: str
    rate: int
    hop: int
    every_ms: int
    window_ms: int
    arena: int
    weights: int


def lay_out(kind: str, library: Library, facts: Facts, sound: Sound) -> Files:
    """All files of a library.

    Args:
        kind: one of `KINDS`.
        library: the C.
        facts: what is written about it.
        sound: for the example.
    """
    values: dict[str, Any] = {
        "kind": kind,
        "facts": facts,
        "macro": facts.name.upper(),
        "units": library.units,
        "sound": sound,
        "events": [str(r.event) for r in sound.results if r.event],
    }
    note = (
        f"{sound.clip}: {sound.word!r} with silence around it, int16, {facts.rate} Hz, "
        "for the example."
    )
    stored = emit_sound("sound", sound.pcm.tolist(), note)["sound.h"]
    files = KINDS[kind](library, values, stored)
    files["README.md"] = render("README.md.j2", values)
    files["LICENSE"] = licence()
    return files


def _split(library: Library) -> Files:
    """Public headers in include/, everything else in src/."""
    return {
        **{f"include/{name}": text for name, text in library.public.items()},
        **{f"src/{name}": text for name, text in library.private.items()},
    }


def _cmake(library: Library, values: Mapping[str, Any], stored: str) -> Files:
    return {
        **_split(library),
        "CMakeLists.txt": render("CMakeLists.txt.j2", values),
        "cmake/arm-none-eabi-gcc.cmake": render("arm-none-eabi-gcc.cmake.j2", values),
        "cmake/zig.cmake": render("zig.cmake.j2", values),
        "cmake/freestanding/string.h": freestanding_string(),
        "examples/listen/CMakeLists.txt": render("example.CMakeLists.txt.j2", values),
        "examples/listen/listen.c": render("listen.c.j2", values),
        "examples/listen/sound.h": stored,
    }


def _arduino(library: Library, values: Mapping[str, Any], stored: str) -> Files:
    return {
        **{f"src/{name}": text for name, text in library.public.items()},
        **{f"src/{name}": text for name, text in library.private.items()},
        "library.properties": render("library.properties.j2", values),
        "keywords.txt": render("keywords.txt.j2", values),
        "examples/Listen/Listen.ino": render("Listen.ino.j2", values),
        "examples/Listen/sound.h": stored,
    }


def _zephyr(library: Library, values: Mapping[str, Any], stored: str) -> Files:
    return {
        **_split(library),
        "zephyr/module.yml": render("module.yml.j2", values),
        "zephyr/CMakeLists.txt": render("zephyr.CMakeLists.txt.j2", values),
        "zephyr/Kconfig": render("Kconfig.j2", values),
        "samples/listen/CMakeLists.txt": render("sample.CMakeLists.txt.j2", values),
        "samples/listen/prj.conf": render("prj.conf.j2", values),
        "samples/listen/sample.yaml": render("sample.yaml.j2", values),
        "samples/listen/src/main.c": render("main.c.j2", values),
        "samples/listen/src/sound.h": stored,
    }


def _platformio(library: Library, values: Mapping[str, Any], stored: str) -> Files:
    return {
        **_split(library),
        "library.json": render("library.json.j2", values),
        "examples/listen/platformio.ini": render("platformio.ini.j2", values),
        "examples/listen/src/main.cpp": render("Listen.ino.j2", values),
        "examples/listen/src/sound.h": stored,
    }


KINDS: Mapping[str, Callable[[Library, Mapping[str, Any], str], Files]] = {
    "cmake": _cmake,
    "arduino": _arduino,
    "zephyr": _zephyr,
    "platformio": _platformio,
}
"""Build systems, by the name that `--format` takes."""
