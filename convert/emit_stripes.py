"""C of a region in stripes: a loop over them, with calls of the same kernels as for whole layers.

Stripes that differ in nothing but where they begin in the source and the target become one loop.
The first ones and the last ones, which see padding, stand before and after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from convert import cwriter
from convert.emit_layer import Layer, LayerCode, emit_layer
from convert.families import Family
from convert.graph import Op
from convert.params import Params
from convert.striped import Part, Striped, row_bytes
from convert.stripes import Call, Move, Stripe


@dataclass(frozen=True)
class _Run:
    """Stripes `first` to `last` that do the same, so many rows further on each time.

    Attributes:
        stripe: what the first of them does.
        reads: rows of the source from one to the next.
        writes: rows of the target.
    """

    first: int
    last: int
    stripe: Stripe
    reads: int = 0
    writes: int = 0


def emit_stripes(
    found: Striped,
    family: Family,
    layer_of: Callable[[Op, Params], Layer],
    scratch: str,
) -> LayerCode:
    """The C of a region.

    Args:
        found: the region.
        family: of the kernels.
        layer_of: what an emitter sees of an operator when it is a whole layer.
        scratch: C expression of type `int8_t *`.

    Raises:
        UnsupportedModelError: a size would overflow a kernel's integers.
    """
    return _Emitter(found, family, layer_of, scratch).code()


class _Emitter:
    """State of one `emit_stripes`: the parts that have their constants."""

    def __init__(
        self,
        found: Striped,
        family: Family,
        layer_of: Callable[[Op, Params], Layer],
        scratch: str,
    ) -> None:
        self.found, self.family, self.layer_of, self.scratch = found, family, layer_of, scratch
        self.graph, self.schedule = found.graph, found.schedule
        self.region = found.schedule.region
        self.definitions: list[str] = []
        self.files: list[str] = []
        self.macs = 0
        self.parts: dict[Part, int] = {}

    def code(self) -> LayerCode:
        """All of it."""
        runs = list(_runs(self.schedule.stripes, self._moving))
        lines = [line for run in runs for line in self._run(run)]
        ops = self.graph.ops
        first, last = ops[self.region.first].index, ops[self.region.last].index
        rows = self.schedule.rows
        return LayerCode(
            definitions=tuple(self.definitions),
            body=(*self._places(), *lines),
            kernel="",
            macs=self.macs,
            about=f"operators {first} to {last}, {rows} row{'s' if rows > 1 else ''} at a time",
            also=tuple(dict.fromkeys(self.files)),
        )

    def _places(self) -> Iterator[str]:
        """Names for what is in scratch memory."""
        for tensor, buffer in self.found.buffers.items():
            about = f"{self.schedule.heights[tensor]} rows of tensor {tensor}"
            yield self._pointer(f"rows_{tensor}", buffer.offset, about)
        for position, buffer in self.found.spaces.items():
            op = self.graph.ops[position]
            yield self._pointer(f"scratch_{op.label}", buffer.offset, f"{buffer.nbytes} bytes")

    def _pointer(self, name: str, offset: int, about: str) -> str:
        return f"int8_t *const {name} = {self.scratch} + {offset}; {cwriter.comment(about)}"

    def _moving(
        self, stripe: Stripe
    ) -> tuple[tuple[object, ...], tuple[int, ...], tuple[int, ...]]:
        """What a stripe does, and the rows of the source and of the target that it does it to."""
        same: list[object] = []
        source: list[int] = []
        target: list[int] = []
        for step in stripe:
            if isinstance(step, Move):
                same.append(step)
                continue
            op = self.graph.ops[step.position]
            fixed: list[int] = []
            for tensor, row in zip(op.values, step.reads, strict=True):
                (source if tensor == self.region.source else fixed).append(row)
            (target if op.outputs[0] == self.region.target else fixed).append(step.writes)
            same.append((step.position, step.params, tuple(fixed)))
        return tuple(same), tuple(source), tuple(target)

    def _run(self, run: _Run) -> Iterator[str]:
        lines = []
        for step in run.stripe:
            lines += self._move(step) if isinstance(step, Move) else self._call(step, run)
        if run.first == run.last:
            yield cwriter.comment(f"Stripe {run.first}.")
            yield from lines
            return
        yield f"for (int32_t stripe = {run.first}; stripe <= {run.last}; stripe++) {{"
        yield from (f"    {part}" for line in lines for part in line.split("\n"))
        yield "}"

    def _move(self, move: Move) -> list[str]:
        row = row_bytes(self.graph, move.tensor)
        return [f"ws_move_down(rows_{move.tensor}, {move.first * row}, {move.rows * row});"]

    def _call(self, call: Call, run: _Run) -> list[str]:
        op = self.graph.ops[call.position]
        whole = self.layer_of(op, call.params)
        part = (call.position, call.params)
        fresh = part not in self.parts
        if fresh:
            self.parts[part] = 1 + sum(position == call.position for position, _ in self.parts)
        layer = replace(
            whole,
            name=f"{whole.name}_part{self.parts[part]}",
            inputs=tuple(
                self._at(index, row, run, place)
                for index, row, place in zip(op.values, call.reads, whole.inputs, strict=True)
            ),
            output=self._at(op.outputs[0], call.writes, run, whole.output),
        )
        fast = self.found.layers.get(part)
        if fast is None:
            code = emit_layer(layer, call.params)
        else:
            scratch = f"scratch_{op.label}" if fast.scratch else None
            code = self.family.emit(layer, fast, scratch)
        if fresh:
            rows = f"rows of operator {op.index}, {op.kind}: {code.about}".rstrip(": ")
            self.definitions += [cwriter.comment(rows), *(t for t in code.definitions if t)]
            self.files += [name for name in (code.kernel, *code.also) if name]
        self.macs += code.macs * (run.last - run.first + 1)
        return list(code.body)

    def _at(self, tensor: int, row: int, run: _Run, place: str) -> str:
        """C expression for a row of a tensor in a stripe of the run."""
        size = row_bytes(self.graph, tensor)
        if tensor == self.region.source:
            step = run.reads * size
        elif tensor == self.region.target:
            step = run.writes * size
        else:
            place, step = f"rows_{tensor}", 0
        begin = row * size - step * run.first
        if step and run.first != run.last:
            return f"{place} + ({step} * stripe {'-' if begin < 0 else '+'} {abs(begin)})"
        return f"{place} + {row * size}" if row else place


def _runs(
    stripes: Sequence[Stripe],
    moving: Callable[[Stripe], tuple[tuple[object, ...], tuple[int, ...], tuple[int, ...]]],
) -> Iterator[_Run]:
    """Neighbouring stripes that one loop can do."""
    begin = 0
    while begin < len(stripes):
        same, source, target = moving(stripes[begin])
        run = _Run(begin, begin, stripes[begin])
        for end in range(begin + 1, len(stripes)):
            also, reads, writes = moving(stripes[end])
            if also != same:
                break
            steps = {(b - a) for a, b in zip(source, reads, strict=True)}
            more = {(b - a) for a, b in zip(target, writes, strict=True)}
            if end == begin + 1 and len(steps) <= 1 and len(more) <= 1:
                run = replace(run, reads=sum(steps), writes=sum(more))
            count = end - begin
            if steps - {count * run.reads} or more - {count * run.writes}:
                break
            run = replace(run, last=end)
        yield run
        begin = run.last + 1
