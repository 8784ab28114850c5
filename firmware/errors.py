"""Errors of building and flashing that the user can mend (see `convert.errors` for the family)."""

from __future__ import annotations


class FirmwareError(Exception):
    """What must hold, what was received, what to do; shown without a traceback."""
