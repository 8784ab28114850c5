"""The one family of errors that a user can cause.

Everything that is the user's to mend derives from `UserError`; the command line catches it once, at
the door, prints one sentence and exits with code 2. Any other exception is a bug and keeps its
traceback. `firmware` imports nothing of ours, so its root, `firmware.errors.FirmwareError`, stands
beside this one; the door catches both.
"""

from __future__ import annotations


class UserError(Exception):
    """A mistake that the user can mend: what must hold, what was received, what to do."""


class SpecError(UserError, ValueError):
    """A value of a project file or a specification object is not allowed.

    It is also a `ValueError`, so that schema libraries attach the key to it.
    """


class ModelError(UserError):
    """A `.tflite` file is damaged or is not what is needed."""


class UnsupportedModelError(ModelError):
    """A model is sound but uses something that the target cannot run."""
