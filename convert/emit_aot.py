"""Interpreter-free C from a graph: one header, one source, one function per layer.

The generated source holds the constants and the order of the layers; the loops are in
`firmware/kernels`. Every layer is a function of its own that is neither static nor inlined, so that
an emulator can stop after it and read the arena, count its instructions, and name it in a fault.
On the host the same is had with `WS_OBSERVE` (see `simulate.hostlib`).

The text is a function of the graph, the prefix and the labels: no dates, no paths, no hash order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from convert import (
    codebook,
    cwriter,
    emit_binary,
    emit_header,
    emit_picks,
    emit_plain,
    emit_recurrent,
    emit_weighted,
    emit_wide,
    passes,
)
from convert.emit_layer import ConstantPool, Layer, LayerCode, emit_layer
from convert.emit_source import Arena, model_source
from convert.emit_stripes import emit_stripes
from convert.errors import SpecError, UnsupportedModelError
from convert.families import FAMILIES, Kernels
from convert.generated import GeneratedModel, LayerSlot, TensorSlot
from convert.graph import STATES, Graph, Op, Tensor, shown
from convert.params import ConvolutionParams, FullyConnectedParams, Params
from convert.planning import planned
from convert.prepare_wide import is_wide
from convert.striped import Striped

_MAX_ARENA = 2**31 - 1
# Imported so that their emitters are registered.
_EMITTERS = (emit_binary, emit_picks, emit_plain, emit_recurrent, emit_weighted, emit_wide)

__all__ = ["GeneratedModel", "LayerSlot", "TensorSlot", "emit_model"]


def emit_model(
    graph: Graph,
    *,
    prefix: str = "model",
    labels: Sequence[str] = (),
    pack: bool = True,
    steps: int = 1,
    kernels: Kernels = "plain",
    ram: int = 0,
) -> GeneratedModel:
    """Make C from a graph.

    Args:
        graph: as the reader makes it, with or without passes applied.
        prefix: what all C names and both file names begin with.
        labels: one text per class; none, or as many as the output has values in its last dimension.
        pack: keep weights in 4 bits where that saves flash (`convert.codebook`); otherwise all are
            int8 in the C, INT4 ones, too, except for tensors that have codes already.
        steps: runs of the model per window, more than one only where it has states.
        kernels: the family that computes the layers that it can (`convert.families`); the bits
            are the same with all of them.
        ram: bytes that the arena may have, 0 for no limit; layers are computed in stripes where
            that is needed to stay below (`convert.stripes`).

    Raises:
        SpecError: the prefix is no C identifier, there are too few or too many labels, several
            steps of a model without states, or the arena does not fit `ram`.
        UnsupportedModelError: an operator or a type that the kernels do not have.
        ModelError: scales or shapes break a rule of TFLite Micro.
    """
    if cwriter.identifier(prefix) != prefix:
        raise SpecError(
            f"A prefix must be a C identifier. Received: {prefix!r}. "
            f"Try {cwriter.identifier(prefix)!r}."
        )
    if steps < 1 or (steps > 1 and not graph.states):
        raise SpecError(
            "steps must be 1, or more where the model remembers from step to step. "
            f"Received: {steps}, {len(graph.states)} states."
        )
    graph = passes.prepare(graph)
    if pack:
        graph = codebook.pack_weights(graph)
    return _Writer(graph, prefix, tuple(labels), steps, kernels, ram).generate()


class _Writer:
    """State of one `emit_model`: the graph, its plan, and the layers made so far."""

    def __init__(
        self,
        graph: Graph,
        prefix: str,
        labels: tuple[str, ...],
        steps: int,
        kernels: Kernels,
        ram: int,
    ) -> None:
        self.prefix = prefix
        self.labels = labels
        self.steps = steps
        self.family = FAMILIES[kernels]
        found = planned(graph, self.family, ram)
        self.graph, self.params, self.fast = found.graph, found.params, found.layers
        self.plan, self.whole_arena = found.plan, found.whole_arena
        self.pool = ConstantPool()
        self.arena = Arena(prefix, self.plan, wide=any(is_wide(graph, op) for op in graph.ops))
        if self.plan.arena_size > _MAX_ARENA:
            raise UnsupportedModelError(
                f"The arena must stay below 2 GiB. Received: {self.plan.arena_size} bytes."
            )
        self.inputs = tuple(self._edge(index) for index in graph.inputs)
        self.outputs = tuple(self._edge(index) for index in graph.outputs)
        classes = self.outputs[0].shape[-1] if self.outputs and self.outputs[0].shape else 1
        if labels and len(labels) != classes:
            raise SpecError(
                f"There must be one label per class of the model ({classes}). "
                f"Received: {len(labels)}."
            )

    def generate(self) -> GeneratedModel:
        """All of it."""
        slots: list[LayerSlot] = []
        codes: list[LayerCode] = []
        texts: list[str] = []
        for position, (op, params) in enumerate(zip(self.graph.ops, self.params, strict=True)):
            layer = self._layer(op, params)
            fast = self.fast.get(position)
            if fast is None:
                code = emit_layer(layer, params)
            elif isinstance(fast, Striped):
                scratch = str(self.arena.scratch(position))
                code = emit_stripes(fast, self.family, self._layer, scratch)
            else:
                code = self.family.emit(layer, fast, self.arena.scratch(position))
            slot = self._slot(op, code)
            slots.append(slot)
            codes.append(code)
            texts.append(self._layer_text(layer, slot, code))
        macs = sum(code.macs for code in codes)
        model = GeneratedModel(
            prefix=self.prefix,
            files={},
            layers=tuple(slots),
            inputs=self.inputs,
            outputs=self.outputs,
            arena_size=self.plan.arena_size,
            arena_symbol=f"{self.prefix}_arena",
            flash_bytes=self.pool.nbytes,
            macs=macs,
            kernels=self.family.files(codes),
            model_hash=self.graph.model_hash,
            labels=self.labels,
            states=tuple(self._at(tensor) for tensor in self.graph.states),
            steps=self.steps,
            scratch=tuple((buffer.offset, buffer.nbytes) for buffer in self.plan.scratch),
            buffers=(*self.plan.buffers, *self.plan.scratch),
            whole_arena=self.whole_arena,
        )
        files = {
            f"{self.prefix}.h": emit_header.model_header(model, self.graph),
            f"{self.prefix}.c": model_source(model, self.graph, self.arena, self._headers(), texts),
        }
        return replace(model, files=files)

    def _headers(self) -> list[str]:
        """Files with the functions that layers call."""
        plain = "ws_kernels_s16.h" if self.arena.wide else "ws_kernels.h"
        return [plain, self.family.header] if self.fast and self.family.header else [plain]

    def _edge(self, index: int) -> TensorSlot:
        """A graph input or output."""
        tensor = self.graph.tensors[index]
        if tensor.dtype not in emit_header.CTYPE or index not in self.plan:
            received = "a constant" if tensor.data is not None else tensor.dtype
            raise UnsupportedModelError(
                "Inputs and outputs of a model must be computed tensors of type "
                f"{', '.join(emit_header.CTYPE)}. "
                f"Received: {received} for tensor {index} ({shown(tensor.name)})."
            )
        return self._at(tensor)

    def _at(self, tensor: Tensor) -> TensorSlot:
        """Where a tensor is in the arena."""
        return TensorSlot(
            tensor=tensor.index,
            name=tensor.name,
            dtype=tensor.dtype,
            shape=tensor.shape,
            offset=self.plan.offset_of(tensor.index),
            nbytes=tensor.nbytes,
        )

    def _layer(self, op: Op, params: Params) -> Layer:
        """What the emitter of `op` needs."""
        name = f"{self.prefix}_layer_{op.label}"
        weighted = isinstance(params, ConvolutionParams | FullyConnectedParams)
        inputs, definitions = self._operands(op, name)
        constants = []
        for position in (1, 2):
            tensor = self._input(op, position) if weighted else None
            if tensor is not None and tensor.data is None:
                raise UnsupportedModelError(
                    f"Operator {op.index} ({op.kind}) must have constant weights. Received: tensor "
                    f"{tensor.index} ({shown(tensor.name)}), which is computed."
                )
            constants.append(None if tensor is None else tensor.data)
        weights = self._input(op, 1) if weighted else None
        return Layer(
            op=op,
            name=name,
            inputs=inputs,
            output=self.arena.macro(op.outputs[0]),
            weights=constants[0],
            bias=constants[1],
            in_place=self._in_place(op),
            pool=self.pool,
            definitions=definitions,
            codes=None if weights is None else weights.codes,
            wide=is_wide(self.graph, op),
            tensors=tuple(self._input(op, position) for position in range(len(op.inputs))),
            states=tuple(self.arena.macro(op.inputs[i]) for i in STATES.get(op.kind, ())),
        )

    def _in_place(self, op: Op) -> bool:
        """Whether the first input and the output begin at the same byte."""
        source, output = op.inputs[0], op.outputs[0]
        if source not in self.plan or output not in self.plan:
            return False
        return self.plan.offset_of(source) == self.plan.offset_of(output)

    def _input(self, op: Op, position: int) -> Tensor | None:
        if len(op.inputs) <= position or op.inputs[position] == -1:
            return None
        return self.graph.tensors[op.inputs[position]]

    def _operands(self, op: Op, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """C expressions of what a kernel reads, and definitions of those that are constant."""
        expressions, definitions = [], []
        for position, index in enumerate(op.values):
            tensor = self.graph.tensors[index]
            expression = self.arena.macro(index)
            if tensor.data is not None:
                if tensor.dtype not in ("int8", "int16"):
                    raise UnsupportedModelError(
                        f"Operator {op.index} ({op.kind}) must read constants of type int8 or "
                        f"int16. Received: {tensor.dtype} for tensor {index} "
                        f"({shown(tensor.name)})."
                    )
                ctype = emit_header.CTYPE[tensor.dtype]
                expression, text = self.pool.add(ctype, f"{name}_in{position}", tensor.data)
                definitions.append(text)
            expressions.append(expression)
        return tuple(expressions), tuple(definitions)

    def _slot(self, op: Op, code: LayerCode) -> LayerSlot:
        tensor = self.graph.tensors[op.outputs[0]]
        return LayerSlot(
            op_index=op.index,
            kind=op.kind,
            function=f"{self.prefix}_layer_{op.label}_{op.kind.lower()}",
            output=tensor.index,
            offset=self.plan.offset_of(tensor.index),
            nbytes=tensor.nbytes,
            dtype=tensor.dtype,
            shape=tensor.shape,
            macs=code.macs,
        )

    def _layer_text(self, layer: Layer, slot: LayerSlot, code: LayerCode) -> str:
        """Comment, constants and function of one layer."""
        op = layer.op
        first = f"Layer {op.index}, {op.kind}"
        if code.about:
            first += f": {code.about}"
        activation = getattr(op.options, "activation", "none")
        if activation not in ("none", "tanh"):  # tanh is what makes an LSTM, not what follows it
            first += f", then {activation}"
        sources = [i for i in op.inputs if i in self.plan and not self.graph.tensors[i].state]
        states = [op.inputs[i] for i in STATES.get(op.kind, ())]
        lines = [f"{first}.", *(f"in:  {self._describe(i)}" for i in sources)]
        lines.append(f"out: {self._describe(slot.output)}")
        lines += [f"remembers {self._describe(i)}" for i in states]
        if code.macs:
            lines.append(f"{code.macs} multiplications")
        files = self.family.files([code])
        if files:
            lines.append(f"loops in {', '.join(files)}")
        body = "".join(f"    {line}\n" for part in code.body for line in part.split("\n"))
        return "\n".join(
            [
                cwriter.comment("\n".join(lines)),
                *(text for text in (*layer.definitions, *code.definitions) if text),
                f"void {slot.function}(void);",
                f"WS_NOINLINE void {slot.function}(void) {{",
                f"{body}}}",
                "",
            ]
        )

    def _describe(self, index: int) -> str:
        tensor = self.graph.tensors[index]
        shape = "x".join(map(str, tensor.shape)) or "scalar"
        return f"tensor {index}, {tensor.dtype} {shape}, {shown(tensor.name)}"
