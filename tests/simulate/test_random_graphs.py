"""Random networks of operators that share memory in every way: the C equals the definition.

Reading and assigning variables without copies, operators in place, overlapping inputs and outputs,
parts of tensors and reshapes meet here in orders that no one would write down.
"""

from __future__ import annotations

import random

import numpy as np

from convert import graph as g
from convert.emit_aot import emit_model
from convert.supported import check
from convert.tflite_reader import read
from simulate.compare import compare
from simulate.hostlib import HostLibrary
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from tests.tflite_builder import Streaming

SHAPE = (1, 4, 6)
MODELS, STEPS = 60, 5
_OPTIONS: dict[str, g.Options] = {"ADD": g.Add(), "SUB": g.Sub(), "MUL": g.Mul()}


class _Drawn:
    """One network; every tensor of `pool` has the shape SHAPE."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw
        self.made = Streaming((1 / 40, draw.choice([-128, 3, -20])))
        self.source = self.made.tensor(SHAPE)
        self.pool = [self.source]
        self.names = [f"v{i}" for i in range(draw.randrange(4))]
        self.assigned: set[str] = set()

    def any(self) -> int:
        """One of the tensors so far, rather a late one."""
        return self.draw.choice(self.pool[-5:] if self.draw.random() < 0.7 else self.pool)

    def binary(self) -> None:
        kind = self.draw.choice(["ADD", "SUB", "MUL", "MAXIMUM", "MINIMUM"])
        pair = (self.any(), self.any())
        self.pool.append(self.made.op(kind, pair, SHAPE, _OPTIONS.get(kind)))

    def table(self) -> None:
        self.pool.append(self.made.op("LEAKY_RELU", (self.any(),), SHAPE, g.LeakyRelu(0.4)))

    def transposed(self) -> None:
        turned = (1, 6, 4)
        order = self.made.constant([0, 2, 1])
        there = self.made.op("TRANSPOSE", (self.any(), order), turned)
        there = self.made.op("RELU", (there,), turned)
        self.pool.append(self.made.op("TRANSPOSE", (there, order), SHAPE))

    def reshaped(self) -> None:
        flat = self.made.op("RESHAPE", (self.any(),), (1, 24))
        self.pool.append(self.made.op("RESHAPE", (flat,), SHAPE))

    def joined(self) -> None:
        both = (self.any(), self.any())
        joined = self.made.op("CONCATENATION", both, (1, 8, 6), g.Concatenation(1))
        self.pool.append(self.made.newest(joined, 4))
        sizes = self.made.constant([4, 4]), self.made.constant([1])
        parts = self.made.parts("SPLIT_V", (joined, *sizes), 1, (4, 4))
        self.pool.append(self.draw.choice(parts))

    def assign(self) -> None:
        name = self.draw.choice(self.names) if self.names else ""
        if name and (name not in self.assigned or self.draw.random() < 0.1):
            self.made.assign(name, self.any())
            self.assigned.add(name)

    def read(self) -> None:
        if self.names:
            name, again = self.draw.choice(self.names), self.draw.random() < 0.2
            self.pool.append(self.made.read(name, SHAPE, again=again))

    def finished(self) -> bytes:
        for name in self.names:
            if self.draw.random() < 0.8:
                self.pool.append(self.made.read(name, SHAPE))
        steps = (self.binary, self.binary, self.binary, self.table, self.transposed, self.reshaped)
        for _ in range(self.draw.randrange(3, 14)):
            self.draw.choice([*steps, self.joined, self.joined, self.assign, self.read])()
        for name in self.names:
            if name not in self.assigned:
                self.made.assign(name, self.any())
        last = self.made.op("RELU", (self.pool[-1],), SHAPE)
        also = [t for t in self.pool[1:] if self.draw.random() < 0.1][:1]
        return self.made.finish(self.source, [last, *also])


def test_random_networks_are_exact() -> None:
    draw = random.Random(2026)
    data = [_Drawn(draw).finished() for _ in range(MODELS)]
    graphs = [read(model) for model in data]
    for graph in graphs:
        check(graph)
    generated = [
        emit_model(graph, prefix=f"net{i}", steps=STEPS if graph.states else 1)
        for i, graph in enumerate(graphs)
    ]
    library = HostLibrary(generated)
    copied = sum("memcpy(" in model.files[f"{model.prefix}.c"] for model in generated)
    assert 0 < copied < MODELS
    for i, (model, graph) in enumerate(zip(data, graphs, strict=True)):
        lead = (3, STEPS) if graph.states else (3,)
        inputs = np.random.default_rng(i).integers(-128, 128, (*lead, *SHAPE[1:])).astype(np.int8)
        found = library.backends[f"net{i}"].run(inputs)
        for backend in (ReferenceBackend(graph), TflmBackend(model, guard=False)):
            same = compare(backend.run(inputs), found, graph, (backend.name, "host"))
            assert same.equal, f"network {i}: {same}"
