"""Frozen dataclasses from TOML, and one plain sentence for whatever does not fit.

pydantic does the checking (strict: "3" is not 3; unknown keys are refused), with the rooms' own
plain dataclasses as its schema, so that no room has to know about it.
"""

from __future__ import annotations

import dataclasses
import datetime
import difflib
import json
import math
import sys
import typing
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from convert.errors import SpecError, UserError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")

_MUST = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "text in quotes",
    "path_type": "a path in quotes",
    "tuple_type": "a list in [ ]",
    "list_type": "a list in [ ]",
    "dataclass_type": "a table of keys",
    "none_required": "left out",
}

_DEEPEST = 20  # tables and lists in one another; a project file needs six


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file.

    Raises:
        UserError: the file is missing, unreadable, not UTF-8 or not TOML (with line and column).
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        near = _near(path.name, [p.name for p in _siblings(path)])
        raise UserError(f"The project file must exist. Received: {path}.{near}") from error
    except OSError as error:
        raise UserError(
            f"The project file must be a readable file. Received: {path} ({error.strerror})."
        ) from error
    try:
        return tomllib.loads(data.decode("utf-8-sig"))  # editors of one system begin with a BOM
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} must be UTF-8 text. Received: byte 0x{data[error.start]:02x} at {error.start}."
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{path} must be TOML. Received: {error}.") from error
    except RecursionError as error:
        raise UserError(
            f"{path} must be a project file. Received: hundreds of lists in one another."
        ) from error


def build(cls: type[T], data: Mapping[str, Any], where: str) -> T:
    """Make a `cls` (a frozen dataclass of dataclasses) from parsed TOML.

    Args:
        cls: the dataclass; its annotations are the schema.
        data: nested dicts, lists, text, numbers and booleans.
        where: name of the file, for the message.

    Raises:
        SpecError: one sentence about the first thing that does not fit: key, what is allowed, what
            was received, and the nearest known name.
    """
    for key, value in _leaves(data, ""):
        if isinstance(value, (datetime.date, datetime.time)):
            raise SpecError(f"{where}: {key} must not be a date. Received: {value}.")
        if isinstance(value, float) and not math.isfinite(value):
            raise SpecError(f"{where}: {key} must be finite. Received: {value}.")
    data = _spelled_out(cls, data)
    try:
        # Strict JSON mode is what fits TOML: arrays become tuples and tables dataclasses, but text
        # never becomes a number.
        return TypeAdapter(cls).validate_json(json.dumps(data), strict=True, extra="forbid")
    except ValidationError as error:
        raise SpecError(f"{where}: {_sentence(cls, data, error)}") from error


def _spelled_out(hint: Any, value: Any) -> Any:
    """Where one of several tables may stand, its name alone is a table of that name only.

    `student = "log4"` means `student = { scheme = "log4" }`.
    """
    found = [getattr(part, "discriminator", None) for part in getattr(hint, "__metadata__", ())]
    keys = [key for key in found if key]
    if isinstance(value, str) and keys:
        return {keys[0]: value}
    if isinstance(value, list) and typing.get_args(hint):
        return [_spelled_out(typing.get_args(hint)[0], one) for one in value]
    if isinstance(value, dict) and typing.get_origin(hint) in (dict, Mapping):
        return {key: _spelled_out(typing.get_args(hint)[1], one) for key, one in value.items()}
    if isinstance(value, dict):
        options = _dataclasses_in(hint)
        words = {word for word in value.values() if isinstance(word, str)}
        options = [one for one in options if words & set(_tags(one))] or options
        hints = {key: inner for one in options for key, inner in _hints(one).items()}
        return {
            key: _spelled_out(hints[key], inner) if key in hints else inner
            for key, inner in value.items()
        }
    return value


def _sentence(cls: type, data: Mapping[str, Any], error: ValidationError) -> str:
    """The first mistake in words; unknown keys first, because they explain missing ones."""
    found = error.errors(include_url=False)
    found.sort(
        key=lambda one: one["type"] not in ("unexpected_keyword_argument", "extra_forbidden")
    )
    first = found[0]
    path, owner = _walk(cls, data, first["loc"])
    key = _dotted(path)
    kind = first["type"]
    value = first.get("input")
    context: Mapping[str, Any] = first.get("ctx", {})
    if kind in ("unexpected_keyword_argument", "extra_forbidden"):
        names = [f.name for f in dataclasses.fields(owner)] if owner else []
        text = f"key {key} is not known.{_near(str(path[-1]), names)}"
        if not text.endswith("?"):
            text += f" Known here: {', '.join(names)}."
    elif kind in ("missing", "missing_argument"):
        text = f"key {key} must be given."
    elif kind == "literal_error":
        options = typing.cast(str, context["expected"])
        text = f"{key} must be {options}. Received: {_show(value)}.{_near_quoted(value, options)}"
    elif kind == "union_tag_invalid":
        tag_key = str(context["discriminator"]).strip("'")
        options, tag = str(context["expected_tags"]), context["tag"]
        text = f"{key}.{tag_key} must be one of {options}. Received: {_show(tag)}."
        text += _near_quoted(tag, options)
    elif kind == "union_tag_not_found":
        tag_key = str(context["discriminator"]).strip("'")
        near = difflib.get_close_matches(tag_key, list(value) if isinstance(value, dict) else [], 1)
        text = f"key {key}.{tag_key} must be given."
        text += f" Received: {near[0]}, which is not known." if near else ""
    elif kind == "value_error":
        text = f"[{key}] {context['error']}" if key else str(context["error"])
    elif kind in _MUST:
        text = f"{key} must be {_MUST[kind]}. Received: {_show(value)}."
    else:
        text = f"{key}: {first['msg'][0].lower()}{first['msg'][1:]}. Received: {_show(value)}."
    more = len({one["loc"] for one in found}) - 1
    if more > 0:
        text += f" ({more} more {'mistake' if more == 1 else 'mistakes'} in this file.)"
    return text


def _walk(cls: type, data: Any, loc: Sequence[int | str]) -> tuple[list[int | str], type | None]:
    """Drop the union tags that pydantic puts into a location; find the last key's dataclass."""
    path: list[int | str] = []
    owner: type | None = cls
    options: list[type] = [cls]
    here = data
    for step in loc:
        inside = (isinstance(here, dict) and step in here) or isinstance(here, list)
        known = [o for o in options if isinstance(step, str) and step in _hints(o)]
        if not inside and not known and len(options) > 0:
            narrowed = [o for o in options if step in _tags(o) or step == o.__name__]
            if narrowed:
                options = narrowed
                continue
        path.append(step)
        owner = options[0] if options and isinstance(step, str) else owner
        if isinstance(step, str):
            # A key of the user's own, in a table of tables, leads to what the table may hold.
            options = [d for o in known for d in _dataclasses_in(_hints(o)[step])] or options
            here = here.get(step) if isinstance(here, dict) else None
        else:
            here = here[step] if isinstance(here, list) and step < len(here) else None
    return path, owner


def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls, include_extras=True)


def _dataclasses_in(hint: Any) -> list[type]:
    """The dataclasses that an annotation mentions: X, X | Y, tuple[X, ...], Annotated[X, ...]."""
    if dataclasses.is_dataclass(hint):
        return [typing.cast(type, hint)]
    return [found for part in typing.get_args(hint) for found in _dataclasses_in(part)]


def _tags(cls: type) -> tuple[Any, ...]:
    """Values of the Literal fields of a dataclass: what can tell members of a union apart."""
    literals = [h for h in _hints(cls).values() if typing.get_origin(h) is typing.Literal]
    return tuple(value for hint in literals for value in typing.get_args(hint))


def _dotted(path: Sequence[int | str]) -> str:
    """("data", "sources", 0, "kind") -> data.sources[1].kind (people count from one)."""
    text = ""
    for step in path:
        text += f"[{step + 1}]" if isinstance(step, int) else f".{step}"
    return text.lstrip(".")


def _show(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "..."


def _near(word: str, known: Sequence[str]) -> str:
    match = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {match[0]}?" if match else ""


def _near_quoted(value: Any, options: str) -> str:
    return _near(
        str(value), [part.strip("' ") for part in options.replace(" or ", ", ").split(",")]
    )


def _siblings(path: Path) -> Iterator[Path]:
    return path.parent.glob("*.toml") if path.parent.is_dir() else iter(())


def _leaves(value: Any, key: str, depth: int = 0) -> Iterator[tuple[str, Any]]:
    if depth > _DEEPEST:
        raise SpecError(
            f"Tables and lists must be at most {_DEEPEST} deep in one another. "
            f"Received: {key[:60]}...."
        )
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name, depth + 1)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{index + 1}]", depth + 1)
    else:
        yield key, value
