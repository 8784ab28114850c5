"""Public int8 models: every layer of the reference equals TFLite Micro, and fast enough."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.tflite_reader import read
from simulate.backend import clip_shape
from simulate.compare import compare
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.public_models import PUBLIC


@pytest.mark.parametrize("path", PUBLIC)
def test_every_layer_of_a_public_model_equals_tflm(path: Path) -> None:
    data = path.read_bytes()
    graph = read(data)
    shape = clip_shape(graph.tensors[graph.inputs[0]].shape)
    rng = np.random.default_rng(7)
    inputs = rng.integers(-128, 128, (60, *shape)).astype(np.int8)
    # Real features vary slowly: smooth some clips, and saturate some.
    inputs[20:40] = np.sort(inputs[20:40], axis=1)
    inputs[40:50] = np.where(inputs[40:50] < 0, -128, 127)
    inputs[50], inputs[51] = -128, 127
    reference = ReferenceBackend(graph).run(inputs)
    found = compare(
        reference, TflmBackend(data, guard=False).run(inputs), graph, ("reference", "tflm")
    )
    assert found.equal, str(found)
    assert found.tensors == len(graph.ops) + 1
