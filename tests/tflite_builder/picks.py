"""Models of one operator that picks values index by index."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from convert import graph as g
from tests.tflite_builder.writing import OpSpec, activation_tensor, build_model, constant

_Q = (1 / 64, 3)
Shape = tuple[int, ...]


def _of(
    kind: str,
    shape: Shape,
    output: Sequence[int],
    options: g.Options,
    second: Sequence[int] | np.ndarray | None = None,
    dtype: str = "int32",
) -> bytes:
    tensors = [activation_tensor("input", shape, _Q), activation_tensor("output", output, _Q)]
    inputs: tuple[int, ...] = (0,)
    if second is not None:
        tensors.append(constant("numbers", second, dtype))
        inputs = (0, 2)
    return build_model([OpSpec(kind, inputs, (1,), options)], tensors, [0], [1])


def resize_nearest(
    *,
    shape: Shape = (1, 3, 4, 2),
    size: tuple[int, int] = (6, 8),
    align_corners: bool = False,
    half_pixel_centers: bool = False,
) -> bytes:
    """RESIZE_NEAREST_NEIGHBOR."""
    options = g.Resize(align_corners, half_pixel_centers)
    output = (shape[0], *size, shape[-1])
    return _of("RESIZE_NEAREST_NEIGHBOR", shape, output, options, size)


def mirror_pad(
    *,
    shape: Shape = (1, 4, 5, 2),
    paddings: Sequence[tuple[int, int]] = ((0, 0), (1, 2), (3, 0), (0, 0)),
    symmetric: bool = False,
    dtype: str = "int32",
) -> bytes:
    """MIRROR_PAD."""
    output = [size + sum(pair) for size, pair in zip(shape, paddings, strict=True)]
    return _of("MIRROR_PAD", shape, output, g.MirrorPad(symmetric), np.array(paddings), dtype)


def gather(
    *,
    shape: Shape = (1, 5, 3),
    axis: int = 1,
    indices: Sequence[int] | np.ndarray = (4, 0, 0, 2),
    batch_dims: int = 0,
) -> bytes:
    """GATHER with constant indices."""
    chosen = np.array(indices)
    output = [*shape[: axis % len(shape)], *chosen.shape, *shape[axis % len(shape) + 1 :]]
    return _of("GATHER", shape, output, g.Gather(axis, batch_dims), chosen)


def blocks(kind: str = "DEPTH_TO_SPACE", *, shape: Shape = (1, 2, 3, 8), size: int = 2) -> bytes:
    """DEPTH_TO_SPACE or SPACE_TO_DEPTH."""
    batch, height, width, depth = shape
    output = (batch, height * size, width * size, depth // size**2)
    if kind == "SPACE_TO_DEPTH":
        output = (batch, height // size, width // size, depth * size**2)
    return _of(kind, shape, output, g.Block(size))
