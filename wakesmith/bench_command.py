"""`wakesmith bench` as the command line shows it; what it does is in `wakesmith.benching`."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wakesmith.options import Compiler, Ram

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.table import Table

    from wakesmith.benching import Baseline, Cost
    from wakesmith.console import Meter


def bench(
    model: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL.tflite...", help="int8 models.", show_default=False),
    ],
    core: Annotated[
        list[str], typer.Option(metavar="CORE", help="Core to count on; may be given again.")
    ] = ["cortex-m4"],  # noqa: B006 (typer wants the list itself)
    compiler: Annotated[Compiler, typer.Option(help="Compiler of the firmware.")] = Compiler.zig,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.json", help="Costs to compare with: of --json or benchmarks/baselines."
        ),
    ] = None,
    budget: Annotated[
        Path | None,
        typer.Option(metavar="PROJECT.toml", help="Hold every model to this file's [budget]."),
    ] = None,
    ram: Ram = 0,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE.json", help="Write all figures there; - for stdout."),
    ] = None,
    layers: Annotated[bool, typer.Option("--layers", help="One line per layer, too.")] = False,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png",
            help="Draw where activations live in the arena: PNG, SVG or PDF; one model and core.",
        ),
    ] = None,
) -> None:
    """Count what a model costs on a core: instructions, RAM and flash.

    The generated C is built for the core and run by the emulator, which counts every instruction.
    Ends with 1 when a budget is broken.

    Example:  wakesmith bench model.tflite --core cortex-m4 --core cortex-m0 --layers

    Example:  wakesmith bench model.tflite --against benchmarks/baselines/tflm_cmsis_nn.json
    """
    from rich.console import Console

    from convert.errors import UserError
    from convert.files import write_text
    from wakesmith.benching import bench as measure
    from wakesmith.benching import check_plan, costs_text, draw_plan, over, read_baselines
    from wakesmith.console import Meter, plain_console
    from wakesmith.project import load_project

    if plan is not None and len(model) * len(core) != 1:
        raise UserError(
            "--plan must be given with one model and one core. Received: "
            f"{len(model)} and {len(core)}."
        )
    if plan is not None:
        check_plan(plan)
    limits = load_project(budget).budget.limits if budget is not None else {}
    baselines = read_baselines(against) if against is not None else {}
    runs = [(file, name) for file in model for name in core]
    costs: list[Cost] = []
    with Meter("measuring") as meter:
        for done, (file, name) in enumerate(runs):
            told = functools.partial(_tell, meter, done, len(runs), f"{file.name} on {name}")
            costs.append(measure(file, name, compiler.value, ram=ram, progress=told))
        if plan is not None:
            draw_plan(model[0], core[0], plan, ram)
    alone = json == Path("-")  # whoever reads the JSON wants nothing else there
    if json is not None and not alone:
        write_text(json, costs_text(costs))
    if alone:
        typer.echo(costs_text(costs), nl=False)
    console = Console(stderr=True) if alone else plain_console()
    for title in dict.fromkeys(cost.model for cost in costs):
        console.print(_table([cost for cost in costs if cost.model == title], baselines))
    for cost in costs:
        if cost.ram < cost.whole_ram:
            console.print(
                f"{cost.model} on {cost.core}: layers in stripes; RAM without them "
                f"{cost.whole_ram:,}."
            )
    if layers:
        for cost in costs:
            console.print(_layers(cost))
    for cost in costs if against is not None else ():
        if (cost.sha256, cost.core) not in baselines:
            missing = f"{against} has nothing on {cost.model} on {cost.core}."
            console.print(missing, markup=False, soft_wrap=True)
    broken = [(cost, *limit) for cost in costs for limit in over(cost, limits)]
    for cost, name, most, value in broken:
        console.print(
            f"{cost.model} on {cost.core}: {name} {value:,} is over the budget of {most:,} by "
            f"{value - most:,}.",
            markup=False,
            soft_wrap=True,
        )
    if broken:
        raise typer.Exit(1)


def _tell(meter: Meter, done: int, total: int, what: str, doing: str) -> None:
    meter(done, total, f"{what}, {doing}")


def _table(costs: list[Cost], baselines: Mapping[tuple[str, str], Baseline]) -> Table:
    """One model on all cores; in brackets the share of the baseline."""
    from rich import box
    from rich.table import Table

    about = {b.about for c in costs if (b := baselines.get((c.sha256, c.core))) is not None}
    table = Table(
        title=costs[0].model,
        caption="In brackets: share of " + about.pop() if about else None,
        box=box.SIMPLE,
        padding=(0, 1, 0, 0),
    )
    columns = ("core", "instructions", "per MAC", "RAM", "stack", "weights", "code", "other")
    for name in columns:
        table.add_column(name, justify="left" if name == "core" else "right", no_wrap=True)
    for cost in costs:
        theirs = baselines.get((cost.sha256, cost.core))
        table.add_row(
            cost.core,
            _number(cost.instructions, theirs.instructions if theirs else 0),
            f"{cost.per_mac:.2f}",
            _number(cost.ram, theirs.ram if theirs else 0),
            f"{cost.stack:,}",
            f"{cost.weights:,}",
            _number(cost.code, theirs.code if theirs else 0),
            f"{cost.constants:,}",
        )
    return table


def _number(ours: int, theirs: int) -> str:
    return f"{ours:,}" + (f"\n({ours / theirs:.3f})" if theirs else "")


def _layers(cost: Cost) -> Table:
    from rich.table import Table

    table = Table(title=f"{cost.model} on {cost.core}")
    for number, name in enumerate(("layer", "operator", "instructions", "MACs", "per MAC")):
        table.add_column(name, justify="left" if number == 1 else "right")
    for layer in cost.layers:
        per = f"{layer.instructions / layer.macs:.2f}" if layer.macs else ""
        table.add_row(
            str(layer.index), layer.kind, f"{layer.instructions:,}", f"{layer.macs:,}", per
        )
    return table
