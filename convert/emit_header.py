"""The header of a generated model: sizes, quantization, and the functions to call."""

from __future__ import annotations

import math

from convert import cwriter, memory
from convert.generated import GeneratedModel, TensorSlot
from convert.graph import DType, Graph

CTYPE: dict[DType, str] = {
    "int8": "int8_t",
    "int16": "int16_t",
    "int32": "int32_t",
    "uint8": "uint8_t",
    "float32": "float",
}


def accessors(prefix: str, role: str, count: int) -> list[str]:
    """Function names: model_input, and model_input_1 and so on where there are more."""
    return [f"{prefix}_{role}" + (f"_{i}" if i else "") for i in range(count)]


def model_header(model: GeneratedModel, graph: Graph) -> str:
    """The text of the header.

    Args:
        model: all of it but its files.
        graph: that it was made from.
    """
    name, capital = model.prefix, model.prefix.upper()
    lines = [
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        f'#define {capital}_HASH "{model.model_hash}"',
        f"#define {capital}_ARENA_SIZE {max(model.arena_size, memory.ALIGNMENT)}"
        " /* bytes of RAM */",
        f"#define {capital}_CONSTANT_SIZE {model.flash_bytes} /* bytes of flash, beside code */",
        f"#define {capital}_MACS {model.macs} /* multiplications per run */",
        f"#define {capital}_LAYER_COUNT {len(model.layers)}",
    ]
    for role, edges in (("INPUT", model.inputs), ("OUTPUT", model.outputs)):
        for position, edge in enumerate(edges):
            macro = f"{capital}_{role}" + (f"_{position}" if position else "")
            lines += ["", *_edge_macros(macro, edge, graph)]
    if model.labels:
        lines += [
            "",
            f"#define {capital}_LABEL_COUNT {len(model.labels)}",
            f"extern const char *const {name}_labels[{capital}_LABEL_COUNT]; /* UTF-8 */",
        ]
    if graph.states:
        kept = sum(tensor.nbytes for tensor in graph.states)
        lines += [
            "",
            f"#define {capital}_STATE_SIZE {kept} /* bytes kept from run to run */",
            f"#define {capital}_STEPS {model.steps} /* runs for one window */",
        ]
    lines += ["", "/* Call once before anything else. */", f"void {name}_init(void);", ""]
    if graph.states:
        about = "Forget all runs before: call it at the start of each window."
        lines += [cwriter.comment(about), f"void {name}_reset(void);", ""]
    lines.append("/* Where to put the input; running the model may overwrite it. */")
    for function, edge in zip(
        accessors(name, "input", len(model.inputs)), model.inputs, strict=True
    ):
        lines.append(f"{CTYPE[edge.dtype]} *{function}(void);")
    lines += ["", "/* Where the output is after a run, until the next input is written. */"]
    for function, edge in zip(
        accessors(name, "output", len(model.outputs)), model.outputs, strict=True
    ):
        lines.append(f"const {CTYPE[edge.dtype]} *{function}(void);")
    lines += ["", "/* Run the model; always returns 0. */", f"int {name}_invoke(void);"]
    if model.layers:
        about = "The layers one by one, to measure them. Takes no flash unless it is used."
        lines += [
            "",
            cwriter.comment(about),
            "typedef struct {",
            "    const char *kind;",
            "    void (*run)(void);",
            f"}} {name}_layer_t;",
            f"extern const {name}_layer_t {name}_layers[{capital}_LAYER_COUNT];",
        ]
    lines += ["", "#ifdef __cplusplus", "}", "#endif"]
    body = cwriter.guarded(f"{name}.h", "\n".join(lines))
    return cwriter.banner(
        model.model_hash, "Include this; compile the source beside it and the kernels."
    ) + (f"\n{body}")


def _edge_macros(macro: str, edge: TensorSlot, graph: Graph) -> list[str]:
    """Sizes, and the quantization where there is one."""
    shape = ", ".join(map(str, edge.shape)) or "1"
    lines = [
        f"#define {macro}_SIZE {math.prod(edge.shape)} /* values */",
        f"#define {macro}_SHAPE {{{shape}}}",
    ]
    quant = graph.tensors[edge.tensor].quant
    if edge.dtype == "int8" and quant is not None and len(quant.scale) == 1:
        zero = quant.zero_point[0] if quant.zero_point else 0
        lines.append(f"#define {macro}_SCALE {cwriter.float32(quant.scale[0])}")
        lines.append(f"#define {macro}_ZERO_POINT {cwriter.integer(zero)}")
    return lines
