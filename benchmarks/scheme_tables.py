"""What `benchmarks/schemes.py` has measured, as Markdown."""

from __future__ import annotations

import math
import statistics
from typing import Any

from benchmarks.scheme_runs import Run
from train.paired import Paired


def table(runs: list[Run]) -> str:
    """Markdown: one line per network and scheme, means over seeds."""
    lines = [
        "| model | scheme | seeds | test clips | float | quantized (each seed) | mean "
        "| points lost | McNemar p (lost, won) | zeros | .tflite | weights | flash | RAM "
        "| instructions | mismatches |",
        "|" + "---|" * 16,
    ]
    for key in dict.fromkeys((r.experiment, r.label) for r in runs):
        group = sorted((r for r in runs if (r.experiment, r.label) == key), key=lambda r: r.seed)
        n = group[0].test_clips
        before = 100 * statistics.mean(r.float_correct for r in group) / n
        after = 100 * statistics.mean(r.correct for r in group) / n
        parted = sum((Paired(r.lost, r.won) for r in group), Paired(0, 0))

        def mean(name: str, group: list[Run] = group) -> str:
            value = round(statistics.mean(getattr(r, name) for r in group))
            return f"{value:,}" if value else ""

        each = ", ".join(f"{100 * r.correct / n:.2f}" for r in group)
        proven = sum(r.proven for r in group)
        lines.append(
            f"| {key[0]} | {key[1]} | {', '.join(str(r.seed) for r in group)} | {n} | "
            f"{before:.2f} | {each} | {after:.2f} | {before - after:+.2f} | "
            f"{parted.p_value:.3g} ({parted.lost}, {parted.won}) | "
            f"{100 * statistics.mean(r.zeros for r in group):.1f} % | {mean('tflite')} | "
            f"{mean('weights')} | {mean('flash')} | {mean('ram')} | {mean('instructions')} | "
            f"{f'{sum(r.mismatches for r in group)} in {proven} clips' if proven else ''} |"
        )
    return "\n".join(lines)


def sensitivity_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: points lost and SQNR, means over seeds."""
    lines = [
        "| model | layer | part | method | weights | points lost | SQNR, dB |",
        "|" + "---|" * 7,
    ]
    for key in dict.fromkeys((r["experiment"], r["layer"], r["part"], r["method"]) for r in rows):
        group = [r for r in rows if (r["experiment"], r["layer"], r["part"], r["method"]) == key]
        lost = statistics.mean(
            100 * (r["float_correct"] - r["correct"]) / r["total"] for r in group
        )
        finite = [r["sqnr_db"] for r in group if math.isfinite(r["sqnr_db"])]
        noise = statistics.mean(finite) if finite else math.inf
        lines.append(f"| {' | '.join(key)} | {group[0]['weights']:,} | {lost:+.2f} | {noise:.1f} |")
    return "\n".join(lines)
