"""Quiet: TensorFlow's C++ parts write to file descriptor 2 whatever their log level says."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Send what native code writes to stderr to nowhere, within the `with` block.

    Python's own tracebacks are not lost: they are printed after the block has ended. The
    redirection is the whole process's, so keep the block short. Does nothing when stderr is
    closed.
    """
    try:
        sys.stderr.flush()
        saved = os.dup(2)
    except (OSError, AttributeError, ValueError):
        yield
        return
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        try:
            os.dup2(sink, 2)
        finally:
            os.close(sink)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
