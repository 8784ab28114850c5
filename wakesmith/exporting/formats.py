"""What each build system expects: where files go, and the few that describe the library to it."""

from __future__ import annotations

from collections.abc import Mapping
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
    layout = KINDS[kind]
    files = {f"{layout.headers}/{name}": text for name, text in library.public.items()}
    files |= {f"src/{name}": text for name, text in library.private.items()}
    files |= {path: render(f"{name}.j2", values) for path, name in layout.templates.items()}
    files[layout.sound] = stored
    if layout.string:
        files[layout.string] = freestanding_string()
    files["README.md"] = render("README.md.j2", values)
    files["LICENSE"] = licence()
    return files


@dataclass(frozen=True)
class Layout:
    """Where a build system expects what; sources are in src.

    Attributes:
        templates: path -> template, without its ending.
        sound: path of the example's recording.
        headers: folder of the public headers.
        string: path of a string.h for compilers without a C library; empty for none.
    """

    templates: Mapping[str, str]
    sound: str
    headers: str = "include"
    string: str = ""


KINDS: Mapping[str, Layout] = {
    "cmake": Layout(
        {
            "CMakeLists.txt": "CMakeLists.txt",
            "cmake/arm-none-eabi-gcc.cmake": "arm-none-eabi-gcc.cmake",
            "cmake/zig.cmake": "zig.cmake",
            "examples/listen/CMakeLists.txt": "example.CMakeLists.txt",
            "examples/listen/listen.c": "listen.c",
        },
        sound="examples/listen/sound.h",
        string="cmake/freestanding/string.h",
    ),
    "arduino": Layout(
        {
            "library.properties": "library.properties",
            "keywords.txt": "keywords.txt",
            "examples/Listen/Listen.ino": "Listen.ino",
        },
        sound="examples/Listen/sound.h",
        headers="src",
    ),
    "zephyr": Layout(
        {
            "zephyr/module.yml": "module.yml",
            "zephyr/CMakeLists.txt": "zephyr.CMakeLists.txt",
            "zephyr/Kconfig": "Kconfig",
            "samples/listen/CMakeLists.txt": "sample.CMakeLists.txt",
            "samples/listen/prj.conf": "prj.conf",
            "samples/listen/sample.yaml": "sample.yaml",
            "samples/listen/src/main.c": "main.c",
        },
        sound="samples/listen/src/sound.h",
    ),
    "platformio": Layout(
        {
            "library.json": "library.json",
            "examples/listen/platformio.ini": "platformio.ini",
            "examples/listen/src/main.cpp": "Listen.ino",
        },
        sound="examples/listen/src/sound.h",
    ),
}
"""Build systems, by the name that `--format` takes."""
