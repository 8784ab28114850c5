"""The command line.

Nothing but typer is imported at the top, here and in the *_command modules: `wakesmith --help` must
answer at once. User mistakes are caught here, once, and become one sentence and exit code 2;
anything else is a bug with a traceback.
Exit codes: 0 done, 1 a check failed, 2 the user's mistake, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from wakesmith.bench_command import bench
from wakesmith.compile_command import compile_model
from wakesmith.device.cli import device, monitor
from wakesmith.export_command import export
from wakesmith.flash_command import flash
from wakesmith.options import BuildFolder, Compiler, Jobs, ProjectFile, SoundProject
from wakesmith.simulate_command import simulate
from wakesmith.verify_command import verify


class Runtime(str, Enum):
    """What runs the model on the board."""

    c = "c"
    tflm = "tflm"


class Split(str, Enum):
    """Clips that are not trained on."""

    val = "val"
    test = "test"


class _Door(TyperGroup):
    """Where user mistakes are caught."""

    def invoke(self, ctx: Any) -> Any:
        from convert.errors import UserError
        from firmware.errors import FirmwareError

        try:
            return super().invoke(ctx)
        except (UserError, FirmwareError) as error:
            # UserError and FirmwareError are for people: one line, whatever a compiler said.
            typer.echo(f"wakesmith: {' '.join(str(error).split())}", err=True)
            raise typer.Exit(2) from None
        except KeyboardInterrupt as stop:
            typer.echo(f"wakesmith: {str(stop) or 'Stopped.'}", err=True)
            raise typer.Exit(130) from None
        except BrokenPipeError:
            # The reader of our output went away (`| head`); do not complain at exit either.
            sys.stdout = None
            raise typer.Exit(0) from None


app = typer.Typer(
    cls=_Door,
    # Rich help looks better and doubles the time that --help takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    add_completion=False,
    help="From a list of spoken words to proven Cortex-M firmware.\n\n"
    "Begin with:  wakesmith new yes no  and then  wakesmith build words.toml",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from convert.cwriter import VERSION

        typer.echo(f"wakesmith {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options before the command."""


@app.command()
def build(
    project: ProjectFile,
    out: BuildFolder = None,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="STAGE",
            help="Stop after one of speech, features, train, quantize, evaluate, convert, "
            "firmware, verify, report.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every stage again.")] = False,
    jobs: Jobs = 0,
    compiler: Annotated[
        Compiler | None, typer.Option(help="Compiler; overrides the project file.")
    ] = None,
    runtime: Annotated[
        Runtime | None,
        typer.Option(help="Generated C or TFLite Micro; overrides the project file."),
    ] = None,
    tflm_dir: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="TFLite Micro tree with its library built; for --runtime tflm."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the closing table.")] = False,
) -> None:
    """Build a project: speech, model, C, firmware, proof and report.

    Runs again only what changed. After Ctrl-C the same command goes on from the last
    finished stage.

    Example:  wakesmith build examples/digits.toml

    Example:  wakesmith build examples/digits.toml --runtime tflm --compiler gcc
    --tflm-dir ../tflite-micro
    """
    from wakesmith.building import build_project

    same = build_project(
        project,
        out=out,
        until=until,
        force=force,
        jobs=jobs,
        compiler=compiler.value if compiler else None,
        runtime=runtime.value if runtime else None,
        tflm_dir=tflm_dir,
        quiet=quiet,
    )
    if not same:
        raise typer.Exit(1)


app.command()(verify)


@app.command()
def compare(
    project: ProjectFile,
    schemes: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="Schemes and labels of [compare.schemes], with commas between, or all. "
            "distilled_int8+log4 teaches a log4 student.  [default: float32, ptq_int8, qat_int8, "
            "incremental_int8, linear_int4, log4, and what the project file names]",
        ),
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Trainings of each scheme, with the project's seed and those after it.  "
            "[default: [compare] seeds of the project file, else 1]",
        ),
    ] = None,
    out: BuildFolder = None,
    jobs: Jobs = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the table.")] = False,
) -> None:
    """Compare quantization schemes: accuracy, bytes, instructions.

    One run per scheme and seed, from training to the emulated firmware; clips, features
    and float models are shared. Of each run 60 test clips go through reference, TFLite
    Micro and the C on this machine, 20 of them through the emulated firmware too
    ([compare] verify_clips and emulated_clips). Writes compare.html and compare.json into
    the build folder. After Ctrl-C the same command goes on. Exits with 1 when bytes differ.

    Example:  wakesmith compare examples/digits.toml --schemes qat_int8,log4 --seeds 3
    """
    from wakesmith.comparing.command import compare_project, split_names

    same = compare_project(
        project, wanted=split_names(schemes), seeds=seeds, out=out, jobs=jobs, quiet=quiet
    )
    if not same:
        raise typer.Exit(1)


@app.command()
def sensitivity(
    project: ProjectFile,
    split: Annotated[
        Split,
        typer.Option(help="Clips to measure on: validation, or the test clips."),
    ] = Split.val,
    out: BuildFolder = None,
    jobs: Jobs = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Only the table.")] = False,
) -> None:
    """Find out which layers stand fewer bits.

    Quantizes weights, bias and activations of each layer alone, with 8 bits, 4 linear and
    4 logarithmic bits, and tells what accuracy each costs and how much noise it makes.
    Writes sensitivity.html, .csv and .json into the build folder.

    Example:  wakesmith sensitivity examples/digits.toml
    """
    from wakesmith.sensing.command import measure_sensitivity

    measure_sensitivity(project, split=split.value, out=out, jobs=jobs, quiet=quiet)


@app.command()
def recognize(
    clips: Annotated[
        list[Path],
        typer.Argument(metavar="CLIP...", help="WAV or FLAC files.", show_default=False),
    ],
    project: SoundProject = None,
    out: BuildFolder = None,
    top: Annotated[int, typer.Option(min=1, help="Words to print per clip.")] = 3,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream",
            help="Take recordings of any length, print the events that the detector makes of them.",
        ),
    ] = False,
) -> None:
    """Run clips through the emulated firmware.

    Prints the most probable words with their scores. With --stream it prints the words
    that are detected in recordings and when, by [detect] of the project file; this
    machine computes them, equal event for event to the firmware.

    Example:  wakesmith recognize seven.wav --project examples/digits.toml

    Example:  wakesmith recognize minute.wav --stream --project examples/digits.toml
    """
    from wakesmith.project import find_project

    file = find_project(project)
    if stream:
        from wakesmith.recognizing_stream import recognize_streams

        recognize_streams(file, clips, out=out, say=typer.echo)
        return
    from wakesmith.recognizing import recognize_clips

    recognize_clips(file, clips, out=out, top=top, say=typer.echo)


@app.command()
def report(project: ProjectFile, out: BuildFolder = None) -> None:
    """Print the closing table of a build again.

    Example:  wakesmith report examples/digits.toml
    """
    from wakesmith.building import show_build

    if not show_build(project, out=out):
        raise typer.Exit(1)


@app.command()
def new(
    words: Annotated[
        list[str], typer.Argument(metavar="WORD...", help="Two or more.", show_default=False)
    ],
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="Project file to write.")
    ] = Path("words.toml"),
) -> None:
    """Write a commented project file to start from.

    Example:  wakesmith new yes no stop --file commands.toml
    """
    from wakesmith.starter import write_starter

    write_starter(file, words)
    typer.echo(f"Wrote {file}. Next:  wakesmith build {file}")


@app.command()
def boards() -> None:
    """List the boards that firmware can be built for.

    Example:  wakesmith boards
    """
    from firmware.board import list_boards, load_board

    names = list_boards()
    for name in names:
        board = load_board(name)
        ways = " or ".join(board.flash.methods())
        typer.echo(
            f"{name:<{max(map(len, names))}}  {board.title}: {board.flash_size // 1024} kB flash, "
            f"{board.ram_size // 1024} kB RAM; {f'flashed by {ways}' if ways else 'emulated only'}"
        )


app.command()(flash)
app.command()(export)
app.command("compile")(compile_model)
app.command()(bench)
app.command()(simulate)


@app.command()
def clean(project: ProjectFile, out: BuildFolder = None) -> None:
    """Delete the build folder of a project.

    Example:  wakesmith clean examples/digits.toml
    """
    from wakesmith.building import clean_build

    typer.echo(clean_build(project, out=out))


app.add_typer(device, name="device")
app.command()(monitor)


def main() -> None:
    """Entry point of the installed command."""
    app(prog_name="wakesmith")


if __name__ == "__main__":
    main()
