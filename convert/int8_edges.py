"""int8 in and out for a model that computes in int16.

The converter makes int16 models with int16 (or float) inputs and outputs, but the front-end gives
int8 features and the application reads int8 scores. A QUANTIZE in front and one behind turn the one
into the other. The file is rewritten; TFLite Micro runs it like any other.
"""

from __future__ import annotations

from typing import Any

from convert import tflite_writer as writer
from convert.errors import ModelError
from convert.graph import Graph, shown
from convert.tflite_reader import read


def with_int8_edges(
    tflite: bytes, input_quant: tuple[float, int], output_quant: tuple[float, int]
) -> bytes:
    """Put QUANTIZE int8 -> int16 before a model, and QUANTIZE int16 -> int8 after it.

    Args:
        tflite: a whole file with one int16 input and one int16 output.
        input_quant: scale and zero point of the new int8 input.
        output_quant: of the new int8 output.

    Returns:
        the new file; tensors keep their indices, operators move on by one. The new input and
        output have the names of the old ones, which get "_int16" behind theirs.

    Raises:
        ModelError: the file is damaged, or its input or output is something else.
    """
    graph = read(tflite)
    for what, indices in (("input", graph.inputs), ("output", graph.outputs)):
        _check_edge(graph, what, indices)
    model = writer.unpack(tflite)
    main = model.subgraphs[0]
    old_in, old_out = graph.inputs[0], graph.outputs[0]
    code = writer.operator_code(model, "QUANTIZE")
    new_in = _int8_twin(main, old_in, input_quant)
    new_out = _int8_twin(main, old_out, output_quant)
    main.operators = [
        writer.new_operator(code, [new_in], [old_in]),
        *main.operators,
        writer.new_operator(code, [old_out], [new_out]),
    ]
    main.inputs, main.outputs = [new_in], [new_out]
    for signature in model.signatureDefs or ():
        for entry in (*(signature.inputs or ()), *(signature.outputs or ())):
            entry.tensorIndex = {old_in: new_in, old_out: new_out}[entry.tensorIndex]
    made = writer.pack(model)
    read(made)
    return made


def _check_edge(graph: Graph, what: str, indices: tuple[int, ...]) -> None:
    types = [graph.tensors[i].dtype for i in indices]
    if types != ["int16"]:
        names = ", ".join(shown(graph.tensors[i].name) for i in indices)
        raise ModelError(
            f"A model that is to get int8 edges must have one int16 {what}. Received: "
            f"{' and '.join(types) or 'none'} ({names})."
        )


def _int8_twin(main: Any, index: int, quant: tuple[float, int]) -> int:
    """A new int8 tensor of the same shape and name; the number of it."""
    old = main.tensors[index]
    twin = writer.new_activation(old.name, old.shape, "INT8", *quant)
    twin.shapeSignature = old.shapeSignature
    old.name = (old.name.decode() if isinstance(old.name, bytes) else str(old.name)) + "_int16"
    main.tensors.append(twin)
    return len(main.tensors) - 1
