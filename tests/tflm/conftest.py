"""The small built project of tests/wakesmith serves here, too."""

from tests.wakesmith.conftest import tiny

__all__ = ["tiny"]
