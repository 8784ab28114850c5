"""What decides the results of stages: settings, and hashes of the user's own files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from convert.errors import UserError
from train.quantization import DistilledInt8, QuantizationSpec
from train.sources.base import resolve
from wakesmith.job import file_hash
from wakesmith.project import Project
from wakesmith.steps import speech
from wakesmith.store import plain


def scheme_modules(scheme: QuantizationSpec) -> tuple[str, ...]:
    """Names of the modules that a scheme's class, and that of its student, are defined in."""
    student = (scheme.student,) if isinstance(scheme, DistilledInt8) else ()
    return tuple(type(one).__module__ for one in (scheme, *student))


def own_model_hash(project: Project, base: Path) -> str:
    """Of the file with the user's own network; "" for one of the zoo's.

    Raises:
        UserError: it cannot be read.
    """
    own_model = project.model.own_file(base)
    return _file(own_model) if own_model else ""


def learning_reads(project: Project, base: Path) -> dict[str, Any]:
    """What decides the result of training, and through it that of quantization."""
    return {
        "model": plain(project.model),
        "own_model": own_model_hash(project, base),
        "train": plain(project.train),
        "augment": plain(project.augment),
        "noise": _noise(project, base),
        "frontend": project.frontend.to_json(),
        "seed": project.project.seed,
    }


def _file(path: Path, what: str = "The model's file") -> str:
    """Hash of a user's own file.

    Raises:
        UserError: it cannot be read; better told now than after an hour of stages before its own.
    """
    try:
        return file_hash(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"{what} must be readable. Received: {path} ({reason}).") from error


def quantization_reads(project: Project, base: Path) -> dict[str, Any]:
    """What quantization reads, the teacher's files included."""
    spec = project.quantization
    files = []
    if isinstance(spec, DistilledInt8):
        own = spec.teacher.own_file(base)
        files = [own] if own is not None else []
        if spec.teacher_file:
            files.append(resolve(spec.teacher_file, base))
    return {
        "quantization": plain(spec),
        "teacher": [_file(path, "The teacher's file") for path in files],
    }


def _noise(project: Project, base: Path) -> str:
    folder = project.augment.noise_folder
    if not folder:
        return ""
    place = resolve(folder, base)
    if not place.is_dir():
        raise UserError(f"A noise folder must exist. Received: {place}.")
    return speech.folder_hash(place)
