"""The table of docs/RESULTS.md: generated C beside TFLite Micro with CMSIS-NN, as Markdown.

    python -m benchmarks.code_table MODEL.tflite... --core cortex-m4 --core cortex-m0

Both compilers where arm-none-eabi-gcc is installed. Models that the baseline file does not know are
listed without shares.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from benchmarks.told import mistakes_told
from wakesmith.benching import Baseline, bench, read_baselines

BASELINES = Path(__file__).parent / "baselines" / "tflm_cmsis_nn.json"
CORES = ("cortex-m4", "cortex-m7", "cortex-m33", "cortex-m3", "cortex-m0", "cortex-m55")


def row(path: Path, core: str, compilers: tuple[str, ...]) -> str:
    """One line: a model on a core."""
    costs = [bench(path, core, compiler) for compiler in compilers]
    first = costs[0]
    names = {
        model["sha256"]: model["name"] for model in json.loads(BASELINES.read_text())["models"]
    }
    nothing = Baseline("", 0, 0, 0)
    theirs = read_baselines(BASELINES).get((first.sha256, first.core), nothing)

    def share(ours: int, other: int) -> str:
        return f"{ours / other:.3f}" if other else ""

    cells = [
        names.get(first.sha256, first.model),
        core.replace("cortex-m", "M"),
        f"{first.instructions:,}",
        f"{first.per_mac:.2f}",
        " / ".join(share(cost.instructions, theirs.instructions) for cost in costs),
        f"{first.ram:,}",
        share(first.ram, theirs.ram),
        f"{first.code:,}",
        " / ".join(share(cost.code, theirs.code) for cost in costs),
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    parser.add_argument("--core", action="append", metavar="CORE")
    arguments = parser.parse_args()
    compilers = ("zig", "gcc") if shutil.which("arm-none-eabi-gcc") else ("zig",)
    print("| model | core | instructions | per MAC | share | arena | share | code | share |")
    print("|---|---|---|---|---|---|---|---|---|")
    for path in arguments.models:
        for core in arguments.core or CORES:
            print(row(path, core, compilers), flush=True)


if __name__ == "__main__":
    with mistakes_told():
        main()
