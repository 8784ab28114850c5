"""What the back ends that run generated C have in common: bytes in, bytes of every layer out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel, LayerSlot, TensorSlot
from firmware.image import Image
from simulate.backend import Batch, Trace, batch_of, clip_shape

Slot = LayerSlot | TensorSlot


def require_edges(generated: GeneratedModel, most: int | None = None) -> None:
    """Nothing, where a model has something to be fed to, and an output.

    Args:
        generated: the model.
        most: inputs.

    Raises:
        ModelError: it has no input, or more than `most`, or no output.
    """
    inputs, outputs = len(generated.inputs), len(generated.outputs)
    if not inputs or not outputs or (most is not None and inputs > most):
        wanted = "inputs" if most is None else f"at most {most} input"
        raise ModelError(
            f"A model must have {wanted} and an output to be run here. Received: {inputs} and "
            f"{outputs}."
        )


def another_model(image: Image, found: str) -> UserError:
    """What is to be raised for firmware that was made from another model; `found` shows it."""
    return UserError(
        "Firmware must hold the model that it is compared with. Received: "
        f"{image.elf}, which {found}."
    )


def batch_for(generated: GeneratedModel, inputs: NDArray[np.generic]) -> Batch:
    """Inputs for a model, checked.

    Raises:
        ModelError: their shape or type is another.
    """
    return batch_of(inputs, generated.inputs, bool(generated.states))


def inputs_of(batch: Batch, generated: GeneratedModel) -> Trace:
    """The inputs as a trace shows them."""
    return {
        edge.tensor: part.reshape(batch.clips, *batch.lead, *clip_shape(edge.shape))
        for edge, part in zip(generated.inputs, batch.parts, strict=True)
    }


def typed(batch: Batch, slot: Slot, values: NDArray[np.uint8]) -> NDArray[np.generic]:
    """A tensor's bytes of all runs, contiguous, as a trace shows them."""
    return values.view(slot.dtype).reshape(batch.clips, *batch.lead, *clip_shape(slot.shape))


class Recorder:
    """Inputs of all runs, and room for what is recorded of each.

    Args:
        generated: a model.
        inputs: as `simulate.backend.Backend.run` takes them.
        shown: tensor -> what is known of it, of all that shall be in the trace beside the inputs.

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
        self._generated = generated
        batch = self.batch = batch_for(generated, inputs)
        self.inputs = batch.raw
        self.shown = shown
        self.rows = {
            tensor: np.empty((batch.clips, batch.steps, slot.nbytes), np.uint8)
            for tensor, slot in shown.items()
        }

    def trace(self) -> Trace:
        """The inputs and everything that was recorded."""
        found = inputs_of(self.batch, self._generated)
        for tensor, slot in self.shown.items():
            found[tensor] = typed(self.batch, slot, self.rows[tensor])
        return found
