"""How many clips a calibration must have."""

from __future__ import annotations

from convert.errors import ModelError, SpecError
from convert.export import MIN_CALIBRATION_CLIPS
from train.features import Features


def check_calibration_clips(value: int) -> None:
    """Refuse numbers of calibration clips that cannot work.

    Raises:
        SpecError: too few or absurdly many.
    """
    if not MIN_CALIBRATION_CLIPS <= value <= 100_000:
        raise SpecError(
            f"calibration_clips must be from {MIN_CALIBRATION_CLIPS} to 100000. Received: {value}."
        )


def enough_clips(clips: Features) -> Features:
    """The clips, if there are enough of them to set ranges.

    Raises:
        ModelError: there are not.
    """
    if len(clips) < MIN_CALIBRATION_CLIPS:
        raise ModelError(
            f"Calibration must have at least {MIN_CALIBRATION_CLIPS} clips. Received: {len(clips)}."
        )
    return clips
