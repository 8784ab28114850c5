"""What a model costs on a core, as the emulators count it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware.image import Image

STACK_PAINT = 0xC5A5C5A5
"""What start-up fills unused stack with: WS_STACK_PAINT in ws_cortexm.h."""


@dataclass(frozen=True)
class LayerCost:
    """What one layer takes, its kernel included."""

    op_index: int
    kind: str
    function: str
    instructions: int
    macs: int


@dataclass(frozen=True)
class Profile:
    """Instructions of one clip; a false condition inside an IT block counts, as it is fetched.

    Attributes:
        total: features and model; the model alone where the firmware has no front-end.
        model: `model_invoke`.
        features: everything from samples to the model's input; 0 without a front-end.
        per_frame: of those, samples to one log-mel row, on average (rounded up).
        layers: in order of execution.
        functions: function -> instructions of its own code, largest first.
        stack_bytes: the most stack that was in use since reset, this clip included.
        code_bytes: flash that holds code.
    """

    total: int
    model: int
    features: int
    per_frame: int
    layers: tuple[LayerCost, ...]
    functions: dict[str, int]
    stack_bytes: int
    code_bytes: int


def stack_used(stack: NDArray[np.uint8]) -> int:
    """Bytes of a stack touched since reset: from the lowest word that is not paint.

    Args:
        stack: all of it, from its lowest address on.
    """
    words = stack.view("<u4")
    touched = np.flatnonzero(words != STACK_PAINT)
    return int(words.size - touched[0]) * 4 if touched.size else 0


def code_bytes(image: Image) -> int:
    """Flash that holds code."""
    return sum(section.size for section in image.sections if section.place == "code")
