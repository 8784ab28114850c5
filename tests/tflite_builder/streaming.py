"""Models built step by step, with resource variables, as streaming layers become."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert import graph as g
from tests.tflite_builder.writing import OpSpec, QParams, TensorSpec, activation_tensor, build_model


class Streaming:
    """A model built tensor by tensor; variables get their handles and their beginning.

    made = Streaming()
    x = made.tensor((1, 4))
    old = made.read("memory", (1, 4))
    y = made.op("ADD", (old, x), (1, 4), g.Add())
    made.assign("memory", x)
    data = made.finish(x, [y])
    """

    def __init__(self, q: QParams = (1 / 64, 3)) -> None:
        self.q = q
        self.tensors: list[TensorSpec] = []
        self.ops: list[OpSpec] = []
        self.beginnings: dict[str, TensorSpec] = {}
        self.before: list[OpSpec] = [OpSpec("CALL_ONCE", (), (), g.CallOnce(1))]
        self.handles: dict[str, int] = {}

    def tensor(self, shape: Sequence[int], q: QParams | None = None, **more) -> int:
        self.tensors.append(activation_tensor(f"t{len(self.tensors)}", shape, q or self.q, **more))
        return len(self.tensors) - 1

    def constant(self, values: Sequence[int]) -> int:
        data = np.asarray(values, np.int32)
        self.tensors.append(TensorSpec("c", data.shape, "int32", (), (), data=data))
        return len(self.tensors) - 1

    def op(
        self,
        kind: str,
        inputs: Sequence[int],
        shape: Sequence[int],
        options: g.Options | None = None,
        q: QParams | None = None,
    ) -> int:
        output = self.tensor(shape, q)
        self.ops.append(OpSpec(kind, tuple(inputs), (output,), options or g.NoOptions()))
        return output

    def parts(self, kind: str, inputs: Sequence[int], axis: int, sizes: Sequence[int]) -> list[int]:
        """SPLIT or SPLIT_V of the first input along an axis."""
        shape = self.tensors[inputs[0]].shape
        outputs = [self.tensor((*shape[:axis], n, *shape[axis + 1 :])) for n in sizes]
        self.ops.append(OpSpec(kind, tuple(inputs), tuple(outputs), g.Part()))
        return outputs

    def handle(self, name: str, again: bool = False) -> int:
        """The tensor that names a variable; `again` by another VAR_HANDLE."""
        if again or name not in self.handles:
            self.tensors.append(TensorSpec(name, (), "resource", (), ()))
            self.handles[name] = len(self.tensors) - 1
            self.before.append(OpSpec("VAR_HANDLE", (), (self.handles[name],), g.VarHandle(name)))
        return self.handles[name]

    def read(self, name: str, shape: Sequence[int], **more) -> int:
        return self.op("READ_VARIABLE", (self.handle(name, **more),), shape)

    def assign(self, name: str, value: int, **more) -> None:
        shape = self.tensors[value].shape
        data = np.full(shape, self.q[1], np.int8)
        self.beginnings[name] = activation_tensor(f"{name} begins", shape, self.q, data=data)
        self.ops.append(OpSpec("ASSIGN_VARIABLE", (self.handle(name, **more), value), ()))

    def newest(self, source: int, frames: int) -> int:
        """The last frames of (1, frames, values)."""
        shape = self.tensors[source].shape
        limits = [[0, -frames, 0], [0, 0, 0], [1, 1, 1]]
        places = [source, *(self.constant(values) for values in limits)]
        options = g.StridedSlice(begin_mask=5, end_mask=7)
        return self.op("STRIDED_SLICE", places, (1, frames, shape[2]), options)

    def finish(self, source: int, results: Sequence[int]) -> bytes:
        tensors: list[TensorSpec] = []
        ops: list[OpSpec] = []
        for name, value in self.beginnings.items():
            tensors += [TensorSpec(name, (), "resource", (), ()), value]
            place = len(tensors) - 2
            ops.append(OpSpec("VAR_HANDLE", (), (place,), g.VarHandle(name)))
            ops.append(OpSpec("ASSIGN_VARIABLE", (place, place + 1), ()))
        if not ops:
            return build_model(self.ops, self.tensors, [source], results)
        everything = [*self.before, *self.ops]
        return build_model(everything, self.tensors, [source], results, more=[(ops, tensors)])
