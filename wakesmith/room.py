"""How many bytes of weights fit into a budget of flash: found on linked images, not estimated.

Which kernels a mixed model needs, and so how large its code is, depends on the mix, and the mix on
the bytes that the code leaves. So a mix is chosen, an image with weights of these kinds is linked,
and while it is over the budget the weights have to make do with as many bytes less.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from convert.emit_frontend import emit_frontend
from convert.errors import SpecError
from convert.frontend import FrontEnd
from convert.generated import CodeSpec
from convert.graph import Graph
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from simulate.listening import listening_sources
from train.features import TrainingData
from train.quantization.gates import install
from train.quantization.low_bit import Method, weight_tensors, weighted_layers
from train.quantization.mixed import Mixed
from train.quantization.tfmot_int8 import quantization_aware
from wakesmith.steps.convert import generate_from


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

    def for_weights(self, scheme: Mixed, network: Any, data: TrainingData, fe: FrontEnd) -> int:
        """Bytes that weights and their tables may take.

        Args:
            scheme: chooses the mix; its own number of bytes is not looked at.
            network: the trained float tf_keras model.
            data: as for `Mixed.choose`.
            fe: the front-end that is linked with it.

        Raises:
            SpecError: the smallest mix does not fit.
        """
        gates = install(quantization_aware(network))
        gates.calibrate(data.calibration[: scheme.calibration_clips])
        graph = read(gates.convert()[0])
        names = [layer.name for layer in weighted_layers(network)]
        tensors = {name: one.index for name, one in weight_tensors(graph, names).items()}
        noise = scheme.noise(network, data)
        whole = sum(graph.tensors[index].size for index in tensors.values())
        left, taken = min(whole, self.flash), 0
        while left > 0:
            try:
                choice = replace(scheme, weight_bytes=left).choose(network, data, noise)
            except SpecError:
                break
            methods = {tensors[name]: method for name, method in choice.methods}
            taken = self._linked(_with(graph, methods), fe)
            if taken <= self.flash:
                return left
            # No mix of more bytes than this one's can fit with the same code.
            left = choice.nbytes - (taken - self.flash)
        told = f", {taken} being what the last mix took that was tried" if taken else ""
        raise SpecError(
            "budget.flash must have room for code, tables and the smallest mix of weights. "
            f"Received: {self.flash} bytes{told}. Raise it, allow more layers 4 bits, or choose a "
            "smaller model."
        )

    def _linked(self, graph: Graph, fe: FrontEnd) -> int:
        """Bytes of flash of the firmware with this model."""
        board = load_board(self.board)
        code = CodeSpec(kernels=board.core.kernels)
        generated = generate_from(graph, self.labels, fe, self.samples, code)
        with tempfile.TemporaryDirectory(prefix="wakesmith-") as folder:
            image = build_application(
                generated.files,
                emit_frontend(fe),
                board,
                listening=listening_sources(graph, self.labels, fe, self.samples),
                out_dir=Path(folder),
                title=self.name,
                kernels=generated.kernels,
                compiler=self.compiler,
            )
        return image.flash_bytes


def _with(graph: Graph, methods: Mapping[int, Method]) -> Graph:
    """Weights of other kinds, which take the room that those of training will take.

    Args:
        graph: int8.
        methods: tensor -> what becomes of it.
    """
    tensors = list(graph.tensors)
    for index, method in methods.items():
        tensor = tensors[index]
        assert tensor.data is not None
        if method == "int4":
            data = (tensor.data // 16).astype(np.int8)
            tensors[index] = replace(tensor, dtype="int4", data=data)
        elif method == "log4":  # 16 different values
            tensors[index] = replace(tensor, data=(tensor.data // 16 * 15).astype(np.int8))
    made = replace(graph, tensors=tuple(tensors))
    made.verify()
    return made
