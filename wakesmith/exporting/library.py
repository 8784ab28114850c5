"""The files that every exported library has, whatever the build system."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from convert.detector import DetectorPlan
from convert.emit_detector import emit_detector
from convert.emit_frontend import emit_frontend
from convert.emit_listener import emit_listener
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from firmware.build import CORTEXM_DIR
from firmware.hostbuild import FIRMWARE_DIR

_APP = ("ws_app.c", "ws_stream.c", "ws_detector.c")
"""What of firmware/app does not need a board."""

_PUBLIC = ("ws_listener.h", "ws_listener_config.h")


@dataclass(frozen=True)
class Library:
    """C99 that listens.

    Attributes:
        public: headers that a program includes, file name -> text.
        private: sources and the headers that only they include.
    """

    public: Mapping[str, str]
    private: Mapping[str, str]

    @property
    def units(self) -> tuple[str, ...]:
        """Names of the C files, sorted."""
        return tuple(sorted(name for name in self.private if name.endswith(".c")))


def collect(
    generated: GeneratedModel, fe: FrontEnd, plan: DetectorPlan, *, scale: float, project: str
) -> Library:
    """Model, front-end, detector and the interface to them.

    Args:
        generated: the model's C, with the prefix "model".
        fe: the front-end.
        plan: the detector's settings.
        scale: of the model's output.
        project: the project's name.
    """
    made = {
        **generated.files,
        **emit_frontend(fe),
        **emit_detector(plan),
        **emit_listener(fe, plan, scale=scale, model_hash=generated.model_hash, project=project),
    }
    units = [FIRMWARE_DIR / "app" / name for name in _APP]
    units += [FIRMWARE_DIR / "kernels" / name for name in generated.kernels]
    units += [FIRMWARE_DIR / "runtime" / "ws_runtime_c.c", FIRMWARE_DIR / "library/ws_listener.c"]
    units += sorted((FIRMWARE_DIR / "frontend").glob("*.c"))
    files = {path.name: path.read_text(encoding="utf-8") for path in units}
    files |= {name: text for name, text in made.items() if name.endswith(".c")}
    files |= _included(files, made)
    return Library(
        public={name: files[name] for name in _PUBLIC},
        private={name: text for name, text in sorted(files.items()) if name not in _PUBLIC},
    )


def model_files(generated: GeneratedModel) -> dict[str, str]:
    """A model, its kernels and the headers that they include; file name -> text."""
    files = {name: text for name, text in generated.files.items() if name.endswith(".c")}
    for name in generated.kernels:
        files[name] = (FIRMWARE_DIR / "kernels" / name).read_text(encoding="utf-8")
    return files | _included(files, generated.files)


def _included(files: Mapping[str, str], made: Mapping[str, str]) -> dict[str, str]:
    """The headers that `files` include, and those that these include, and so on.

    They are among `made`, or lie in a folder of the firmware.
    """
    headers = {name: text for name, text in made.items() if name.endswith(".h")}
    for room in ("include", "kernels", "frontend", "app", "library"):
        for path in sorted((FIRMWARE_DIR / room).glob("*.h")):
            headers.setdefault(path.name, path.read_text(encoding="utf-8"))
    found: dict[str, str] = {}
    left = list(files.values())
    while left:
        for name in re.findall(r'(?m)^\s*#\s*include "([^"]+)"', left.pop()):
            if name not in found:
                found[name] = headers[name]
                left.append(headers[name])
    return found


def freestanding_string() -> str:
    """A string.h for compilers that come without a C library."""
    return (CORTEXM_DIR / "include" / "string.h").read_text(encoding="utf-8")


def licence() -> str:
    """The text of the licence of the C that wakesmith writes."""
    return (Path(__file__).parent / "templates" / "LICENSE.txt").read_text(encoding="utf-8")
