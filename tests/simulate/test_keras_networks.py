"""Networks of published shapes, quantized by the converter: every back end, every layer, exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.supported import check
from convert.tflite_reader import read
from firmware.application import build_bare
from firmware.board import load_board
from simulate.compare import compare
from simulate.cortexm import CortexMBackend
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.keras_models import NETWORKS, converted
from train.keras import load

GATED = {
    *("HARD_SWISH", "LEAKY_RELU", "LOGISTIC", "MAXIMUM", "MUL", "PACK", "REDUCE_MAX", "SPLIT"),
    *("STRIDED_SLICE", "SUB", "TANH", "TRANSPOSE"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NETWORKS)
def test_network_is_exact_everywhere(name: str, tmp_path: Path) -> None:
    load().tf.keras.utils.set_random_seed(7)
    data = converted(NETWORKS[name]())
    graph = read(data)
    check(graph)
    assert name != "gated" or {op.kind for op in graph.ops} >= GATED
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    inputs = np.random.default_rng(0).integers(-128, 128, (6, *shape)).astype(np.int8)
    inputs[0], inputs[1] = -128, 127
    generated, fast = emit_model(graph), emit_model(graph, kernels="dsp")
    image = build_bare(fast.files, load_board("mps2-an386"), out_dir=tmp_path, kernels=fast.kernels)
    expected = TflmBackend(data).run(inputs)
    for backend in (
        ReferenceBackend(graph),
        HostBackend(generated),
        HostBackend(fast),
        CortexMBackend(image, fast),
    ):
        found = compare(expected, backend.run(inputs), graph, ("tflm", backend.name))
        assert found.equal and found.tensors > 10, str(found)
