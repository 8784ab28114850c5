"""Quantization-aware fine-tuning to int8 with tfmot (`quantize_apply`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from convert.export import check_weights
from train.features import TrainingData
from train.fit import Progress, fit
from train.keras import start
from train.quantization import recurrent
from train.quantization.base import Quantized
from train.quantization.calibration import enough_clips
from train.quantization.gates import install
from train.quantization.tfmot_int8 import quantization_aware
from train.quantization.tuning import FineTuned


@dataclass(frozen=True)
class QatInt8(FineTuned):
    """int8 weights (per channel; dense layers per tensor) and activations, fine-tuned as such.

    The options are those of `FineTuned`.
    """

    scheme: Literal["qat_int8"] = "qat_int8"

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
            UnsupportedModelError: a layer that tfmot cannot quantize.
            UserError: the fine-tuning has diverged.
        """
        clips = enough_clips(data.calibration[: self.calibration_clips])
        check_weights(model)
        start(seed)
        aware = quantization_aware(model)
        gates = install(aware)
        gates.calibrate(clips)
        history = fit(
            aware,
            data.train,
            data.validation,
            self.fit_spec(),
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
            before_validation=gates.follow_weights,
        )
        gates.follow_weights()
        if recurrent.is_recurrent(model):
            tflite = recurrent.to_file(aware, gates, clips)
            reference = recurrent.to_file(aware, gates, clips, "float32")
            return Quantized(tflite, reference, aware, recurrent.runs_on(model), history)
        tflite, reference = gates.convert()
        return Quantized(tflite, reference, aware, self.runs_on, history)
