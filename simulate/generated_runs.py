"""What the back ends that run generated C have in common: bytes in, bytes of every layer out."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel, LayerSlot, TensorSlot
from firmware.image import Image
from simulate.backend import Batch, Trace, batch_of, clip_shape

Slot = LayerSlot | TensorSlot


def require_one_input(generated: GeneratedModel) -> None:
    """Nothing, where a model has what a batch of one array can be fed to.

    Raises:
        ModelError: it has another number of inputs, or no output.
    """
    if len(generated.inputs) != 1 or not generated.outputs:
        raise ModelError(
            f"A model must have one input to be run. Received: {len(generated.inputs)}."
        )


def another_model(image: Image, found: str) -> UserError:
    """What is to be raised for firmware that was made from another model; `found` shows it."""
    return UserError(
        "Firmware must hold the model that it is compared with. Received: "
        f"{image.elf}, which {found}."
    )


def batch_for(generated: GeneratedModel, inputs: NDArray[np.generic]) -> Batch:
    """Inputs for a model with one input, checked.

    Raises:
        ModelError: their shape or type is another.
    """
    edge = generated.inputs[0]
    return batch_of(inputs, edge.shape, edge.dtype, bool(generated.states))


def typed(batch: Batch, slot: Slot, values: NDArray[np.uint8]) -> NDArray[np.generic]:
    """A tensor's bytes of all runs, contiguous, as a trace shows them."""
    return values.view(slot.dtype).reshape(batch.clips, *batch.lead, *clip_shape(slot.shape))


class Recorder:
    """Inputs of all runs, and room for what is recorded of each.

    Args:
        generated: a model with one input.
        inputs: as `simulate.backend.Backend.run` takes them.
        shown: tensor -> what is known of it, of all that shall be in the trace beside the input.

    Attributes:
        batch: the inputs, checked.
        inputs: their bytes, uint8 (clips, steps, bytes).
        shown: as given.
        rows: tensor -> uint8 (clips, steps, bytes), to be filled.

    Raises:
        ModelError: the shape or type of `inputs` is another.
    """

    def __init__(
        self, generated: GeneratedModel, inputs: NDArray[np.generic], shown: Mapping[int, Slot]
    ) -> None:
        batch = self.batch = batch_for(generated, inputs)
        edge = self._edge = generated.inputs[0]
        values = math.prod(edge.shape)
        self.inputs = batch.data.reshape(batch.clips, batch.steps, values).view(np.uint8)
        self.shown = shown
        self.rows = {
            tensor: np.empty((batch.clips, batch.steps, slot.nbytes), np.uint8)
            for tensor, slot in shown.items()
        }

    def trace(self) -> Trace:
        """The input and everything that was recorded."""
        found: Trace = {self._edge.tensor: typed(self.batch, self._edge, self.inputs)}
        for tensor, slot in self.shown.items():
            found[tensor] = typed(self.batch, slot, self.rows[tensor])
        return found
