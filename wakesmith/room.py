"""How much flash a budget leaves for weights: measured on images, not estimated.

A mixed model is made of layers with int8, INT4 and table-coded weights, and which kernels it needs
is known only when it is made. So three images of the same network are linked, with all weights of
one kind each. Everything that is not weights is what the int8 image has, plus the code that only
the other two have, plus what their parameters take more.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.emit_frontend import emit_frontend
from convert.errors import SpecError
from convert.export import to_tflite
from convert.frontend import FrontEnd
from convert.graph import CHANNEL_AXES, Graph, Tensor
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from firmware.image import Image
from train.features import Features
from wakesmith.sizes import weight_bytes
from wakesmith.steps.convert import generate_from

_PADDING = 3  # bytes at most before the next array, which begins at a multiple of 4


@dataclass(frozen=True)
class Room:
    """A budget of flash and the firmware that has to fit.

    Attributes:
        flash: bytes of the whole firmware.
        name: of the project, which the firmware says at start.
        labels: of the classes.
        samples: of a clip.
        board: that the firmware is for.
        compiler: as in `[firmware]`.
    """

    flash: int
    name: str
    labels: tuple[str, ...]
    samples: int
    board: str
    compiler: Literal["zig", "gcc"]

    def for_weights(self, network: Any, calibration: Features, fe: FrontEnd) -> int:
        """Bytes that weights and their tables may take.

        Args:
            network: the float tf_keras model.
            calibration: int8 (clips, frames, width).
            fe: the front-end that is linked with it.

        Raises:
            SpecError: code and tables alone are more than the budget.
        """
        graph = read(to_tflite(network, "int8", representative=calibration))
        int8, *others = (self._parts(made, fe) for made in (graph, _coded(graph), _int4(graph)))
        rest = int8.rest + max(0, *(other.constants - int8.constants for other in others))
        code = {name: size for other in others for name, size in other.code.items()}
        rest += sum(size for name, size in code.items() if name not in int8.code)
        rest += _PADDING * sum(op.kind in CHANNEL_AXES for op in graph.ops)
        if rest >= self.flash:
            raise SpecError(
                f"budget.flash must be more than code and tables take, which is {rest} bytes. "
                f"Received: {self.flash}. Raise it, or choose a smaller front-end."
            )
        return self.flash - rest

    def _parts(self, graph: Graph, fe: FrontEnd) -> _Parts:
        generated = generate_from(graph, self.labels, fe, self.samples)
        with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
            image = build_application(
                generated.files,
                emit_frontend(fe),
                load_board(self.board),
                out_dir=Path(folder),
                title=self.name,
                kernels=generated.kernels,
                compiler=self.compiler,
            )
        constants = _sizes(image, "constant")
        layers = [(layer.op_index, layer.kind) for layer in generated.layers]
        weights = weight_bytes(layers, constants.items())
        code = {k: v for k, v in _sizes(image, "code").items() if not k.startswith("model_")}
        return _Parts(image.flash_bytes - weights, sum(constants.values()) - weights, code)


@dataclass(frozen=True)
class _Parts:
    """What an image holds beside weights.

    Attributes:
        rest: bytes of flash without weights.
        constants: bytes of its named constants without weights.
        code: function -> bytes, without those of the model's layers.
    """

    rest: int
    constants: int
    code: dict[str, int]


def _sizes(image: Image, place: str) -> dict[str, int]:
    return {symbol.name: symbol.size for symbol in image.symbols if symbol.place == place}


def _coded(graph: Graph) -> Graph:
    """With weights of 16 different values, which are packed as codes with a table."""
    return _with_weights(
        graph, lambda tensor, data: replace(tensor, data=(data // 16 * 15).astype(np.int8))
    )


def _int4(graph: Graph) -> Graph:
    """With INT4 weights."""
    return _with_weights(
        graph,
        lambda tensor, data: replace(tensor, dtype="int4", data=(data // 16).astype(np.int8)),
    )


def _with_weights(graph: Graph, change: Callable[[Tensor, NDArray[np.generic]], Tensor]) -> Graph:
    """Other int8 weights for the operators that have kernels of 4 bits."""
    tensors = list(graph.tensors)
    for op in graph.ops:
        if op.kind in CHANNEL_AXES:
            tensor = tensors[op.inputs[1]]
            if tensor.dtype == "int8" and tensor.data is not None:
                tensors[tensor.index] = change(tensor, tensor.data)
    made = replace(graph, tensors=tuple(tensors))
    made.verify()
    return made
