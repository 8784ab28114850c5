"""Models made elsewhere: ../shared/models or WAKESMITH_MODELS; tests are skipped without them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_FOLDER = Path(
    os.environ.get("WAKESMITH_MODELS", Path(__file__).parents[1].parent / "shared" / "models")
)
_NONE = f"no .tflite in {_FOLDER} (set WAKESMITH_MODELS)"
PUBLIC = [pytest.param(path, id=path.stem) for path in sorted(_FOLDER.glob("*.tflite"))] or [
    pytest.param(None, marks=pytest.mark.skip(reason=_NONE))
]
"""For `pytest.mark.parametrize`: a path per model, or one entry that is skipped."""
