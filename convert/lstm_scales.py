"""How an LSTM's sums and products are rescaled in C (ws_scale, ws_kernels_recurrent.h)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from convert.params_recurrent import LstmParams

_SMALL = 1 << 30  # twice such a value fits int32
_MOST_RIGHT = 29  # half a unit and a value below 2^30 fit int32
_PRODUCT = 32767 << 15  # of Q0.15 by an int16

Scale = tuple[int, int, int]
"""Multiplier, shift, half a unit before the shift; 0 where the value may be too large for that."""


@dataclass(frozen=True)
class LstmScales:
    """Of the gates' sums (input, hidden state), and of what follows them.

    Attributes:
        most: largest magnitude of a sum.
    """

    most: int
    gates: tuple[tuple[Scale, Scale], ...]
    forget: Scale
    update: Scale
    result: Scale

    @property
    def to_the_right(self) -> bool:
        """All have half a unit."""
        return all(half for _, _, half in (*self._of_gates, *self._of_products))

    @property
    def usual(self) -> bool:
        """Those of products have half a unit, those of gates do or shift small sums to the left."""
        return all(half for _, _, half in self._of_products) and all(
            half or (shift >= 0 and self.most << shift < _SMALL)
            for _, shift, half in self._of_gates
        )

    @property
    def _of_gates(self) -> tuple[Scale, ...]:
        return tuple(scale for pair in self.gates for scale in pair)

    @property
    def _of_products(self) -> tuple[Scale, ...]:
        return self.forget, self.update, self.result


def lstm_scales(p: LstmParams, biases: NDArray[np.generic]) -> LstmScales:
    """The scales of one operator.

    Args:
        p: of the operator.
        biases: of its gates.
    """
    # Sums, biases included, are below 2^30 in all but absurd models.
    largest = int(np.abs(biases.astype(np.int64)).max(initial=0))
    most = max(p.depth, p.units) * 255 * 128 + largest
    return LstmScales(
        most=most,
        gates=tuple(
            (
                _scale(gate.input_multiplier, gate.input_shift, most),
                _scale(gate.hidden_multiplier, gate.hidden_shift, most),
            )
            for gate in p.gates
        ),
        forget=_scale(p.forget_multiplier, p.forget_shift, _PRODUCT),
        update=_scale(p.update_multiplier, p.update_shift, _PRODUCT),
        result=_scale(p.output_multiplier, p.output_shift, _PRODUCT),
    )


def _scale(multiplier: int, shift: int, most: int) -> Scale:
    """For values of a magnitude up to `most`."""
    if most < _SMALL and -_MOST_RIGHT <= shift <= -1:
        return multiplier, -shift, 1 << -shift - 1
    return multiplier, shift, 0
