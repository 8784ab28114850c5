"""Texts of exported libraries, with blanks."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2

_ENVIRONMENT = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).parent),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
    lstrip_blocks=True,
    autoescape=False,
)
# Words and names are the user's: where they stand in C, JSON or YAML they are quoted as JSON.
_ENVIRONMENT.filters["quoted"] = lambda text: json.dumps(text, ensure_ascii=True)


def render(name: str, values: Mapping[str, Any]) -> str:
    """A template filled in."""
    return _ENVIRONMENT.get_template(name).render(values)
