"""Inputs and answers of the firmware's `selftest`, computed by the definitions."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from convert.emit_selftest import SelfTest
from convert.frontend import FrontEnd
from convert.graph import Graph
from simulate import frontend
from simulate.backend import last_step, windows
from simulate.reference import ReferenceBackend

SEED = 20_000


def noise(samples: int, seed: int = SEED) -> NDArray[np.int16]:
    """(samples,) int16, sample for sample what `ws_noise` in firmware/app/ws_selftest.c gives."""
    made = np.empty(samples, np.int16)
    state = seed
    for i in range(samples):
        state = (state * 1664525 + 1013904223) % 2**32
        made[i] = ((state >> 16) - 32768) >> (15 - i // 1024 % 16)
    return made


def self_test(graph: Graph, fe: FrontEnd, samples: int) -> SelfTest:
    """What a build stores in its firmware.

    Two windows: the features of the noise, and drawn bytes, which reach values that sound does not.

    Args:
        graph: the model.
        fe: its front-end.
        samples: of the model's window.
    """
    frames = fe.frames(samples)
    heard = (frames - 1 + -(-fe.window // fe.hop)) * fe.hop
    features = frontend.features(noise(heard)[np.newaxis], fe)[:, -frames:]
    drawn = np.random.default_rng(SEED).integers(-128, 128, features.shape).astype(np.int8)
    inputs = np.concatenate([features, drawn])
    shape = graph.tensors[graph.inputs[0]].shape
    output = graph.tensors[graph.outputs[0]]
    trace = ReferenceBackend(graph).run(windows(inputs, shape))
    answers = last_step(trace[output.index], output.shape).reshape(len(inputs), -1)
    return SelfTest(SEED, features, inputs.reshape(len(inputs), -1), answers.astype(np.int8))
