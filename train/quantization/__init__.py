"""Quantization schemes.

To add one: a module with a frozen dataclass of its options (see `base.Scheme`), and a line in
`registered`. The `scheme` field tells the classes apart in a project file.

    spec = QatInt8(epochs=4)
    result = quantize(model, data, spec, seed=1)     # -> Quantized: .tflite and what belongs to it
"""

from __future__ import annotations

import dataclasses
import functools
import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, get_args

from train.features import TrainingData
from train.fit import Progress
from train.quantization import recurrent, registered
from train.quantization.base import Engine, Quantized, Scheme
from train.quantization.registered import (
    DistilledInt8,
    DynamicRange,
    Float16,
    Float32,
    IncrementalInt8,
    Mixed,
    PtqInt8,
    PtqInt16x8,
    QatInt8,
)

if TYPE_CHECKING:
    PlainSpec = Scheme
    QuantizationSpec = Scheme
else:
    _CLASSES = [one for one in vars(registered).values() if dataclasses.is_dataclass(one)]

    QuantizationSpec = functools.reduce(operator.or_, _CLASSES)
    """The options of one scheme; told apart by `scheme`."""

    PlainSpec = functools.reduce(
        operator.or_, (one for one in _CLASSES if "student" not in one.__dataclass_fields__)
    )
    """Without the schemes that carry out another one."""

SCHEMES: Mapping[str, type[Any]] = {one.scheme: one for one in get_args(QuantizationSpec)}
"""Name -> class."""

__all__ = [
    "SCHEMES",
    "DistilledInt8",
    "DynamicRange",
    "Engine",
    "Float16",
    "Float32",
    "IncrementalInt8",
    "Mixed",
    "PlainSpec",
    "PtqInt8",
    "PtqInt16x8",
    "QatInt8",
    "QuantizationSpec",
    "Quantized",
    "Scheme",
    "quantize",
]


def quantize(
    model: Any,
    data: TrainingData,
    spec: QuantizationSpec | None = None,
    *,
    seed: int = 0,
    first_epoch: int = 0,
    progress: Progress | None = None,
) -> Quantized:
    """Quantize a trained float model; see `base.Scheme.quantize`. Default: `QatInt8()`."""
    scheme: Scheme = spec if spec is not None else QatInt8()
    recurrent.check(model, scheme)
    return scheme.quantize(model, data, seed=seed, first_epoch=first_epoch, progress=progress)
