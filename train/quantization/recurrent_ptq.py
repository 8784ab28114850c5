"""Post-training quantization of recurrent models: the simulation of training, only measured."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import ModelError
from convert.export import MIN_CALIBRATION_CLIPS, check_weights
from train.quantization.gates import install
from train.quantization.recurrent import to_file
from train.quantization.tfmot_int8 import quantization_aware


def after_training(model: Any, clips: NDArray[np.int8]) -> tuple[bytes, bytes]:
    """Post-training quantization of a recurrent model: int8 and float32 files.

    Args:
        model: the trained float model; unchanged.
        clips: calibration features, int8 (clips, frames, width).

    Raises:
        ModelError: too few clips, or weights that are not finite.
        UnsupportedModelError: a layer that the chain cannot hold.
    """
    if len(clips) < MIN_CALIBRATION_CLIPS:
        raise ModelError(
            f"Calibration must have at least {MIN_CALIBRATION_CLIPS} clips. Received: {len(clips)}."
        )
    check_weights(model)
    aware = quantization_aware(model)
    gates = install(aware)
    gates.calibrate(clips)
    return to_file(aware, gates, clips), to_file(aware, gates, clips, "float32")
