"""What `wakesmith verify` does: a built project, or any int8 .tflite from elsewhere."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_aot import emit_model
from convert.errors import ModelError, UserError
from convert.graph import Graph
from convert.supported import check
from convert.tflite_reader import read
from simulate.backend import Backend, clip_shape
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from wakesmith.proving import check_names, prove_layers

Say = Callable[[str], object]

_MAX_MODEL = 64 << 20


def verify_model(
    path: Path,
    names: Sequence[str],
    *,
    count: int,
    seed: int,
    inputs: Path | None,
    board: str,
    say: Say,
) -> bool:
    """Run a .tflite in several back ends and say whether every byte of every layer agrees.

    Args:
        path: the model, int8.
        names: back ends.
        count: random inputs to try.
        seed: of them.
        inputs: .npy file to use instead of random ones.
        board: board that the emulated image is built for.
        say: prints a line.

    Returns:
        True when everything is equal.

    Raises:
        UserError: the file is missing, damaged or unsupported, or the inputs do not fit.
    """
    names = check_names(names)
    data = read_model(path)
    graph = read(data)
    check(graph)
    chosen = _inputs(graph, count, seed) if inputs is None else _read_inputs(graph, inputs)
    with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
        backends = _model_backends(names, data, graph, board, Path(folder))
        outcome = prove_layers(backends, graph, chosen)
    kind = f"random inputs of seed {seed}" if inputs is None else f"inputs of {inputs}"
    say(f"{path}: {len(graph.ops)} layers, {len(chosen)} {kind}")
    for sentence in outcome.sentences:
        say(sentence)
    return outcome.proof.mismatches == 0


def read_model(path: Path) -> bytes:
    """The bytes of a model file.

    Raises:
        UserError: it cannot be read or is far larger than any microcontroller's memory.
    """
    try:
        if path.stat().st_size > _MAX_MODEL:
            raise ModelError(
                f"A model must be at most {_MAX_MODEL >> 20} MB. "
                f"Received: {path}, {path.stat().st_size >> 20} MB."
            )
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"The model must be a readable file. Received: {path} ({error.strerror})."
        ) from error


def _model_backends(
    names: Sequence[str], data: bytes, graph: Graph, board: str, folder: Path
) -> dict[str, Backend]:
    """Back ends of a bare model; what an int8 model from elsewhere needs no labels for."""
    found: dict[str, Backend] = {}
    for name in names:
        if name == "reference":
            found[name] = ReferenceBackend(graph)
        elif name == "tflm":
            found[name] = TflmBackend(data)
        elif name == "host":
            found[name] = HostBackend(emit_model(graph))
        else:
            found[name] = _emulated(graph, board, folder)
    return found


def _emulated(graph: Graph, board: str, folder: Path) -> Backend:
    from firmware.application import build_bare
    from firmware.board import load_board
    from simulate.cortexm import CortexMBackend

    generated = emit_model(graph)
    image = build_bare(
        generated.files, load_board(board), out_dir=folder, kernels=generated.kernels
    )
    return CortexMBackend(image, generated)


def _inputs(graph: Graph, count: int, seed: int) -> NDArray[np.int8]:
    """Random int8 inputs: half of them uniform, half smooth and small as real data often is."""
    shape = clip_shape(graph.tensors[graph.inputs[0]].shape)
    rng = np.random.default_rng(seed)
    inputs = rng.integers(-128, 128, (count, *shape), dtype=np.int8)
    quiet = rng.normal(0, 24, (count - count // 2, *shape)).round().clip(-128, 127)
    inputs[count // 2 :] = quiet.astype(np.int8)
    return inputs


def _read_inputs(graph: Graph, path: Path) -> NDArray[np.int8]:
    tensor = graph.tensors[graph.inputs[0]]
    shape = clip_shape(tensor.shape)
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"The inputs must be a file that exists. Received: {path}.") from error
    except (OSError, ValueError, EOFError) as error:
        raise UserError(
            f"The inputs must be a .npy file without pickled objects. Received: {path} ({error})."
        ) from error
    if not isinstance(values, np.ndarray) or values.dtype != np.int8 or values.shape[1:] != shape:
        what = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "an archive"
        raise UserError(f"The inputs must be int8 of shape (n, *{shape}). Received: {what}.")
    if len(values) == 0:
        raise UserError(f"The inputs must hold at least one. Received: none in {path}.")
    return values
