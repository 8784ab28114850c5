"""What `wakesmith verify` does: a built project, or any int8 .tflite from elsewhere."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_aot import emit_model
from convert.errors import UserError
from convert.graph import Graph, Tensor
from firmware.board import Board
from simulate.backend import Backend, clip_shape
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from wakesmith.bare import checked, read_model, running
from wakesmith.console import Meter
from wakesmith.proving import check_names, prove_layers

Say = Callable[[str], object]

_STEPS = 8  # runs one after another, where a model remembers
_MAX_INPUT_VALUES = 32 << 20  # of all random inputs; 8 bytes each while they are made


def verify_model(
    path: Path,
    names: Sequence[str],
    *,
    count: int,
    seed: int,
    inputs: Path | None,
    board: Board,
    say: Say,
) -> bool:
    """Run a .tflite in several back ends and say whether every byte of every layer agrees.

    Args:
        path: the model, int8.
        names: back ends.
        count: random inputs to try.
        seed: of them.
        inputs: .npy file to use instead of random ones.
        board: what the emulated image is built for; its core's kernels are those that the host
            runs, too.
        say: prints a line.

    Returns:
        True when everything is equal.

    Raises:
        UserError: the file is missing, damaged or unsupported, or the inputs do not fit.
    """
    names = check_names(names)
    data = read_model(path)
    graph = checked(data)
    generated = emit_model(graph, kernels=board.core.kernels)
    chosen = random_inputs(graph, count, seed) if inputs is None else _read_inputs(graph, inputs)
    with (
        tempfile.TemporaryDirectory(prefix="wakesmith-") as folder,
        contextlib.ExitStack() as stack,
        Meter("verifying") as meter,
    ):
        backends: dict[str, Backend] = {}
        for name in names:
            meter(0, 0, f"making the back end {name}")
            if name == "reference":
                backends[name] = ReferenceBackend(graph)
            elif name == "tflm":
                backends[name] = TflmBackend(data)
            elif name == "host":
                backends[name] = HostBackend(generated)
            else:
                backends[name] = stack.enter_context(running(generated, board, Path(folder)))
        outcome = prove_layers(backends, graph, chosen, meter)
    kind = f"inputs of seed {seed}" if inputs is None else f"inputs of {inputs}"
    say(f"{path}: {len(graph.ops)} layers, {len(chosen)} {kind}")
    for sentence in outcome.sentences:
        say(sentence)
    return outcome.proof.mismatches == 0


def random_inputs(graph: Graph, count: int, seed: int) -> NDArray[np.generic]:
    """Inputs that reach ordinary and extreme values.

    The first three are all lowest, all highest and all zero; of the others a third is uniform, a
    third smooth and small as real data often is, and a third has lowest and highest values only.
    float32 inputs are the numbers that these codes stand for, every second clip moved by up to
    0.6 steps, so that rounding has something to round.

    Args:
        graph: a model that `convert.supported.check` accepts, with one input or more.
        count: how many.
        seed: of all of it.

    Returns:
        (count, *shape of the first input without its leading 1), of its type; sequences of 8 runs
        of a model with states, (count, 8, *shape without its leading 1).

    Raises:
        UserError: so many would not fit into memory.
    """
    source = graph.tensors[graph.inputs[0]]
    steps = (_STEPS,) if graph.states else ()
    shape = (*steps, *clip_shape(source.shape))
    most = max(1, _MAX_INPUT_VALUES // max(1, math.prod(shape)))
    if count > most:
        raise UserError(
            f"For this model there can be at most {most} random inputs. Received: {count}. "
            "Try other ones with --seed instead."
        )
    code = _coded(graph)
    zero_point = code.quant.zero_point[0] if code.quant else 0
    low = 0 if code.dtype == "uint8" else -128
    rng = np.random.default_rng(seed)
    codes = rng.integers(low, low + 256, (count, *shape))
    codes[1::3] = np.where(codes[1::3] < low + 128, low, low + 255)
    codes[2::3] = (zero_point + rng.normal(0, 24, codes[2::3].shape)).round()
    for row, value in zip(codes, (low, low + 255, zero_point), strict=False):
        row[...] = value
    codes = codes.clip(low, low + 255)
    if source.dtype != "float32":
        return codes.astype(source.dtype)
    assert code.quant is not None
    moved = codes.astype(np.float64)
    moved[1::2] += rng.uniform(-0.6, 0.6, moved[1::2].shape)
    return ((moved - zero_point) * code.quant.scale[0]).astype(np.float32)


def _coded(graph: Graph) -> Tensor:
    """The input, or what QUANTIZE makes of it."""
    source = graph.inputs[0]
    reader = next((op for op in graph.ops if source in op.inputs), None)
    if graph.tensors[source].dtype == "float32" and reader is not None:
        return graph.tensors[reader.outputs[0]]
    return graph.tensors[source]


def _read_inputs(graph: Graph, path: Path) -> NDArray[np.generic]:
    source = graph.tensors[graph.inputs[0]]
    shape = clip_shape(source.shape)
    try:
        values = np.load(path, allow_pickle=False)
    except FileNotFoundError as error:
        raise UserError(f"The inputs must be a file that exists. Received: {path}.") from error
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise UserError(
            f"The inputs must be a .npy file without pickled objects. Received: {path} ({error})."
        ) from error
    fits = isinstance(values, np.ndarray) and values.dtype.name == source.dtype
    stepped = fits and bool(graph.states) and values.ndim == len(shape) + 2 and values.shape[1] > 0
    if not fits or values.shape[1 + stepped :] != shape:
        what = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else "an archive"
        wanted = ", ".join(map(str, ("n", *shape)))
        wanted += f") or ({', '.join(map(str, ('n', 'steps', *shape)))}" if graph.states else ""
        raise UserError(f"The inputs must be {source.dtype} of shape ({wanted}). Received: {what}.")
    if len(values) == 0:
        raise UserError(f"The inputs must hold at least one. Received: none in {path}.")
    return np.asarray(values)
