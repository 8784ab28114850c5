"""The TFLite Micro runtime against the tflite-micro wheel, on every test clip of a built project.

Run from the repository's root: `make tflm-proof TFLM_DIR=../tflite-micro`, after
`wakesmith build examples/digits.toml`. For each board and each library that the tree has for its
core, the model runs in QEMU on the features of all test clips, and its scores must equal the
wheel's byte for byte; where Unicorn has the core, the whole application hears the clips, too.
Instructions, flash and RAM stand beside those of the generated C. Exits with 1 on any difference.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_frontend import emit_frontend
from convert.emit_tflm import emit_tflm
from convert.errors import UserError
from convert.generated import GeneratedModel
from firmware.application import build_application
from firmware.board import Board, load_board
from firmware.build import Compiler, build
from firmware.errors import FirmwareError
from firmware.hostbuild import FIRMWARE_DIR, KERNEL_DIR, Source
from firmware.image import Image
from firmware.tflm_build import TFLM_DIR, build_tflm_bare
from firmware.tflm_tree import TflmLibrary, find_libraries
from simulate.backend import last_step, windows
from simulate.cores import EMULATED
from simulate.cortexm import CortexMBackend
from simulate.listening import listening_sources
from simulate.tflm_arena import Arena
from simulate.tflm_firmware import TflmFirmwareBackend
from simulate.tflm_qemu import QemuTflmBackend
from wakesmith.built import Built, open_built
from wakesmith.runtimes import build_tflm
from wakesmith.steps.convert import generate

BOARDS = ("mps2-an386", "mps3-an547")
_COMPILERS: tuple[Compiler, ...] = ("gcc", "zig")


@dataclass(frozen=True)
class Row:
    """One image on one board. Sizes in bytes; `different` of `compared` bytes of scores."""

    board: str
    runtime: str
    clips: int
    compared: int
    different: int
    heard: int  # clips that went through the whole application
    instructions: int  # per inference
    exact: bool  # counted one by one; else from the board's cycle counter, to about 40
    flash: int
    ram: int  # without the stack
    arena: int


def build_bare_c(
    generated: GeneratedModel, board: Board, compiler: Compiler, folder: Path
) -> Image:
    """Generated C behind the program that feeds TFLite Micro over the console.

    Raises:
        FirmwareError: it does not compile, or not fit.
    """
    shim = '#include "model.h"\n#include "ws_tflm.h"\nuint32_t ws_tflm_arena_used(void) {\n'
    sources: dict[str, Source] = {
        **generated.files,
        **{kernel: KERNEL_DIR / kernel for kernel in generated.kernels},
        "main.c": TFLM_DIR / "main.c",
        "ws_commands.h": TFLM_DIR / "ws_commands.h",
        "ws_tflm.h": TFLM_DIR / "ws_tflm.h",
        "arena.c": shim + "    return MODEL_ARENA_SIZE;\n}\n",
        "ws_runtime_c.c": FIRMWARE_DIR / "runtime" / "ws_runtime_c.c",
    }
    return build(sources, board, compiler=compiler, out_dir=folder, name="bare")


class Proof:
    """All of it for one built project."""

    def __init__(self, built: Built, folder: Path, most: int | None) -> None:
        self.built = built
        self.folder = folder
        self.rows = built.test_rows(most)
        shape = built.graph.tensors[built.graph.inputs[0]].shape
        self.inputs = windows(np.asarray(built.features[self.rows]), shape)
        output = built.graph.tensors[built.graph.outputs[0]]
        trace = built.backend("tflm").run(built.features[self.rows])
        self.wanted = np.asarray(last_step(trace[output.index], output.shape))
        self.wanted = self.wanted.reshape(len(self.rows), -1).view(np.int8)
        project = built.project
        self.listening = listening_sources(
            built.graph, built.data.classes, project.frontend, project.samples
        )

    def tflm(self, board: Board, library: TflmLibrary) -> Row:
        """One library on one board."""
        built, generated = self.built, self.built.generated
        firmware = build_tflm(
            built.tflite, generated, built.project.frontend, board, library,
            listening=self.listening, out_dir=self.folder, title=built.project.project.name,
        )  # fmt: skip
        files = emit_tflm(
            built.tflite, generated, arena_size=firmware.arena.size, measured="for the proof."
        )
        bare = build_tflm_bare(files, board, library, out_dir=self.folder)
        heard = TflmFirmwareBackend if board.core.name in EMULATED else None
        name = f"TFLite Micro, {library.about}"
        return self._row(board, name, generated, bare, firmware.image, firmware.arena, heard)

    def c(self, board: Board, compiler: Compiler) -> Row:
        """The generated C for the board's core, with the same programs around it."""
        project = self.built.project
        code = replace(project.firmware.code, kernels=board.core.kernels)
        classes, frontend = self.built.data.classes, project.frontend
        generated = generate(self.built.tflite, classes, frontend, project.samples, code)
        image = build_application(
            generated.files, emit_frontend(frontend), board,
            listening=self.listening, out_dir=self.folder, kernels=generated.kernels,
            compiler=compiler,
        )  # fmt: skip
        bare = build_bare_c(generated, board, compiler, self.folder)
        size = generated.arena_size
        heard = CortexMBackend if board.core.name in EMULATED else None
        name = f"generated C, {compiler}"
        return self._row(board, name, generated, bare, image, Arena(size, size, ""), heard)

    def _row(
        self,
        board: Board,
        runtime: str,
        generated: GeneratedModel,
        bare: Image,
        image: Image,
        arena: Arena,
        heard: type[CortexMBackend] | None,
    ) -> Row:
        output = self.built.graph.outputs[0]
        qemu = QemuTflmBackend(bare, generated)
        found = qemu.run(self.inputs)[output]
        found = np.asarray(last_step(found, generated.outputs[0].shape))
        different = self._different(found)
        compared = self.wanted.size
        if heard is None:
            one = self.inputs[0] if generated.steps == 1 else self.inputs[0, 0]
            instructions = qemu.instructions(one) * generated.steps
        else:
            emulated = heard(image, generated, threads=1)
            pcm = self.built.data.pcm[self.rows]
            different += self._different(emulated.posteriors(pcm))
            compared += self.wanted.size
            instructions = emulated.profile(pcm[0]).model
        return Row(
            board=board.name,
            runtime=runtime,
            clips=len(self.rows),
            compared=compared,
            different=different,
            heard=0 if heard is None else len(self.rows),
            instructions=instructions,
            exact=heard is not None,
            flash=image.flash_bytes,
            ram=image.ram_bytes,
            arena=arena.size,
        )

    def _different(self, found: NDArray[np.generic]) -> int:
        scores = np.ascontiguousarray(found).reshape(self.wanted.shape).view(np.int8)
        return int(np.count_nonzero(scores != self.wanted))


def main() -> int:
    """Prove, print and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tflm-dir", type=Path, required=True)
    parser.add_argument("--project", type=Path, default=Path("examples/digits.toml"))
    parser.add_argument("--out", type=Path, help="build folder of the project")
    parser.add_argument("--boards", default=",".join(BOARDS))
    parser.add_argument("--clips", type=int, help="test clips, evenly spread; default: all")
    parser.add_argument("--json", type=Path, default=Path("build/tflm-proof.json"))
    options = parser.parse_args()
    rows: list[Row] = []
    try:
        with tempfile.TemporaryDirectory(prefix="proof") as folder:
            proof = Proof(open_built(options.project, options.out), Path(folder), options.clips)
            for board in map(load_board, options.boards.split(",")):
                for library in find_libraries(options.tflm_dir, board.core):
                    rows.append(proof.tflm(board, library))
                    show(rows[-1])
                for compiler in _COMPILERS:
                    rows.append(proof.c(board, compiler))
                    show(rows[-1])
    except (UserError, FirmwareError) as error:
        print(f"tflm-proof: {error}", file=sys.stderr)
        return 2
    options.json.parent.mkdir(parents=True, exist_ok=True)
    record = {"tflm_commit": commit(options.tflm_dir), "rows": [asdict(row) for row in rows]}
    options.json.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    different = sum(row.different for row in rows)
    compared = sum(row.compared for row in rows)
    print(
        f"{compared:,} bytes of scores compared with the tflite-micro wheel, {different:,} differ"
    )
    return 1 if different or not compared else 0


def show(row: Row) -> None:
    """One line per image, as soon as it is known."""
    about = "" if row.exact else "about "
    heard = f", {row.heard} of them from sound" if row.heard else ""
    print(
        f"{row.board}: {row.runtime}: {row.clips} clips{heard}, {row.different:,} of "
        f"{row.compared:,} bytes differ; {about}{row.instructions:,} instructions, "
        f"flash {row.flash:,}, RAM {row.ram:,}, arena {row.arena:,}",
        flush=True,
    )


def commit(tree: Path) -> str:
    """Of the TFLite Micro tree, where git knows it."""
    command = ["git", "-C", str(tree), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else "unknown"


if __name__ == "__main__":
    sys.exit(main())
