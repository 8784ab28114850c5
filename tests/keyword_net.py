"""A small int8 keyword network over the default front-end, with drawn weights, and its firmware."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

from convert import graph as g
from convert.detector import Detector
from convert.emit_aot import emit_model
from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import load_board
from firmware.build import Compiler
from firmware.image import Image
from simulate.listening import listening_sources
from tests.tflite_builder import OpSpec, TensorSpec, activation_tensor, build_model, constant

LABELS = ("silence", "one", "zwölf", 'say "hi"')
WORDS = LABELS[1:]


@cache
def keyword_tflite(channels: int = 8) -> bytes:
    """conv of 10x4 by 2, depthwise 3x3, pointwise, mean, dense 4, softmax on (1, 49, 40, 1)."""
    rng = np.random.default_rng(11)

    def weights(name: str, shape: tuple[int, ...], axis: int) -> TensorSpec:
        scales = tuple(float(np.float32(s)) for s in rng.uniform(0.002, 0.006, shape[axis]))
        data = rng.integers(-127, 128, shape).astype(np.int8)
        return TensorSpec(name, shape, "int8", scales, (0,), axis, data)

    def bias(name: str, count: int) -> TensorSpec:
        data = rng.integers(-2000, 2000, count).astype(np.int32)
        return TensorSpec(name, (count,), "int32", (1e-4,), (0,), 0, data)

    tensors = [
        activation_tensor("input", (1, 49, 40, 1), (1 / 64, 0)),  # 0
        weights("w0", (channels, 10, 4, 1), 0),  # 1
        bias("b0", channels),  # 2
        activation_tensor("conv", (1, 25, 20, channels), (0.05, -128)),  # 3
        weights("w1", (1, 3, 3, channels), 3),  # 4
        bias("b1", channels),  # 5
        activation_tensor("depthwise", (1, 25, 20, channels), (0.04, -128)),  # 6
        weights("w2", (channels, 1, 1, channels), 0),  # 7
        bias("b2", channels),  # 8
        activation_tensor("pointwise", (1, 25, 20, channels), (0.04, -10)),  # 9
        constant("axes", (1, 2)),  # 10
        activation_tensor("mean", (1, channels), (0.02, -20)),  # 11
        weights("w3", (4, channels), 0),  # 12
        bias("b3", 4),  # 13
        activation_tensor("logits", (1, 4), (0.02, 4)),  # 14
        activation_tensor("output", (1, 4), (1 / 256, -128)),  # 15
    ]
    ops = [
        OpSpec("CONV_2D", (0, 1, 2), (3,), g.Conv2D("same", (2, 2), (1, 1), "relu")),
        OpSpec("DEPTHWISE_CONV_2D", (3, 4, 5), (6,), g.DepthwiseConv2D("same", (1, 1), 1)),
        OpSpec("CONV_2D", (6, 7, 8), (9,), g.Conv2D("same", (1, 1))),
        OpSpec("MEAN", (9, 10), (11,), g.Mean(False)),
        OpSpec("FULLY_CONNECTED", (11, 12, 13), (14,), g.FullyConnected()),
        OpSpec("SOFTMAX", (14,), (15,), g.Softmax(1.0)),
    ]
    return build_model(ops, tensors, [0], [15])


@cache
def keyword_model(channels: int = 8) -> GeneratedModel:
    """The network as C."""
    return emit_model(read(keyword_tflite(channels)), labels=LABELS)


def keyword_image(
    out_dir: Path,
    compiler: Compiler = "zig",
    *,
    board: str = "mps2-an386",
    detect: Detector | None = None,
    channels: int = 8,
) -> Image:
    """The network as firmware of the default board, or another."""
    model = keyword_model(channels)
    return build_application(
        model.files,
        emit_frontend(FrontEnd()),
        load_board(board),
        listening=listening_sources(
            read(keyword_tflite(channels)), LABELS, FrontEnd(), 16000, words=WORDS, detect=detect
        ),
        out_dir=out_dir,
        name=f"keyword-{compiler}",
        title="keyword test",
        kernels=model.kernels,
        compiler=compiler,
    )
