"""The source of a generated model around its layers: the arena, what starts it, what runs it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from convert import cwriter, memory
from convert.emit_header import CTYPE, accessors
from convert.generated import GeneratedModel
from convert.graph import Graph, Tensor


@dataclass(frozen=True)
class Arena:
    """How C names what lies in a model's arena.

    Attributes:
        prefix: of all names.
        plan: where everything lies.
        wide: whether there are int16 values. They are read and written as such, so the array is
            declared as what they are; as bytes any object may be read and written.
    """

    prefix: str
    plan: memory.Plan
    wide: bool

    def declaration(self) -> str:
        """The array."""
        size = f"{self.prefix.upper()}_ARENA_SIZE"
        array = f"int16_t {self.prefix}_arena[{size} / 2]"
        if not self.wide:
            array = f"int8_t {self.prefix}_arena[{size}]"
        return f"static {array} WS_ALIGNED({memory.ALIGNMENT});"

    def macro(self, index: int) -> str:
        """Name of a tensor's place, by the tensor's number."""
        return f"{self.prefix.upper()}_TENSOR_{index}"

    def define(self, tensor: Tensor) -> str:
        """What that name stands for: an `int8_t *`, or an `int16_t *` to int16 values."""
        offset = self.plan.offset_of(tensor.index)
        if self.wide and tensor.dtype == "int16":
            place = f"({self.prefix}_arena + {offset // 2})"
        elif self.wide:
            place = f"((int8_t *){self.prefix}_arena + {offset})"
        else:
            place = f"({self.prefix}_arena + {offset})"
        return f"#define {self.macro(tensor.index)} {place}"

    def scratch(self, position: int) -> str | None:
        """An `int8_t *` to the scratch memory of the operator at a position, None without."""
        buffer = self.plan.scratch_of(position)
        if buffer is None:
            return None
        if self.wide:
            return f"((int8_t *){self.prefix}_arena + {buffer.offset})"
        return f"({self.prefix}_arena + {buffer.offset})"


def model_source(
    model: GeneratedModel,
    graph: Graph,
    arena: Arena,
    headers: Sequence[str],
    layers: Sequence[str],
) -> str:
    """The text of the source.

    Args:
        model: all of it but its files.
        graph: that it was made from.
        arena: of this model.
        headers: of the kernels, in firmware/include.
        layers: their constants and functions, in the order in which they run.
    """
    name = model.prefix
    about = "All activations. Tensors share bytes when they are never needed together."
    lines = [
        cwriter.banner(
            model.model_hash, "The layers of the model, in the order in which they run."
        ),
        f'#include "{name}.h"',
        "",
        "#include <stddef.h>",
        "",
        cwriter.comment("What the kernels do, and how they read their parameters and constants."),
        *(f'#include "{header}"' for header in headers),
        '#include "ws_memory.h"',
        "",
        cwriter.comment(about),
        arena.declaration(),
        *(arena.define(graph.tensors[index]) for index in _used(model, graph, arena.plan)),
        "",
        *layers,
        *_OBSERVER,
        *_beginning(model, graph, arena),
        *_edges(model, arena),
        *_run(model, arena),
    ]
    if model.labels:
        lines += ["", cwriter.label_array(f"{name}_labels", model.labels).rstrip("\n")]
    return "\n".join(lines) + "\n"


_OBSERVER = (
    cwriter.comment(
        "A host build may define WS_OBSERVE as a function that is shown every layer's output."
    ),
    "#ifdef WS_OBSERVE",
    "void WS_OBSERVE(int32_t layer, const void *output, int32_t nbytes);",
    "#define OBSERVE(layer, output, nbytes) WS_OBSERVE((layer), (output), (nbytes))",
    "#else",
    "#define OBSERVE(layer, output, nbytes) ((void)0)",
    "#endif",
    "",
)


def _used(model: GeneratedModel, graph: Graph, plan: memory.Plan) -> list[int]:
    """Tensors in the arena that the C speaks of."""
    touched = {index for op in graph.ops for index in (*op.inputs, *op.outputs) if index in plan}
    return sorted(touched | {edge.tensor for edge in (*model.inputs, *model.outputs)})


def _beginning(model: GeneratedModel, graph: Graph, arena: Arena) -> list[str]:
    """The functions that are called before a run."""
    name = model.prefix
    if not graph.states:
        nothing = "Nothing to prepare: all constants are in flash, all numbers known."
        return [f"void {name}_init(void) {{", f"    {cwriter.comment(nothing)}", "}", ""]
    lines = [f"void {name}_reset(void) {{"]
    for tensor in graph.states:
        zero = tensor.quant.zero_point[0] if tensor.quant and tensor.dtype == "int8" else 0
        lines.append(f"    memset({arena.macro(tensor.index)}, {zero}, {tensor.nbytes});")
    return [*lines, "}", "", f"void {name}_init(void) {{", f"    {name}_reset();", "}", ""]


def _edges(model: GeneratedModel, arena: Arena) -> list[str]:
    """The functions that say where inputs and outputs are."""
    lines = []
    for role, edges, const in (("input", model.inputs, ""), ("output", model.outputs, "const ")):
        functions = accessors(model.prefix, role, len(edges))
        for function, edge in zip(functions, edges, strict=True):
            ctype = f"{const}{CTYPE[edge.dtype]} *"
            value = arena.macro(edge.tensor)
            if edge.dtype not in ("int8", "int16"):
                value = f"({ctype})({const}void *){value}"
            lines += [f"{ctype}{function}(void) {{", f"    return {value};", "}", ""]
    return lines


def _run(model: GeneratedModel, arena: Arena) -> list[str]:
    """The function that runs all layers, and a table of them."""
    name = model.prefix
    lines = [f"int {name}_invoke(void) {{"]
    for position, slot in enumerate(model.layers):
        lines.append(f"    {slot.function}();")
        lines.append(f"    OBSERVE({position}, {arena.macro(slot.output)}, {slot.nbytes});")
    lines += ["    return 0;", "}"]
    if model.layers:
        lines += ["", f"const {name}_layer_t {name}_layers[{name.upper()}_LAYER_COUNT] = {{"]
        lines += [f'    {{"{slot.kind}", {slot.function}}},' for slot in model.layers]
        lines.append("};")
    return lines
