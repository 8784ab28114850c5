"""Every core computes the public models as TFLite Micro does: random inputs and real ones.

Slow; `make models-proof` runs it. Each layer is compared, not only the output.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.cores import CORES
from simulate.hostlib import HostBackend
from simulate.tflm import TflmBackend
from tests.needs import skip_without
from tests.public_models import PUBLIC
from tests.real_inputs import real_inputs
from wakesmith.bare import board_of, running
from wakesmith.proving import prove_layers
from wakesmith.verifying import random_inputs

RANDOM, REAL = 1000, 200


@pytest.mark.slow
@pytest.mark.parametrize("core", sorted(CORES))
@pytest.mark.parametrize("path", PUBLIC)
def test_every_layer_on_every_core(path: Path, core: str, tmp_path: Path) -> None:
    skip_without(core)
    tflite = path.read_bytes()
    graph = read(tflite)
    board = board_of(core)
    generated = emit_model(graph, kernels=board.core.kernels)
    drawn = random_inputs(graph, RANDOM, 0)
    real = real_inputs(graph.tensors[graph.inputs[0]], REAL)
    assert len(drawn) == RANDOM and len(real) == REAL
    assert len(np.unique(real, axis=0)) > REAL // 2
    with running(generated, board, tmp_path) as chip:
        backends = {
            "tflm": TflmBackend(tflite),
            "host": HostBackend(generated),
            "quick": HostBackend.quick(graph),
            core: chip,
        }
        outcome = prove_layers(backends, graph, np.concatenate([drawn, real]))
    assert outcome.proof.mismatches == 0, outcome.sentences
    assert outcome.proof.clips == RANDOM + REAL
    assert outcome.proof.compared > 3 * (RANDOM + REAL) * len(graph.ops)
