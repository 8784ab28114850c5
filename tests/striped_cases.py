"""Small networks for images whose layers are computed in stripes, for every family of kernels."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from unittest import mock

import numpy as np

from convert import graph as g
from convert.emit_aot import GeneratedModel, emit_model
from convert.families import Family, Kernels
from convert.graph import Graph
from convert.planning import Planned, in_stripes, planned
from convert.striped import KIND
from convert.stripes import regions
from convert.tflite_reader import read
from tests import tflite_builder as tb
from tests.op_cases import OpCase
from tests.op_cases.drawing import clips_of, rng_of
from tests.op_cases.networks import drawn_network
from tests.tflite_builder import OpSpec, TensorSpec, activation_tensor, constant

FAMILIES: tuple[Kernels, ...] = ("plain", "dsp", "muls", "mve")
_DRAWN = 14


def striped_cases(
    families: Sequence[Kernels] = FAMILIES,
) -> Iterator[tuple[OpCase, Graph, GeneratedModel]]:
    """(case, graph, C) of each network and family; names as in `tests.firmware.generated_cases`."""
    made = [("padded", padded(), (1, 17, 9, 3))]
    for number in range(_DRAWN):
        rng = rng_of(f"striped {number}")
        shape = (1, int(rng.integers(16, 30)), int(rng.integers(3, 8)), int(rng.integers(1, 10)))
        made.append((f"drawn{number}", drawn_network(rng, shape), shape))
    for name, model, shape in made:
        graph = read(model)
        case = OpCase("striped", name, model, clips_of(shape, 3, name), True)
        for family in families:
            prefix = f"striped_{name}" + ("" if family == "plain" else f"_{family}")
            generated = forced(graph, prefix, family, name)
            if generated is not None:
                yield case, graph, generated


def forced(graph: Graph, prefix: str, kernels: Kernels, seed: str) -> GeneratedModel | None:
    """C with some region in stripes, whatever it does to the arena; None where there is none."""
    rng = rng_of(seed)

    def choose(graph: Graph, family: Family, ram: int) -> Planned:
        whole = planned(graph, family)
        every = list(regions(graph, whole.params))
        for number in rng.permutation(len(every)):
            region = every[number]
            height = graph.tensors[region.target].shape[1]
            rows = int(rng.integers(1, 2 + height // 4))
            found = in_stripes(whole, family, region, rows)
            if found is not None:
                return found
        return whole

    with mock.patch("convert.emit_aot.planned", choose):
        made = emit_model(graph, prefix=prefix, kernels=kernels)
    return made if any(layer.kind == KIND for layer in made.layers) else None


def padded() -> bytes:
    """PAD, a stride, dilation, pooling and a shortcut, with rows left over at the end."""
    rng = np.random.default_rng(5)

    def values(name: str, shape: tuple[int, ...], axis: int, kind: str = "int8") -> TensorSpec:
        scales = tuple(float(np.float32(s)) for s in rng.uniform(0.002, 0.02, shape[axis]))
        data = rng.integers(-127, 128, shape).astype(kind)
        return TensorSpec(name, shape, kind, scales, (0,) * shape[axis], axis, data)

    pads = np.array([[0, 0], [0, 2], [1, 1], [0, 0]], np.int32)
    tensors = [
        activation_tensor("input", (1, 17, 9, 3), (1 / 64, 3)),  # 0
        constant("pads", pads),  # 1
        activation_tensor("padded", (1, 19, 11, 3), (1 / 64, 3)),  # 2
        values("w0", (6, 3, 3, 3), 0),  # 3
        activation_tensor("conv", (1, 9, 5, 6), (0.06, -20)),  # 4
        values("w1", (1, 3, 3, 6), 3),  # 5
        activation_tensor("dilated", (1, 9, 5, 6), (0.04, 5)),  # 6
        activation_tensor("sum", (1, 9, 5, 6), (0.07, -5)),  # 7
        activation_tensor("pool", (1, 9, 5, 6), (0.07, -5)),  # 8
        activation_tensor("product", (1, 9, 5, 6), (0.05, 9)),  # 9
        values("w2", (5, 4, 2, 6), 0),  # 10
        activation_tensor("output", (1, 5, 3, 5), (0.08, 1)),  # 11
    ]
    ops = [
        OpSpec("PAD", (0, 1), (2,), g.NoOptions()),
        OpSpec("CONV_2D", (2, 3), (4,), g.Conv2D("valid", (2, 2))),
        OpSpec("DEPTHWISE_CONV_2D", (4, 5), (6,), g.DepthwiseConv2D("same", (1, 1), 1, (2, 1))),
        OpSpec("ADD", (4, 6), (7,), g.Add()),
        OpSpec("AVERAGE_POOL_2D", (7,), (8,), g.Pool2D("same", (1, 1), (3, 2))),
        OpSpec("MUL", (8, 6), (9,), g.Mul()),
        OpSpec("CONV_2D", (9, 10), (11,), g.Conv2D("same", (2, 2))),
    ]
    return tb.build_model(ops, tensors, [0], [11])
