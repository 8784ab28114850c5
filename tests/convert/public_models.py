"""Models made elsewhere: ../shared/models or WAKESMITH_MODELS; tests are skipped without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

FOLDER = Path(
    os.environ.get("WAKESMITH_MODELS", Path(__file__).parents[2].parent / "shared" / "models")
)
NAMES = (
    "mlperf_tiny_ad_autoencoder_int8",
    "mlperf_tiny_kws_ds_cnn_int8",
    "tflm_micro_speech_int8",
)
PUBLIC = [
    pytest.param(
        FOLDER / f"{name}.tflite",
        marks=pytest.mark.skipif(
            not (FOLDER / f"{name}.tflite").exists(),
            reason=f"no {name}.tflite in {FOLDER} (set WAKESMITH_MODELS)",
        ),
        id=name,
    )
    for name in NAMES
]
