"""The host back end: many models in one library, foreign inputs refused, threads kept apart."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from convert.emit_aot import emit_model
from convert.errors import ModelError
from convert.tflite_reader import read
from simulate.hostlib import HostBackend, HostLibrary, host_sources
from simulate.reference import ReferenceBackend
from tests import tflite_builder as tb


def test_trace_holds_input_and_every_layer() -> None:
    graph = read(tb.fully_connected(inputs=12, units=5))
    inputs = np.random.default_rng(0).integers(-128, 128, (4, 12)).astype(np.int8)
    host = HostBackend.from_graph(graph)
    trace = host.run(inputs)
    expected = ReferenceBackend(graph).run(inputs)
    assert set(trace) == set(expected)
    for index, values in expected.items():
        np.testing.assert_array_equal(trace[index], values)
        assert trace[index].dtype == values.dtype
    np.testing.assert_array_equal(host.predict(inputs), expected[graph.outputs[0]])
    assert host.predict(inputs[:0]).shape == (0, 5)


def test_float_edges() -> None:
    graph = read(tb.quantize(dtype="float32"))
    odd = [np.nan, np.inf, -np.inf, 1e30, -1e30, 0.03, -0.03, 0.0, 1e-42, 7.65]
    inputs = np.array([odd], np.float32)
    trace = HostBackend.from_graph(graph).run(inputs)
    expected = ReferenceBackend(graph).run(inputs)
    np.testing.assert_array_equal(trace[graph.outputs[0]], expected[graph.outputs[0]])


@pytest.mark.parametrize(
    "inputs", [np.zeros((2, 11), np.int8), np.zeros((2, 12), np.uint8), np.zeros(12, np.int8)]
)
def test_other_shapes_and_types_are_refused(inputs: np.ndarray) -> None:
    host = HostBackend.from_graph(read(tb.fully_connected(inputs=12, units=5)))
    for call in (host.run, host.predict):
        with pytest.raises(ModelError, match=r"Inputs must be int8 of shape \(batch, \*\(12,\)\)"):
            call(inputs)


def test_prefixes_must_differ() -> None:
    generated = emit_model(read(tb.relu()))
    with pytest.raises(ValueError, match="Prefixes must differ"):
        host_sources([generated, generated])


def test_threads_do_not_share_an_arena_at_once() -> None:
    graphs = [read(tb.conv_2d(seed=seed)) for seed in range(2)]
    models = [emit_model(graph, prefix=f"m{i}") for i, graph in enumerate(graphs)]
    backends = list(HostLibrary(models).backends.values())
    rng = np.random.default_rng(0)
    batches = [rng.integers(-128, 128, (50, 6, 5, 3)).astype(np.int8) for _ in range(8)]
    expected = [backends[i % 2].predict(batch) for i, batch in enumerate(batches)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: backends[i % 2].predict(batches[i % 8]), range(64)))
    for i, values in enumerate(found):
        np.testing.assert_array_equal(values, expected[i % 8])
