"""What `wakesmith export` does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from convert import cwriter
from convert.errors import UserError
from simulate.listening import detector_plan
from wakesmith.built import open_built
from wakesmith.console import Meter
from wakesmith.exporting.formats import KINDS, Facts, lay_out
from wakesmith.exporting.library import collect
from wakesmith.exporting.sound import choose_sound
from wakesmith.exporting.write import write_library


def export_project(
    path: Path,
    *,
    kind: str,
    folder: Path | None,
    out: Path | None,
    force: bool,
    say: Callable[[str], object],
) -> None:
    """Write a built project as a library.

    Args:
        path: project file.
        kind: cmake, arduino, zephyr or platformio.
        folder: where to; `<project>-<kind>` when None.
        out: build folder.
        force: replace what an export wrote before.
        say: prints a line.

    Raises:
        UserError: the project is not built, or the folder cannot be written.
    """
    if kind not in KINDS:
        raise UserError(f"--format must be one of {', '.join(KINDS)}. Received: {kind}.")
    built = open_built(path, out)
    project, graph, generated = built.project, built.graph, built.generated
    fe, words = project.frontend, project.project.words
    plan = detector_plan(graph, built.data.classes, fe, words=words, detect=project.detect)
    quant = graph.tensors[graph.outputs[0]].quant
    assert quant is not None  # detector_plan has looked
    name = cwriter.identifier(project.project.name, "words").lower()
    library = collect(
        generated, fe, plan, scale=float(quant.scale[0]), project=project.project.name
    )
    facts = Facts(
        name=name,
        project=project.project.name,
        version=cwriter.VERSION,
        words=tuple(words),
        labels=tuple(built.data.classes),
        model_hash=generated.model_hash,
        frontend_hash=fe.hash(),
        rate=fe.sample_rate,
        hop=fe.hop,
        every_ms=project.detect.every_ms,
        window_ms=round(1000 * project.project.clip_seconds),
        arena=generated.arena_size,
        weights=generated.flash_bytes,
    )
    target = folder if folder is not None else Path(f"{name}-{kind}")
    with Meter("exporting") as meter:
        meter(0, 0, "choosing a clip for the example")
        sound = choose_sound(built, plan)
    files = lay_out(kind, library, facts, sound)
    write_library(files, target, force=force)
    say(f"Wrote {len(files)} files for {kind} to {target}. Begin with {target / 'README.md'}.")
