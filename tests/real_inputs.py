"""Inputs of the public models made from recordings, with librosa's features.

What these models were trained on is not here; the features are those that each was made for
(MFCC, log-mel, decibels), quantized with the model's own scale and zero point.
"""

from __future__ import annotations

import math

import librosa
import numpy as np
from numpy.typing import NDArray

from convert.graph import Tensor
from tests.frontend_inputs import RATE, speech_clips

_STEP = 320  # 20 ms


def real_inputs(source: Tensor, count: int) -> NDArray[np.int8]:
    """(count, *shape without its leading 1); of synthetic speech where there are no recordings.

    Args:
        source: the model's input, one of 49x10, 49x40 or 5x128 values.
        count: how many.
    """
    made = []
    for clip in speech_clips(count):
        values = _features(clip.astype(np.float32) / 32768, math.prod(source.shape))
        made.append(values.reshape(source.shape[1:]))
    assert source.quant is not None
    codes = np.round(np.array(made) / source.quant.scale[0]) + source.quant.zero_point[0]
    return codes.clip(-128, 127).astype(np.int8)


def _features(sound: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Rows are time."""
    if size == 49 * 10:
        found = librosa.feature.mfcc(
            y=sound, sr=RATE, n_mfcc=10, n_mels=40, n_fft=480, hop_length=_STEP, center=False
        )
        return found.T[:49]
    if size == 49 * 40:
        power = librosa.feature.melspectrogram(
            y=sound, sr=RATE, n_mels=40, n_fft=480, hop_length=_STEP, center=False
        )
        return np.log1p(1e4 * power).T[:49]  # 0 and up, as the microfrontend's
    assert size == 5 * 128
    power = librosa.feature.melspectrogram(y=sound, sr=RATE, n_fft=1024, hop_length=512)
    return (10 * np.log10(power + 1e-12)).T[10:15]
