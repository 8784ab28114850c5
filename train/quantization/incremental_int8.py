"""Incremental quantization: block after block is quantized, trained, frozen; the rest adapts.

One quantization-aware model, a gate around each of its quantizers. A block's gates are closed (the
block computes as int8), the whole that is not frozen is fine-tuned, and the block is frozen: its
weights, its biases, the statistics of its BatchNorms and its ranges do not change any more. What
comes later learns from what the finished blocks really give.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from convert.errors import SpecError
from convert.export import check_weights
from train.features import Features, TrainingData
from train.fit import Epoch, History, Progress, fit
from train.keras import start
from train.quantization import recurrent
from train.quantization.base import Quantized
from train.quantization.blocks import Names, freeze, partition
from train.quantization.calibration import enough_clips
from train.quantization.gates import Gates, install
from train.quantization.phases import phase
from train.quantization.tfmot_int8 import quantization_aware
from train.quantization.tuning import FineTuned


@dataclass(frozen=True)
class IncrementalInt8(FineTuned):
    """int8 weights and activations, one block of layers after another.

    The other options are those of `FineTuned`; each block is calibrated and fine-tuned with them.

    Attributes:
        blocks: number of blocks, of about as many layers with weights each; 100 makes a block of
            every such layer.
        layers: blocks of your own in place of `blocks`, in the order of the network: for each a
            list of names of layers with weights; "pointwise_*" stands for all that begin so.
        epochs: of fine-tuning for each block.
    """

    scheme: Literal["incremental_int8"] = "incremental_int8"
    blocks: int = 4
    layers: tuple[tuple[str, ...], ...] = ()
    epochs: int = 2

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.blocks <= 1000:
            raise SpecError(f"blocks must be from 1 to 1000. Received: {self.blocks}.")
        if not all(self.layers):
            raise SpecError("layers must name at least one layer in each block. Received: none.")

    def check_model(self, model: Any) -> None:
        """Refuse block names that a model, trained or not, does not have.

        Raises:
            SpecError: see `blocks.partition`.
            UnsupportedModelError: a layer that tfmot cannot quantize.
        """
        partition(quantization_aware(model), self.blocks, self.layers)

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize`.

        Raises:
            ModelError: too few calibration clips, or weights that are not finite.
            SpecError: `layers` does not fit the model.
            UnsupportedModelError: a layer that tfmot cannot quantize.
            UserError: a fine-tuning has diverged.
        """
        clips = enough_clips(data.calibration[: self.calibration_clips])
        check_weights(model)
        start(seed)
        aware = quantization_aware(model)
        gates = install(aware)
        blocks = partition(aware, self.blocks, self.layers)
        gates.set_mode("off")
        epochs: list[Epoch] = []
        kept = 0
        for number, names in enumerate(blocks):
            told = phase(
                progress,
                f"block {number + 1} of {len(blocks)}",
                before=len(epochs),
                epochs=self.epochs * len(blocks),
            )
            history = self._block(gates, names, clips, data, seed, first_epoch + len(epochs), told)
            kept = len(epochs) + history.kept
            epochs += history.epochs
        if recurrent.is_recurrent(model):
            tflite = recurrent.to_file(aware, gates, clips)
            reference = recurrent.to_file(aware, gates, clips, "float32")
        else:
            tflite, reference = gates.convert()
        note = f"Quantized in {len(blocks)} blocks: " + "; ".join(
            _first_and_last(aware, names) for names in blocks
        )
        return Quantized(
            tflite,
            reference,
            aware,
            recurrent.runs_on(model),
            History(tuple(epochs), kept),
            (f"{note}.",),
        )

    def _block(
        self,
        gates: Gates,
        names: Names,
        clips: Features,
        data: TrainingData,
        seed: int,
        first_epoch: int,
        progress: Progress | None,
    ) -> History:
        """Quantize one block, fine-tune all that is not frozen, freeze the block."""
        gates.calibrate(clips, layers=names)
        gates.set_mode("train", layers=names)
        history = fit(
            gates.model,
            data.train,
            data.validation,
            self.fit_spec(),
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
            before_validation=gates.follow_weights,
        )
        gates.follow_weights()
        gates.set_mode("frozen", layers=names)
        freeze(gates.model, names)
        return history


def _first_and_last(aware: Any, names: Names) -> str:
    """What a user calls a block: its layers with weights, those between left out."""
    weighted = [name.removeprefix("quant_") for name in names if aware.get_layer(name)._weight_vars]
    return weighted[0] if len(weighted) == 1 else f"{weighted[0]} to {weighted[-1]}"
