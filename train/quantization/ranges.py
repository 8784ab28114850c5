"""Ranges of activations from histograms: how much to clip.

A range that holds every value ever seen wastes steps on outliers; a narrower one clips them and
rounds the rest finer. Both searches work on a histogram, so that memory does not grow with the
number of clips.

Sources: percentiles and least squared error as in "Integer Quantization for Deep Learning
Inference" (Wu et al. 2020), section 3.3; here for affine int8, low and high end searched together.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from convert.errors import UnsupportedModelError
from convert.export import to_tflite
from train.features import Features
from train.quantization.gates import install
from train.quantization.tfmot_int8 import quantization_aware

Search = Literal["percentile", "mse"]

_BINS = 2048  # eight for each int8 step of the widest range
_SHARES = np.linspace(0.2, 1.0, 33)  # of each end, tried against each of the other


class Histogram:
    """Counts of values between two ends that are known beforehand.

    Args:
        low: least value.
        high: greatest value, above `low`.
    """

    def __init__(self, low: float, high: float) -> None:
        self.low = low
        self.high = high
        self.counts = np.zeros(_BINS, np.int64)

    def add(self, values: NDArray[Any]) -> None:
        """Count an array of any shape."""
        self.counts += np.histogram(values, bins=_BINS, range=(self.low, self.high))[0]

    @property
    def middles(self) -> NDArray[np.float64]:
        """The middle of each bin."""
        return self.low + (np.arange(_BINS) + 0.5) * (self.high - self.low) / _BINS

    def percentile(self, percent: float) -> tuple[float, float]:
        """The range that leaves out the same share of the values on each side.

        Args:
            percent: of the values that lie in the range, e.g. 99.99.
        """
        outside = self.counts.sum() * (1 - percent / 100) / 2
        below = np.cumsum(self.counts)
        first = int(np.searchsorted(below, outside, side="right"))
        last = int(np.searchsorted(below, below[-1] - outside, side="left"))
        edges = np.linspace(self.low, self.high, _BINS + 1)
        return float(edges[min(first, last)]), float(edges[last + 1])

    def least_error(self) -> tuple[float, float]:
        """Of the ranges tried, the one with the least squared error of affine int8.

        Tried are all pairs of 33 shares, from 0.2 to 1, of the low and of the high end.
        """
        low, high = min(self.low, 0.0), max(self.high, 0.0)
        lows = low * _SHARES if low < 0 else np.zeros(1)
        highs = high * _SHARES if high > 0 else np.zeros(1)
        best, chosen = np.inf, (low, high)
        for one in lows:
            for other in highs:
                error = self._error(float(one), float(other))
                # At equal error (a tensor of one value) the wider range is the safer one.
                if error <= best:
                    best, chosen = error, (float(one), float(other))
        return chosen

    def _error(self, low: float, high: float) -> float:
        """Sum of the squared errors of all values: round((x / S)) + Z, clipped to int8."""
        scale = (high - low) / 255
        zero = np.round(-128 - low / scale)
        middles = self.middles
        q = np.clip(np.round(middles / scale) + zero, -128, 127)
        return float(np.sum(self.counts * ((q - zero) * scale - middles) ** 2))


def quantized(model: Any, clips: Features, search: Search, percent: float) -> bytes:
    """Post-training quantization with ranges of our own.

    The converter takes no ranges, but it leaves alone those of fake-quantization operators. So the
    model gets such operators behind its activations, and none on its weights; the weights are then
    quantized by the converter as always, per channel also in dense layers.

    Args:
        model: trained tf_keras model; unchanged.
        clips: calibration features, int8 (clips, frames, width).
        search: how a range is found.
        percent: for "percentile".

    Returns:
        The int8 `.tflite`.

    Raises:
        UnsupportedModelError: tfmot does not know a layer.
        ModelError: see `convert.export.to_tflite`.
    """
    try:
        gates = install(quantization_aware(model))
    except UnsupportedModelError as error:
        raise UnsupportedModelError(
            f"Calibration {search} must find the activations of every layer. Received: "
            f"{str(error).partition('Received: ')[2].partition('. ')[0]}. Use calibration = "
            '"min_max".'
        ) from error
    gates.calibrate(clips)
    activations = [gate for gate in gates if gate.kind == "activation"]
    seen = []
    for gate in activations:
        low, high = (float(end) for end in gate.range)
        histogram = Histogram(low, high)
        gate.observer = histogram.add
        seen.append(histogram)
    gates.calibrate(clips)
    for gate, histogram in zip(activations, seen, strict=True):
        gate.observer = None
        found = histogram.percentile(percent) if search == "percentile" else histogram.least_error()
        gate.set_range(*found)
    gates.set_mode("frozen", ("activation",))
    gates.set_mode("off", ("weight",))
    return to_tflite(gates.model, "int8", representative=clips)
