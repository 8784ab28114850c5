"""Firmware whose model runs on TFLite Micro, in an emulated core.

The same back end as for generated C, with less to see: of the model, its input and its output.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError, UserError
from convert.generated import GeneratedModel
from firmware.image import Image
from simulate.cortexm import Bench, CortexMBackend
from simulate.generated_runs import Slot, require_edges
from simulate.machine import Machine

_INIT, _INPUT, _OUTPUT = "ws_runtime_init", "ws_runtime_input", "ws_runtime_output"
_MOST_TEXT = 256


class TflmFirmwareBackend(CortexMBackend):
    """See `CortexMBackend`; the trace has the model's input and output.

    Args:
        image: firmware made by `firmware.tflm_build`.
        generated: the interpreter-free C of the same model, for its shapes.
        threads: as for `CortexMBackend`.

    Raises:
        UserError: the image was made from another model, or TFLite Micro refuses the model.
        CortexMFault: the firmware faults before it listens.
    """

    def __init__(
        self, image: Image, generated: GeneratedModel, *, threads: int | None = None
    ) -> None:
        require_edges(generated, most=1)
        super().__init__(image, dataclasses.replace(generated, layers=()), threads=threads)

    def _symbols(self) -> tuple[str, str, tuple[str, ...]]:
        return "ws_runtime_invoke", "ws_runtime_reset", (_INIT, _INPUT, _OUTPUT)

    def _bench(self) -> Bench:
        machine = Machine(self.image, dict.fromkeys(self._scopes))
        banner = machine.boot()
        wrong = [line for line in banner.splitlines() if line.startswith("error ")]
        if wrong:
            raise UserError(
                f"TFLite Micro must be able to run the model on {self.image.board.name}. "
                f"Received: {wrong[0].removeprefix('error ')}."
            )
        places = [machine.call(name) for name in (_INPUT, _OUTPUT)]
        machine.restore()
        edges = (self.generated.inputs[0], self.generated.outputs[0])
        source, result = (
            machine.view(place, edge.nbytes) for place, edge in zip(places, edges, strict=True)
        )
        return Bench(machine, banner, (source,), result)

    def _infer(self, machine: Machine) -> None:
        wrong = machine.call(self._invoke)
        if wrong:
            text = bytes(machine.view(wrong, _MOST_TEXT)).split(b"\0")[0].decode("ascii", "replace")
            raise ModelError(f"TFLite Micro must be able to run the model. Received: {text}.")

    def _shown(self) -> dict[int, Slot]:
        return {slot.tensor: slot for slot in self.generated.outputs[:1]}

    def _values(self, bench: Bench, slot: Slot) -> NDArray[np.uint8]:
        return bench.output
