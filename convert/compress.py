"""LUT-compressed .tflite for TFLite Micro: few-valued int8 weights as indices and tables.

TFLite Micro decodes such a tensor with a DECODE operator into its arena before the layer that reads
it, so flash is bought with RAM and time; our own C decodes inside the kernels instead
(`convert.codebook`) and needs none of this.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from convert import tflite_writer as writer
from convert.errors import ModelError
from convert.graph import CHANNEL_AXES, Graph, shown
from convert.lut import DECODE, Encoded, encode, fold_tables
from convert.tflite_reader import read

# About what two more tensors and one more operator take in the file, in bytes.
OVERHEAD = 300


def lut_compress(tflite: bytes) -> bytes:
    """Compress the weights that get smaller by it.

    A tensor with one scale gets one table, a tensor with a scale per channel a table per channel:
    TFLite Micro decodes any other combination wrongly, without an error. Names and indices of the
    tensors stay: what the layer reads is now computed by DECODE, and the encoded data and
    tables are new tensors at the end. Small models do not gain: a file in which no tensor saves
    `OVERHEAD` bytes is returned as it is, so that the result is never larger than what came in.

    Args:
        tflite: a whole int8 file.

    Returns:
        the new file; it computes the same bytes, which is proven by decoding it again.

    Raises:
        ModelError: the file is damaged, or is compressed already.
    """
    graph = read(tflite)
    if any(op.kind == DECODE for op in graph.ops):
        raise ModelError(
            "A model that is to be compressed must not be compressed already. Received: one with "
            "DECODE operators. Start from the model before."
        )
    chosen = _chosen(graph)
    if not chosen:
        return tflite
    model = writer.unpack(tflite)
    _rewrite(model, graph, chosen)
    made = writer.pack(model)
    _prove(graph, made)
    return made if len(made) < len(tflite) else tflite


def _chosen(graph: Graph) -> dict[int, Encoded]:
    """Encodings of weights that one operator reads, by tensor."""
    found: dict[int, Encoded] = {}
    readers = [i for op in graph.ops for i in op.inputs]
    for op in graph.ops:
        axis = CHANNEL_AXES.get(op.kind)
        index = op.inputs[1] if axis is not None and len(op.inputs) > 1 else -1
        tensor = graph.tensors[index]
        # DECODE's output lives until the next operator only
        if index == -1 or tensor.dtype != "int8" or tensor.data is None:
            continue
        if readers.count(index) != 1 or index in graph.outputs or not tensor.size:
            continue
        per_channel = tensor.quant is not None and tensor.quant.per_channel
        encoded = encode(tensor.data.astype(np.int8), axis if per_channel else None)
        if encoded is not None and encoded.nbytes + OVERHEAD < tensor.size:
            found[index] = encoded
    return found


def _rewrite(model: Any, graph: Graph, chosen: dict[int, Encoded]) -> None:
    """Put a DECODE before each operator that reads one of the tensors."""
    main = model.subgraphs[0]
    model.operatorCodes.append(writer.custom_code(DECODE.removeprefix("CUSTOM:")))
    operators = []
    for op, entry in zip(graph.ops, main.operators, strict=True):
        index = op.inputs[1] if len(op.inputs) > 1 else -1
        if index in chosen and op.kind in CHANNEL_AXES:
            encoded = chosen[index]
            main.tensors[index].buffer = 0
            name = graph.tensors[index].name
            for what, data in (("codes", encoded.data), ("tables", encoded.ancillary)):
                main.tensors.append(
                    writer.bytes_tensor(f"{name}_{what}", writer.new_buffer(model, data), data.size)
                )
            last = len(main.tensors)
            code = len(model.operatorCodes) - 1
            operators.append(writer.operator(code, [last - 2, last - 1], [index]))
        operators.append(entry)
    main.operators = operators
    writer.drop_unused_buffers(model)


def _prove(graph: Graph, made: bytes) -> None:
    """Decode the new file and compare.

    Raises:
        ModelError: it would compute something else.
    """
    back = fold_tables(read(made))
    for before, after in zip(graph.tensors, back.tensors, strict=False):
        same = before.data is None if after.data is None else before.data is not None
        if not same or not np.array_equal(before.data, after.data):  # type: ignore[arg-type]
            raise ModelError(
                "A compressed model must decode to what it was made of. Received: tensor "
                f"{before.index} ({shown(before.name)}), which does not. Deploy the model without "
                "compression."
            )
