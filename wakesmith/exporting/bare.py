"""`wakesmith compile`: any int8 .tflite as C for a core, with a program that checks it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from convert import cwriter
from convert.emit_aot import emit_model
from convert.emit_header import CTYPE, accessors
from convert.errors import SpecError
from convert.generated import GeneratedModel, TensorSlot
from convert.graph import Graph
from firmware.cores import Core
from firmware.hostbuild import FIRMWARE_DIR
from simulate.backend import joined_values, last_step
from simulate.reference import ReferenceBackend
from wakesmith.bare import board_of, checked, read_model
from wakesmith.console import Meter
from wakesmith.exporting.library import freestanding_string, licence, model_files
from wakesmith.exporting.templates import render
from wakesmith.exporting.write import write_library
from wakesmith.verifying import random_inputs

FACTS = "wakesmith-model.json"
_C_HEADERS = frozenset(
    [
        "assert",
        "complex",
        "ctype",
        "errno",
        "fenv",
        "float",
        "inttypes",
        "iso646",
        "limits",
        "locale",
        "math",
        "setjmp",
        "signal",
        "stdalign",
        "stdarg",
        "stdatomic",
        "stdbool",
        "stddef",
        "stdint",
        "stdio",
        "stdlib",
        "stdnoreturn",
        "string",
        "tgmath",
        "threads",
        "time",
        "uchar",
        "wchar",
        "wctype",
    ]
)
_CHECKED = 2  # inputs that the program carries: noise, and extremes


def compile_model(
    path: Path,
    *,
    core: str,
    name: str,
    ram: int,
    folder: Path | None,
    force: bool,
    say: Callable[[str], object],
) -> None:
    """Write a model's C, its kernels, and a program that checks both, into a folder.

    Args:
        path: the model, int8.
        core: whose kernels to take.
        name: what C names begin with.
        ram: bytes that the arena may have; 0 for no limit.
        folder: where to; `<name of the file>-c` when None.
        force: replace what this wrote there before.
        say: prints a line.

    Raises:
        UserError: no such core, the file is missing, or the folder cannot be written.
        ModelError: the file is damaged.
        UnsupportedModelError: an operator that the kernels do not have.
        SpecError: the name is no C identifier, or the arena does not fit.
    """
    board = board_of(core)
    check_name(name)
    target = folder if folder is not None else Path(f"{path.stem}-c")
    with Meter("compiling") as meter:
        meter(0, 2, "planning memory and writing C")
        graph = checked(read_model(path))
        generated = emit_model(graph, prefix=name, kernels=board.core.kernels, ram=ram)
        meter(1, 2, "computing what the check compares with")
        files = _files(path, graph, generated, board.core)
    write_library(files, target, force=force, marks=(FACTS,))
    stripes = generated.arena_size < generated.whole_arena
    without = f" ({generated.whole_arena:,} without layers in stripes)" if stripes else ""
    say(
        f"Wrote {len(files)} files for {board.core.name} to {target}: {generated.arena_size:,} "
        f"bytes of RAM{without}, {generated.flash_bytes:,} of constants. Begin with "
        f"{target / 'README.md'}."
    )


def check_name(name: str) -> None:
    """Refuse a prefix that C does not allow, or that the kernels or C itself have files of.

    Raises:
        SpecError: one of these.
    """
    taken = {path.stem for path in FIRMWARE_DIR.glob("*/*.[ch]")} | _C_HEADERS
    good = cwriter.identifier(name)
    if good != name or name in taken:
        raise SpecError(
            "--name must be an identifier of C that no file of the kernels and no header of C has. "
            f"Received: {name!r}. Try {f'my_{name}' if good == name else good!r}."
        )


def _files(path: Path, graph: Graph, generated: GeneratedModel, core: Core) -> dict[str, str]:
    """Path within the folder -> text."""
    public = f"{generated.prefix}.h"
    sources = model_files(generated)
    vectors = _vectors(graph, generated)
    values = {
        "model": generated,
        "file": "".join(sign if sign.isprintable() else "?" for sign in path.name),
        "core": core.name,
        "gcc_flags": " ".join(core.gcc_flags),
        "version": cwriter.VERSION,
        "units": sorted(name for name in sources if name.endswith(".c")),
        "macs": generated.macs,
        "kinds": list(dict.fromkeys(layer.kind for layer in generated.layers)),
        "inputs": _edges(generated.inputs, generated.prefix, "input"),
        "outputs": _edges(generated.outputs, generated.prefix, "output"),
        "floats": "float32" in {slot.dtype for slot in generated.inputs + generated.outputs},
        "remembers": bool(generated.states),
        "count": _CHECKED,
        "vectors": vectors.text,
        "steps": vectors.steps,
    }
    files = {
        f"{'include' if name == public else 'src'}/{name}": text for name, text in sources.items()
    }
    files["examples/check.c"] = render("check.c.j2", values)
    files["examples/minimal.c"] = render("minimal.c.j2", values)
    files["freestanding/string.h"] = freestanding_string()
    files["README.md"] = render("model.README.md.j2", values)
    files["CMakeLists.txt"] = render("model.CMakeLists.txt.j2", values)
    files["LICENSE"] = licence()
    files[FACTS] = json.dumps(_facts(generated, core.name), indent=2) + "\n"
    return files


def _edges(slots: Sequence[TensorSlot], prefix: str, role: str) -> list[dict[str, object]]:
    """How C gets at each input or output: its function, the type of its values, macros, bytes."""
    functions = accessors(prefix, role, len(slots))
    return [
        {
            "function": function,
            "type": CTYPE[slot.dtype],
            "macro": function.upper(),
            "nbytes": slot.nbytes,
        }
        for function, slot in zip(functions, slots, strict=True)
    ]


@dataclass(frozen=True)
class _Vectors:
    """C arrays `inputs` and `outputs`, and how many runs make one output."""

    text: str
    steps: int


def _vectors(graph: Graph, generated: GeneratedModel) -> _Vectors:
    """What the reference interpreter computes for some inputs."""
    inputs = random_inputs(graph, _CHECKED + 3, 0)[3:]  # the first three are constant
    trace = ReferenceBackend(graph).run(inputs)
    outputs = joined_values(
        [last_step(trace[index], graph.tensors[index].shape) for index in graph.outputs]
    )
    text = "\n".join(
        cwriter.array("uint8_t", name, np.ascontiguousarray(values).view(np.uint8)).rstrip()
        for name, values in (("inputs", inputs), ("outputs", outputs))
    )
    return _Vectors(text, inputs.shape[1] if generated.states else 1)


def _facts(generated: GeneratedModel, core: str) -> dict[str, object]:
    return {
        "wakesmith": cwriter.VERSION,
        "model": generated.model_hash,
        "core": core,
        "arena": generated.arena_size,
        "constants": generated.flash_bytes,
        "multiplications": generated.macs,
        "layers": [{"index": layer.op_index, "kind": layer.kind} for layer in generated.layers],
    }
