"""Are two back ends equal on every byte, and if not, where do they part first?

Execution order decides what "first" means: a difference in one layer shows in all later ones, so
only the earliest is worth reading.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.graph import Graph, shown
from simulate.backend import Trace


@dataclass(frozen=True)
class LayerDifference:
    """The first tensor, in execution order, that is not the same in two traces.

    `clip` and `element` locate the first differing value (lowest clip, then lowest flat index, in
    the tensor's own row-major order); `index` is the same place as one number per dimension.
    """

    op_index: int  # -1 for the graph's input
    kind: str  # "INPUT" for the graph's input
    tensor: int
    tensor_name: str
    clip: int
    element: int
    index: tuple[int, ...]
    left: int | float
    right: int | float
    differing: int  # elements of this tensor, over all clips
    total: int
    largest: int | float  # largest absolute difference in this tensor


@dataclass(frozen=True)
class Comparison:
    """What `compare` found. `difference` is None when everything was equal."""

    names: tuple[str, str]
    clips: int
    tensors: int  # compared, in both traces
    bytes_compared: int
    differing_bytes: int  # over all tensors
    difference: LayerDifference | None

    @property
    def equal(self) -> bool:
        """Whether every compared byte is the same, and there was something to compare."""
        return self.difference is None and self.bytes_compared > 0

    def __str__(self) -> str:
        """One line for a person."""
        left, right = self.names
        if self.bytes_compared == 0:
            return f"{left} and {right}: nothing to compare"
        if self.difference is None:
            return (
                f"{left} = {right}: {self.bytes_compared:,} bytes equal "
                f"({self.tensors} tensors, {self.clips} clips)"
            )
        d = self.difference
        layer = "the input" if d.op_index < 0 else f"layer {d.op_index} ({d.kind})"
        where = ", ".join(map(str, d.index))
        return (
            f"{left} and {right} part in {layer}, tensor {d.tensor} ({shown(d.tensor_name)}): "
            f"clip {d.clip}, element {d.element} [{where}]: {d.left} and {d.right}; "
            f"{d.differing:,} of {d.total:,} elements differ there, by up to {d.largest}"
        )


def execution_order(graph: Graph) -> list[tuple[int, str, int]]:
    """(operator index, kind, tensor) of the graph's inputs and then of each operator's outputs."""
    order = [(-1, "INPUT", index) for index in graph.inputs]
    for op in graph.ops:
        if op.kind == "ASSIGN_VARIABLE":
            order += [(op.index, op.kind, index) for index in op.inputs[:1]]
        elif op.kind != "VAR_HANDLE":  # which names a variable and computes nothing
            order += [(op.index, op.kind, index) for index in op.outputs]
    return order


def differing_elements(left: NDArray[np.generic], right: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Where two arrays of one shape and type differ in their bytes (so -0.0 differs from 0.0).

    Args:
        left: Any shape.
        right: The same shape and dtype.

    Returns:
        A mask of that shape.

    Raises:
        ValueError: shapes or dtypes differ.
    """
    if left.shape != right.shape or left.dtype != right.dtype:
        raise ValueError(
            f"Compared tensors must have one shape and type. Received: {left.dtype} {left.shape} "
            f"and {right.dtype} {right.shape}."
        )
    unsigned = np.dtype(f"u{left.dtype.itemsize}")
    as_left = np.ascontiguousarray(left).view(unsigned).reshape(left.shape)
    as_right = np.ascontiguousarray(right).view(unsigned).reshape(right.shape)
    return np.asarray(as_left != as_right)


def _byte_differences(left: NDArray[np.generic], right: NDArray[np.generic]) -> int:
    """How many bytes differ."""
    a = np.ascontiguousarray(left).view(np.uint8)
    return int(np.count_nonzero(a != np.ascontiguousarray(right).view(np.uint8)))


def compare(left: Trace, right: Trace, graph: Graph, names: tuple[str, str]) -> Comparison:
    """Compare what two back ends computed for the same clips.

    Tensors that only one of them shows are left out. Every tensor is (clips, ...).

    Args:
        left: From `names[0]`.
        right: From `names[1]`.
        graph: The model, which gives the execution order and the tensors' names.
        names: What to call the two sides.

    Raises:
        ValueError: the same tensor has another shape or type on the other side.
    """
    first: LayerDifference | None = None
    tensors = total_bytes = differing_bytes = clips = 0
    seen: set[int] = set()
    for op_index, kind, index in execution_order(graph):
        if index not in left or index not in right or index in seen:
            continue
        seen.add(index)
        a, b = left[index], right[index]
        mask = differing_elements(a, b)
        tensors, clips = tensors + 1, len(a)
        total_bytes += a.nbytes
        if not mask.any():
            continue
        differing_bytes += _byte_differences(a, b)
        if first is None:
            place = tuple(int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
            per_clip = int(np.prod(a.shape[1:], dtype=np.int64))
            wide = np.int64 if a.dtype.kind in "iub" else np.float64
            first = LayerDifference(
                op_index=op_index,
                kind=kind,
                tensor=index,
                tensor_name=graph.tensors[index].name,
                clip=place[0],
                element=int(np.argmax(mask)) % per_clip,
                index=place[1:],
                left=a[place].item(),
                right=b[place].item(),
                differing=int(np.count_nonzero(mask)),
                total=mask.size,
                largest=np.max(np.abs(a.astype(wide) - b.astype(wide))).item(),
            )
    return Comparison(names, clips, tensors, total_bytes, differing_bytes, first)


@dataclass(frozen=True)
class FeatureComparison:
    """What `compare_features` found; places are those of the first difference, -1 when equal."""

    names: tuple[str, str]
    clips: int
    bytes_compared: int
    differing: int
    clip: int = -1
    frame: int = -1
    band: int = -1
    left: int = 0
    right: int = 0

    @property
    def equal(self) -> bool:
        """Whether every byte is the same, and there was something to compare."""
        return self.differing == 0 and self.bytes_compared > 0

    def __str__(self) -> str:
        """One line for a person."""
        left, right = self.names
        if self.bytes_compared == 0:
            return f"{left} and {right}: no features to compare"
        if self.differing == 0:
            return (
                f"{left} = {right}: {self.bytes_compared:,} bytes of features equal "
                f"({self.clips} clips)"
            )
        return (
            f"{left} and {right} part in the features: clip {self.clip}, frame {self.frame}, band "
            f"{self.band}: {self.left} and {self.right}; {self.differing:,} of "
            f"{self.bytes_compared:,} values differ"
        )


def compare_features(
    left: NDArray[np.int8], right: NDArray[np.int8], names: tuple[str, str]
) -> FeatureComparison:
    """Compare features of the same clips, (clips, frames, bands) int8 on both sides.

    Raises:
        ValueError: shapes or types differ.
    """
    mask = differing_elements(left, right)
    if not mask.any():
        return FeatureComparison(names, len(left), left.nbytes, 0)
    clip, frame, band = (int(i) for i in np.unravel_index(int(np.argmax(mask)), mask.shape))
    return FeatureComparison(
        names=names,
        clips=len(left),
        bytes_compared=left.nbytes,
        differing=int(np.count_nonzero(mask)),
        clip=clip,
        frame=frame,
        band=band,
        left=int(left[clip, frame, band]),
        right=int(right[clip, frame, band]),
    )
