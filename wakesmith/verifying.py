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
from convert.striped import KIND
from firmware.board import Board
from simulate.backend import Backend, clip_shape, joined_values
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
    ram: int,
    say: Say,
) -> bool:
    """Run a .tflite in several back ends and say whether every byte of every layer agrees.

    Args:
        path: the model, int8.
        names: back ends.
        count: random inputs to try.
        seed: of them.
        inputs: .npy file (.npz for several inputs) to use instead of random ones.
        board: what the emulated image is built for; its core's kernels are those that the host
            runs, too.
        ram: bytes that the arena may have, 0 for no limit. Of layers in stripes only the last one's
            output is compared: the others' never exist whole.
        say: prints a line.

    Returns:
        True when everything is equal.

    Raises:
        UserError: the file is missing, damaged or unsupported, or the inputs do not fit.
    """
    names = check_names(names)
    data = read_model(path)
    graph = checked(data)
    generated = emit_model(graph, kernels=board.core.kernels, ram=ram)
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
    if any(layer.kind == KIND for layer in generated.layers):
        say("Of layers in stripes only the last one's output is compared.")
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
        graph: a model that `convert.supported.check` accepts.
        count: how many.
        seed: of all of it.

    Returns:
        (count, *shape of the input without its leading 1), of its type; sequences of 8 runs of a
        model with states, (count, 8, *shape without its leading 1). Of several inputs their bytes
        (`simulate.backend.joined_values`).

    Raises:
        UserError: so many would not fit into memory.
    """
    steps = (_STEPS,) if graph.states else ()
    sources = [graph.tensors[index] for index in graph.inputs]
    shapes = [(*steps, *clip_shape(source.shape)) for source in sources]
    most = max(1, _MAX_INPUT_VALUES // max(1, sum(map(math.prod, shapes))))
    if count > most:
        raise UserError(
            f"For this model there can be at most {most} random inputs. Received: {count}. "
            "Try other ones with --seed instead."
        )
    rng = np.random.default_rng(seed)
    parts = [
        _random(graph, source, (count, *shape), rng)
        for source, shape in zip(sources, shapes, strict=True)
    ]
    return joined_values(parts, 1 + len(steps))


def _random(
    graph: Graph, source: Tensor, shape: tuple[int, ...], rng: np.random.Generator
) -> NDArray[np.generic]:
    """`random_inputs` of one of the inputs."""
    code = _coded(graph, source)
    zero_point = code.quant.zero_point[0] if code.quant else 0
    limits = np.iinfo(code.dtype)
    low, high = int(limits.min), int(limits.max)
    codes = rng.integers(low, high + 1, shape)
    codes[1::3] = np.where(codes[1::3] < (low + high + 1) // 2, low, high)
    spread = (high - low + 1) * 24 / 256
    codes[2::3] = (zero_point + rng.normal(0, spread, codes[2::3].shape)).round()
    for row, value in zip(codes, (low, high, zero_point), strict=False):
        row[...] = value
    codes = codes.clip(low, high)
    if source.dtype != "float32":
        return codes.astype(source.dtype)
    assert code.quant is not None
    moved = codes.astype(np.float64)
    moved[1::2] += rng.uniform(-0.6, 0.6, moved[1::2].shape)
    return ((moved - zero_point) * code.quant.scale[0]).astype(np.float32)


def _coded(graph: Graph, source: Tensor) -> Tensor:
    """An input, or what QUANTIZE makes of it."""
    reader = next((op for op in graph.ops if source.index in op.inputs), None)
    if source.dtype == "float32" and reader is not None:
        return graph.tensors[reader.outputs[0]]
    return source


def _read_inputs(graph: Graph, path: Path) -> NDArray[np.generic]:
    """A .npy file; for several inputs an .npz with an array for each, in their order."""
    sources = [graph.tensors[index] for index in graph.inputs]
    try:
        loaded = np.load(path, allow_pickle=False)
        single = isinstance(loaded, np.ndarray)
        arrays = [loaded] if single else [loaded[name] for name in loaded.files]
    except FileNotFoundError as error:
        raise UserError(f"The inputs must be a file that exists. Received: {path}.") from error
    except (OSError, ValueError, EOFError, MemoryError) as error:
        raise UserError(
            f"The inputs must be a .npy file without pickled objects. Received: {path} ({error})."
        ) from error
    if len(arrays) != len(sources) or single != (len(sources) == 1):
        raise UserError(
            f"The inputs must be {'a .npy file' if len(sources) == 1 else 'an .npz file'} with "
            f"{len(sources)} of them. Received: {len(arrays)} in {path}."
        )
    parts = [
        _fitting(graph, source, values, path)
        for source, values in zip(sources, arrays, strict=True)
    ]
    leads = {
        part.shape[: part.ndim - len(clip_shape(source.shape))]
        for source, part in zip(sources, parts, strict=True)
    }
    if len(leads) > 1:
        raise UserError(
            "All inputs must have as many clips (and steps). Received: "
            f"{' and '.join(map(str, sorted(leads)))} in {path}."
        )
    return joined_values(parts, len(leads.pop()))


def _fitting(
    graph: Graph, source: Tensor, values: NDArray[np.generic], path: Path
) -> NDArray[np.generic]:
    """Values that are what an input takes."""
    shape = clip_shape(source.shape)
    fits = values.dtype.name == source.dtype
    stepped = fits and bool(graph.states) and values.ndim == len(shape) + 2 and values.shape[1] > 0
    if not fits or values.shape[1 + stepped :] != shape:
        what = f"{values.dtype} {values.shape}"
        wanted = ", ".join(map(str, ("n", *shape)))
        wanted += f") or ({', '.join(map(str, ('n', 'steps', *shape)))}" if graph.states else ""
        raise UserError(f"The inputs must be {source.dtype} of shape ({wanted}). Received: {what}.")
    if len(values) == 0:
        raise UserError(f"The inputs must hold at least one. Received: none in {path}.")
    return values
