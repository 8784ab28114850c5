"""One self-contained page that tells what a build has found out, most important first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from wakesmith.arena_picture import arena_svg
from wakesmith.figures import learning_curves, spectrograms
from wakesmith.pages import grouped, page, percent
from wakesmith.results import Accuracy, Memory, Results

_SHADES = (100, 82, 66, 52, 40, 30, 22, 16)


def render(results: Results) -> str:
    """The report as HTML: no scripts, no external resources, the same bytes for the same data."""
    axis, ticks = _axis(results.accuracy)
    return page(
        "report.html.j2",
        r=results,
        lead=_lead(results),
        tiles=_tiles(results),
        axis=axis,
        ticks=ticks,
        heard=_heard(results),
        confusions=_confusions(results),
        matrix=_matrix(results),
        curves=learning_curves(results.history, results.fine_tuned_after),
        pictures=spectrograms(results.spectrograms),
        layer_text=_layer_text(results),
        layers=_layers(results),
        arena=arena_svg(results.arena, [layer.kind for layer in results.layers]),
        memories=[_memory(m) for m in results.memories],
        manifest=_manifest(results.manifest),
    )


def _lead(results: Results) -> str:
    words = len(results.labels)
    text = f"Firmware for {results.board} ({results.core}) that tells {words} words apart"
    if not results.memories:
        text = f"A model that tells {words} words apart"
    if results.headline:
        right = percent(results.headline.share)
        text += f", {right} % right on {results.headline.total} test clips"
    text += ". "
    if results.proofs and results.mismatches == 0:
        text += (
            "Its features, layers and outputs equal those of the model that was measured: "
            f"{grouped(results.compared)} bytes compared, none differs."
        )
    elif results.proofs:
        text += (
            f"Its outputs are not those of the model that was measured: "
            f"{grouped(results.mismatches)} of {grouped(results.compared)} bytes differ."
        )
    return text


def _tiles(results: Results) -> list[dict[str, str]]:
    tiles = []
    if results.headline:
        last, first = results.headline, results.accuracy[0]
        points = f"{(last.share - first.share) * 100:+.1f}".replace("-", "\u2212")
        note = f"{last.stage}, {points} points to {first.stage}"
        tiles.append(_tile("Accuracy", percent(last.share), "%", note))
    for memory in results.memories:
        note = f"{100 * memory.used / memory.size:.1f} % of the board" if memory.size else ""
        tiles.append(_tile(memory.name.capitalize() if memory.name.islower() else memory.name,
                           f"{memory.used / 1024:.1f}", "KiB", note))  # fmt: skip
    if results.instructions:
        note = "model only, exact, emulated"
        if results.frontend_instructions:
            note = f"model; features {_millions(results.frontend_instructions)} per clip"
        tiles.append(_tile("Instructions", *_short(results.instructions), note))
    if results.real_time:
        timing = results.real_time
        tone = "bad" if timing.share > 1 else ""
        tiles.append(_tile("Real time", percent(timing.share), "%", timing.sentence(), tone))
    if results.proofs:
        tone = "bad" if results.mismatches else "good"
        note = f"of {grouped(results.compared)} bytes"
        tiles.append(_tile("Mismatches", grouped(results.mismatches), "", note, tone))
    return tiles


def _tile(label: str, value: str, unit: str, note: str, tone: str = "") -> dict[str, str]:
    return {"label": label, "value": value, "unit": unit, "note": note, "tone": tone}


def _short(number: int) -> tuple[str, str]:
    if number >= 1_000_000:
        return f"{number / 1e6:.2f}", "million"
    return grouped(number), ""


def _millions(number: int) -> str:
    return " ".join(_short(number)).strip()


def _axis(rows: Sequence[Accuracy]) -> tuple[Callable[[float], float], list[float]]:
    """A scale that starts at a round value below every interval; position in percent."""
    low = min((row.low for row in rows), default=0.0)
    step = 0.02 if low > 0.9 else 0.05 if low > 0.75 else 0.1 if low > 0.5 else 0.2
    start = max(0.0, int(low / step) * step)
    ticks = [round(start + i * step, 4) for i in range(int((1 - start) / step + 1e-6) + 1)]
    return (lambda share: round((share - start) / (1 - start) * 100, 2)), ticks


def _heard(results: Results) -> str:
    told = {"train": "training", "val": "validation", "test": "testing"}
    counts = [f"{grouped(results.clips[n])} for {t}" for n, t in told.items() if n in results.clips]
    text = f"Clips: {', '.join(counts)}. " if counts else ""
    return text


def _confusions(results: Results) -> str:
    pairs = sorted(
        (
            (count, results.labels[said], results.labels[heard])
            for said, row in enumerate(results.confusion)
            for heard, count in enumerate(row)
            if said != heard and count
        ),
        reverse=True,
    )
    if not pairs:
        return "Nothing: every test clip was recognised."
    worst = ", ".join(f"{said} as {heard} ({count})" for count, said, heard in pairs[:3])
    return f"Most often: {worst}."


def _matrix(results: Results) -> list[dict[str, Any]]:
    rows = []
    for said, counts in enumerate(results.confusion):
        total = sum(counts)
        cells = [
            {
                "count": count,
                "share": round(100 * count / total, 1) if total else 0,
                "tone": "right" if heard == said else "wrong" if count else "none",
            }
            for heard, count in enumerate(counts)
        ]
        right = f"{percent(counts[said] / total)} %" if total else ""
        rows.append({"label": results.labels[said], "cells": cells, "right": right})
    return rows


def _layer_text(results: Results) -> str:
    text = "How much of the float model's signal each layer keeps as int8, and what it costs"
    if results.instructions:
        text += f": {grouped(results.instructions)} instructions in one inference"
    if results.stack:
        text += f", {grouped(results.stack)} bytes of stack at most"
    return text + "."


def _layers(results: Results) -> list[dict[str, Any]]:
    most = max((layer.instructions or 0 for layer in results.layers), default=0) or 1
    best = max((layer.sqnr_db or 0.0 for layer in results.layers), default=0.0) or 1.0
    return [
        {
            "index": layer.index,
            "kind": layer.kind,
            "shape": " × ".join(map(str, layer.shape)),
            "sqnr": None if layer.sqnr_db is None else f"{layer.sqnr_db:.1f}",
            "sqnr_width": round(60 * max(layer.sqnr_db or 0.0, 0.0) / best, 1),
            "instructions": grouped(layer.instructions) if layer.instructions else "",
            "width": round(60 * (layer.instructions or 0) / most, 1),
        }
        for layer in results.layers
    ]


def _memory(memory: Memory, most: int = 8) -> dict[str, Any]:
    parts = sorted(memory.parts, key=lambda part: (-part[1], part[0]))
    if len(parts) > most:
        rest = sum(count for _, count in parts[most - 1 :])
        parts = [*parts[: most - 1], (f"{len(parts) - most + 1} smaller ones", rest)]
    return {
        "name": memory.name.capitalize() if memory.name.islower() else memory.name,
        "used": grouped(memory.used),
        "size": grouped(memory.size),
        "parts": [
            {"name": name, "bytes": count, "text": grouped(count), "shade": _SHADES[i % most]}
            for i, (name, count) in enumerate(parts)
        ],
    }


def _manifest(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    parts = []
    for name, value in manifest.items():
        rows = list(_flat(value, ""))
        parts.append({"name": name.replace("_", " "), "rows": rows})
    return parts


def _flat(value: Any, key: str) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        rows = []
        for name, inner in value.items():
            rows += _flat(inner, f"{key}.{name}" if key else str(name))
        return rows
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, (Mapping, list, tuple)) for v in value):
            rows = []
            for index, inner in enumerate(value):
                rows += _flat(inner, f"{key}[{index + 1}]")
            return rows
        return [(key, ", ".join(map(str, value)))]
    return [(key, str(value))]
