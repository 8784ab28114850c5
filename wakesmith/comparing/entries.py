"""Which schemes are compared, and with which options."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convert.errors import SpecError
from train.quantization import SCHEMES, DistilledInt8, QuantizationSpec
from wakesmith.project import Project

BASELINE = "float32"
USUAL = ("float32", "ptq_int8", "qat_int8", "incremental_int8", "linear_int4", "log4")
"""What is compared when nobody says anything."""

ALL = "all"
_JOINS = "+"


@dataclass(frozen=True)
class Entry:
    """One candidate.

    Attributes:
        label: what it is called in the table.
        spec: the scheme with its options.
    """

    label: str
    spec: QuantizationSpec


def choose(project: Project, wanted: Sequence[str] | None) -> tuple[Entry, ...]:
    """The candidates, the baseline `float32` first and always among them.

    Options of a scheme are those of `[compare.schemes.NAME]`, else of `[quantization]` where that
    is the scheme, else its defaults. "distilled_int8+NAME" is distillation with a student of
    scheme NAME.

    Args:
        project: the project file.
        wanted: labels; ("all",) is every scheme and every label of the project file; None is the
            usual ones, the project's own scheme and its labels.

    Raises:
        SpecError: a label that is no scheme, with those that are meant perhaps.
    """
    own = tuple(project.compare.schemes)
    if wanted is None:
        wanted = (*(name for name in USUAL if name in SCHEMES), project.quantization.scheme, *own)
    elif ALL in wanted:
        wanted = (*wanted, *SCHEMES, *own)
    labels = dict.fromkeys((BASELINE, *(label for label in wanted if label != ALL)))
    return tuple(Entry(label, _spec(project, label)) for label in labels)


def named(wanted: Sequence[str] | None) -> bool:
    """Whether a candidate that cannot run is a mistake of the user's and not a row of the table."""
    return wanted is not None and ALL not in wanted


def _spec(project: Project, label: str) -> QuantizationSpec:
    given: Mapping[str, QuantizationSpec] = {
        project.quantization.scheme: project.quantization,
        **project.compare.schemes,
    }
    if label in given:
        return given[label]
    if label in SCHEMES:
        return SCHEMES[label]()
    outer, join, inner = label.partition(_JOINS)
    if join and outer in SCHEMES and inner in {*SCHEMES, *given}:
        spec, student = _spec(project, outer), _spec(project, inner)
        if not isinstance(spec, DistilledInt8) or isinstance(student, DistilledInt8):
            raise SpecError(
                "Only distilled_int8 can be joined to another scheme, which is its student's "
                f"(distilled_int8+qat_int8). Received: {label}."
            )
        return dataclasses.replace(spec, student=student)
    known = list(dict.fromkeys((*SCHEMES, *project.compare.schemes)))
    near = difflib.get_close_matches(label, known, n=3, cutoff=0.5)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    raise SpecError(f"--schemes must be all or among {', '.join(known)}. Received: {label}.{meant}")
