"""How many bytes of RAM a budget leaves for a model's activations: found on a linked image."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from convert.detector import Detector
from convert.emit_frontend import emit_frontend
from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.generated import CodeSpec
from convert.graph import Graph
from firmware.application import build_application
from firmware.board import load_board
from simulate.listening import listening_sources
from wakesmith.steps.convert import generate_from

_LARGE = 1 << 28  # bytes of RAM that every image fits


@dataclass(frozen=True)
class ArenaRoom:
    """A budget of RAM and the firmware that has to fit.

    Attributes:
        ram: bytes of the whole firmware, the reserved stack included.
        name: of the project, which the firmware says at start.
        words: that it listens for.
        detect: when it says that it heard one.
        board: that the firmware is for.
        compiler: as in `[firmware]`.
    """

    ram: int
    name: str
    words: tuple[str, ...]
    detect: Detector
    board: str
    compiler: Literal["zig", "gcc"]

    def fitted(
        self, graph: Graph, labels: tuple[str, ...], fe: FrontEnd, samples: int, code: CodeSpec
    ) -> tuple[CodeSpec, str]:
        """How C is made so that the firmware fits, and, where it cannot, why not.

        What is not the arena takes as much RAM whatever the model, so one image is enough to know.
        The code is as it was where that fits, or where nothing does: the report says by how much.

        Args:
            graph: the model.
            labels: of its classes.
            fe: the front-end that is linked with it.
            samples: of a clip.
            code: how C is made without a budget.
        """
        whole = generate_from(graph, labels, fe, samples, code)
        listening = listening_sources(
            graph, labels, fe, samples, words=self.words, detect=self.detect
        )
        with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
            image = build_application(
                whole.files,
                emit_frontend(fe),
                replace(load_board(self.board), ram_size=_LARGE),
                listening=listening,
                out_dir=Path(folder),
                title=self.name,
                kernels=whole.kernels,
                compiler=self.compiler,
            )
        used = image.ram_bytes + image.stack_bytes
        if used <= self.ram:
            return code, ""
        others = used - whole.arena_size
        if others >= self.ram:
            return code, f"Of the RAM that budget.ram allows, {others:,} bytes are no activations."
        within = replace(code, ram=self.ram - others)
        try:
            generate_from(graph, labels, fe, samples, within)
        except SpecError as error:
            return code, f"budget.ram leaves {within.ram:,} bytes for activations. {error}"
        return within, ""
