"""Zeros and clusters, looked for in the converted file; what a scheme tells is measured there."""

from __future__ import annotations

import gzip
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from convert import tflite_reader
from convert.errors import ModelError
from convert.graph import Graph
from train.quantization.clusters import Clustering
from train.quantization.kernels import Kernel, tensor_of
from train.quantization.masks import Pruning, is_two_of_four

PACKED_LEVELS = 16
"""So many different int8 values and fewer are stored in 4 bits each by the generated C."""


def proven_notes(
    tflite: bytes,
    every: Sequence[Kernel],
    chosen: Sequence[Kernel],
    *,
    pruning: Pruning | None,
    clustering: Clustering | None,
) -> tuple[str, ...]:
    """Look in the converted file for the zeros and clusters that were promised.

    Returns:
        Sentences: share of zeros and number of values by layer, size of the file and of the file
        compressed.

    Raises:
        ModelError: a weight that is zero in the model is not in the file, four neighbours hold more
            than two non-zeros, or a tensor holds more different values than clusters.
    """
    graph = tflite_reader.read(tflite)
    notes = []
    if pruning is not None:
        notes.append(_zeros(graph, every, chosen, pruning))
    if clustering is not None:
        notes.append(_values(graph, chosen, clustering))
    packed = len(gzip.compress(tflite, 9, mtime=0))
    notes.append(f"The .tflite has {len(tflite):,} bytes, {packed:,} compressed with gzip.")
    return tuple(notes)


def _zeros(
    graph: Graph, every: Sequence[Kernel], chosen: Sequence[Kernel], pruning: Pruning
) -> str:
    parts, zeros = [], 0
    for kernel in every:
        data = _codes(graph, kernel)
        zeros += int(np.count_nonzero(data == 0))
        if kernel not in chosen:
            continue
        lost = kernel.in_file(kernel.weight.numpy()) == 0
        if np.any(data.reshape(lost.shape)[lost]):
            raise ModelError(
                "Weights that were pruned must be 0 in the .tflite. Received: others in layer "
                f"{kernel.name}. Use scheme qat_int8 for this model."
            )
        if pruning.pattern == "2:4" and not is_two_of_four(data):
            raise ModelError(
                "At most two of four neighbouring weights must differ from 0 in the .tflite. "
                f"Received: more in layer {kernel.name}. Use pattern unstructured for this model."
            )
        parts.append(f"{kernel.name} {100 * np.mean(data == 0):.0f} %")
    whole = ""
    if pruning.pattern == "2:4":
        whole = " Rows of one or two weights stay whole."
    share = 100 * zeros / sum(kernel.size for kernel in every)
    return (
        f"Zeros by layer: {', '.join(parts)}; of all weights {share:.0f} %.{whole} The kernels "
        "compute with zeros as with any weight, so the model is not faster; what shrinks is the "
        "compressed file."
    )


def _values(graph: Graph, chosen: Sequence[Kernel], clustering: Clustering) -> str:
    parts = []
    for kernel in chosen:
        data = _codes(graph, kernel)
        axis = data.ndim - 1 if kernel.kind == "depthwise" else 0
        count, where = len(np.unique(data)), ""
        if count > clustering.clusters:
            rows = np.moveaxis(data, axis, 0).reshape(data.shape[axis], -1)
            count, where = max(len(np.unique(row)) for row in rows), " per channel"
        if count > clustering.clusters:
            raise ModelError(
                f"A tensor must hold at most {clustering.clusters} different values in the "
                f".tflite. Received: {count} in layer {kernel.name}. Use scheme qat_int8 for this "
                "model."
            )
        parts.append(f"{kernel.name} {count}{where}")
    text = f"Different int8 values by layer: {', '.join(parts)}."
    if clustering.clusters > PACKED_LEVELS:
        text += (
            f" The generated C stores tensors of at most {PACKED_LEVELS} values in 4 bits per "
            "weight, others in 8."
        )
    return text


def _codes(graph: Graph, kernel: Kernel) -> NDArray[np.int8]:
    data = tensor_of(graph, kernel).data
    assert data is not None  # tensor_of gives constants only
    return data.astype(np.int8, copy=False)
