"""Which network is trained: one of the zoo's or the user's own function.

A `ModelSpec` is all that a project file says in `[model]`; `build_model` makes the Keras model of
it and holds whatever comes back to the contract: (frames, width, 1) in, a softmax over the words
out.
"""

from __future__ import annotations

import contextlib
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from convert.errors import SpecError, UserError
from train import zoo
from train.keras import fresh_names, load
from train.sources.base import resolve

ZOO: Mapping[str, tuple[Callable[..., Any], Mapping[str, int]]] = {
    "cnn_digits": (zoo.cnn_digits, {"width": 32, "dense": 128}),
    "ds_cnn": (zoo.ds_cnn, {"width": 64, "blocks": 4}),
    "lstm": (zoo.lstm, {"width": 64}),
    "res_sep": (zoo.res_sep, {"width": 48, "blocks": 5, "kernel": 9}),
    "svdf": (zoo.svdf, {"width": 64, "blocks": 3, "rank": 2, "memory": 20}),
}
"""Name -> function and the default of each whole-number option it has (all have `dropout`)."""

REMEMBERING = ("lstm", "svdf")
"""Those with recurrent layers, which some schemes refuse."""

_BOUNDS = {
    "width": (4, 512),
    "blocks": (1, 16),
    "kernel": (3, 31),
    "dense": (4, 1024),
    "rank": (1, 8),
    "memory": (2, 64),
}


@dataclass(frozen=True)
class ModelSpec:
    """The network.

    Attributes:
        name: "cnn_digits", "ds_cnn", "lstm", "res_sep", "svdf", or "file.py:function" for a
            function (input_shape: (frames, width, 1), classes: int) -> tf_keras.Model of the
            user's own.
        width: channels of the convolutions, units of the recurrent layers (cnn_digits 32, ds_cnn
            64, lstm 64, res_sep 48, svdf 64 unless given).
        blocks: number of blocks (ds_cnn 4, res_sep 5) or layers (svdf 3).
        kernel: frames that a depthwise convolution of res_sep sees (9).
        dense: neurons of the hidden dense layer of cnn_digits (128).
        rank: filters that are summed into one unit of svdf (2).
        memory: frames that a filter of svdf sees (20).
        dropout: fraction dropped in training, 0 to below 1.
    """

    name: str = "ds_cnn"
    width: int | None = None
    blocks: int | None = None
    kernel: int | None = None
    dense: int | None = None
    rank: int | None = None
    memory: int | None = None
    dropout: float = 0.2

    def __post_init__(self) -> None:
        own = ":" in self.name
        if not own and self.name not in ZOO:
            raise SpecError(
                f"name must be one of {', '.join(ZOO)}, or file.py:function for one of your own. "
                f"Received: {self.name}."
            )
        if own and not self.name.rpartition(":")[2].isidentifier():
            raise SpecError(
                "name must be file.py:function with the name of a function in the file. "
                f"Received: {self.name}."
            )
        options = ZOO[self.name][1] if not own else {}
        for option, (low, high) in _BOUNDS.items():
            value = getattr(self, option)
            if value is None:
                continue
            if option not in options:
                known = ", ".join(options) or "none of " + ", ".join(_BOUNDS)
                raise SpecError(
                    f"{self.name} has no option {option} (it has: {known}). Received: {value}."
                )
            if not low <= value <= high:
                raise SpecError(f"{option} must be between {low} and {high}. Received: {value}.")
        if self.kernel is not None and self.kernel % 2 == 0:
            raise SpecError(f"kernel must be odd. Received: {self.kernel}.")
        if not 0 <= self.dropout < 1:
            raise SpecError(f"dropout must be at least 0 and below 1. Received: {self.dropout}.")

    def own_file(self, folder: Path | None = None) -> Path | None:
        """The file of the user's function (relative to `folder`), or None for a zoo model."""
        if ":" not in self.name:
            return None
        return resolve(self.name.rpartition(":")[0], folder or Path())


def build_model(
    spec: ModelSpec, input_shape: tuple[int, int], classes: int, *, folder: Path | None = None
) -> Any:
    """Make the Keras model, initialised by the generators that `train.keras.start` seeded.

    Args:
        spec: which network.
        input_shape: (frames, width) of the features.
        classes: number of outputs, 2 or more.
        folder: where a relative path in "file.py:function" begins; None is the current folder.

    Returns:
        A functional or sequential tf_keras.Model, (batch, frames, width, 1) float -> (batch,
        classes) softmax.

    Raises:
        SpecError: the input is too small for the network.
        UserError: the user's file, function or model is not as it must be.
    """
    if classes < 2:
        raise SpecError(f"A model must have at least 2 classes. Received: {classes}.")
    fresh_names()
    path = spec.own_file(folder)
    if path is not None:
        model = _own_model(path, spec.name.rpartition(":")[2], (*input_shape, 1), classes)
        check_model(model, input_shape, classes, what=spec.name)
        return model
    build, defaults = ZOO[spec.name]
    options = {k: v if getattr(spec, k) is None else getattr(spec, k) for k, v in defaults.items()}
    if min(input_shape) < 4:
        raise SpecError(
            f"{spec.name} must be given at least 4 frames of 4 values. Received: {input_shape}."
        )
    return build(input_shape, classes, dropout=spec.dropout, **options)


def _own_model(path: Path, function: str, shape: tuple[int, int, int], classes: int) -> Any:
    """Run the user's function."""
    with _module(path) as module:
        make = getattr(module, function, None)
        if not callable(make):
            names = [n for n, v in vars(module).items() if isinstance(v, types.FunctionType)]
            raise UserError(
                f"{path} must define a function {function}. Received: a file with "
                f"{', '.join(sorted(names)) or 'no functions'}."
            )
        try:
            return make(shape, classes)
        except (Exception, SystemExit) as error:
            raise UserError(
                f"{path}:{function} must return a model when called with {shape}, {classes}. "
                f"Received: {type(error).__name__}: {_one_line(error)}."
            ) from error


@contextlib.contextmanager
def _module(path: Path) -> Iterator[types.ModuleType]:
    """Execute a Python file as a module that is in `sys.modules` only within the block."""
    load()  # so that the file's own "import tensorflow" finds Keras 2
    try:
        source = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise UserError(
            f"The model's file must be readable. Received: {path} ({reason})."
        ) from error
    name = f"_wakesmith_own_model_{abs(hash(path))}"
    module = types.ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module
    try:
        try:
            exec(compile(source, str(path), "exec"), vars(module))
        except (Exception, SystemExit) as error:
            raise UserError(
                f"{path} must run as Python. Received: {type(error).__name__}: {_one_line(error)}."
            ) from error
        yield module
    finally:
        sys.modules.pop(name, None)


def _one_line(error: BaseException) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    text = lines[0].strip() if lines else "no message"
    return (text if len(text) <= 200 else text[:197] + "...").rstrip(".")


def check_model(
    model: Any, input_shape: tuple[int, int], classes: int, *, what: str = "the model"
) -> None:
    """Hold a model to the contract: tf_keras, functional, right shapes, finite softmax output.

    Raises:
        UserError: naming what is wrong.
    """
    stack = load()
    if not isinstance(model, stack.keras.Model):
        module = type(model).__module__
        hint = " It was made with Keras 3: use tf_keras." if module.startswith("keras.") else ""
        raise UserError(
            f"{what} must return a tf_keras.Model. Received: {module}.{type(model).__name__}.{hint}"
        )
    if not (isinstance(model, stack.keras.Sequential) or model._is_graph_network):
        raise UserError(
            f"{what} must return a functional or sequential model, because tfmot quantizes no "
            f"other. Received: a subclass, {type(model).__name__}."
        )
    if not model.built:
        raise UserError(
            f"{what} must return a built model: begin it with Input{(*input_shape, 1)}."
        )
    for side, received, expected in (
        ("take", model.input_shape, (None, *input_shape, 1)),
        ("give", model.output_shape, (None, classes)),
    ):
        if not isinstance(received, tuple) or received[1:] != expected[1:]:
            raise UserError(
                f"{what} must {side} tensors of shape {expected}. Received: {received}."
            )
    if any(isinstance(layer, stack.keras.Model) for layer in model.layers):
        raise UserError(
            f"{what} must not hold a model as a layer, because tfmot cannot quantize it. Received: "
            f"{', '.join(x.name for x in model.layers if isinstance(x, stack.keras.Model))}."
        )
    probe = np.linspace(-2, 2, 4 * int(np.prod(input_shape)), dtype=np.float32)
    outputs = np.asarray(model(probe.reshape(4, *input_shape, 1), training=False))
    if not np.all(np.isfinite(outputs)):
        raise UserError(
            f"{what} must give finite numbers. Received: {outputs.ravel()[:3].tolist()}…."
        )
    sums = outputs.sum(axis=1)
    if outputs.min() < 0 or np.abs(sums - 1).max() > 1e-3:
        raise UserError(
            f"{what} must end in a softmax, so that its outputs sum to 1. Received: {sums[0]:.3f}."
        )
