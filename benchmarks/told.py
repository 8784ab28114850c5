"""A user's mistake ends a benchmark with one sentence, as it ends a command."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

from convert.errors import UserError
from firmware.errors import FirmwareError


@contextlib.contextmanager
def mistakes_told() -> Iterator[None]:
    """Turn the mistakes that a user can mend into a sentence on stderr and exit code 2."""
    try:
        yield
    except (UserError, FirmwareError) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)
