"""The rows of generated C in benchmarks/tflm_proof.py, for which no TFLite Micro tree is needed."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.tflm_proof import build_bare_c
from convert.emit_aot import emit_model
from convert.tflite_reader import read
from firmware.board import load_board
from simulate.reference import ReferenceBackend
from simulate.tflm_firmware import TflmFirmwareBackend
from tests import tflite_builder as build
from wakesmith.verifying import random_inputs


def test_generated_c_answers_over_the_console(tmp_path: Path) -> None:
    graph = read(build.conv_2d())
    generated = emit_model(graph, kernels="dsp")
    image = build_bare_c(generated, load_board("mps2-an386"), "zig", tmp_path)
    inputs = random_inputs(graph, 4, seed=1)
    found = TflmFirmwareBackend(image, generated).run(inputs)[graph.outputs[0]]
    wanted = ReferenceBackend(graph).run(inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(found, wanted)
