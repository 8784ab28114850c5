"""The table of a sensitivity analysis, as plain data and as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PARTS = ("weights", "bias", "activations")
METHODS = ("int8", "int4", "log4")


@dataclass(frozen=True)
class Measured:
    """One part of one layer, quantized alone; see `train.sensitivity.LayerSensitivity`.

    Attributes:
        layer: its name.
        part: "weights", "bias" or "activations".
        method: "int8", "int4" or "log4".
        correct: clips that the model recognises then.
        sqnr_db: of the layer's output; None where nothing changed.
        logits_sqnr_db: of the logits; None where nothing changed.
        weights: numbers that were rounded.
    """

    layer: str
    part: str
    method: str
    correct: int
    sqnr_db: float | None
    logits_sqnr_db: float | None
    weights: int


@dataclass(frozen=True)
class Sensitivity:
    """All of it.

    Attributes:
        name: of the project.
        model: the network.
        split: clips it was measured on, "val" or "test".
        total: how many.
        float_correct: of these, recognised by the float model.
        rows: layer by layer in the model's order.
    """

    name: str
    model: str
    split: str
    total: int
    float_correct: int
    rows: tuple[Measured, ...]

    @property
    def layers(self) -> tuple[str, ...]:
        """Names, in the model's order."""
        return tuple(dict.fromkeys(row.layer for row in self.rows))

    def at(self, layer: str, part: str, method: str) -> Measured | None:
        """One measurement; None where the layer has no such part."""
        key = (layer, part, method)
        return next((r for r in self.rows if (r.layer, r.part, r.method) == key), None)

    def lost(self, row: Measured) -> float:
        """Points of accuracy that the rounding costs; below 0 where it helps."""
        return 100 * (self.float_correct - row.correct) / self.total

    def csv(self) -> str:
        """One line per measurement."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(
            ("layer", "part", "method", "values", "correct", "total", "points_lost",
             "sqnr_db", "logits_sqnr_db")
        )  # fmt: skip
        for row in self.rows:
            noise = ("" if x is None else f"{x:.3f}" for x in (row.sqnr_db, row.logits_sqnr_db))
            writer.writerow(
                (row.layer, row.part, row.method, row.weights, row.correct, self.total,
                 f"{self.lost(row):.3f}", *noise)
            )  # fmt: skip
        return text.getvalue()


def from_json(data: Mapping[str, Any]) -> Sensitivity:
    """What the stage wrote."""
    return Sensitivity(**{**data, "rows": tuple(Measured(**row) for row in data["rows"])})
