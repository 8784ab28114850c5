"""What a model costs on a core: instructions, RAM and flash, counted on the emulated core.

Every core but one is counted in the emulator; Cortex-M55, which it lacks, in QEMU
(`wakesmith.bare`).
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from convert.errors import UserError

_COMPARED = ("instructions", "ram", "code")


@dataclass(frozen=True)
class Layer:
    """One layer: instructions of its function, and multiplications."""

    index: int
    kind: str
    instructions: int
    macs: int


@dataclass(frozen=True)
class Cost:
    """One model on one core.

    Attributes:
        model: name of the file, without its ending.
        sha256: of the file.
        core: as `board.toml` calls it.
        compiler: "zig" or "gcc".
        kernels: the family of kernels that was generated for.
        instructions: one inference.
        macs: multiplications of one inference.
        layers: in order of execution.
        ram: bytes of the arena: activations, states and scratch memory of kernels.
        whole_ram: what that would be without layers in stripes.
        stack: bytes of stack at most.
        weights: bytes of weights, biases, multipliers and tables in flash.
        code: bytes of code in flash, start-up and fault handlers included.
        constants: bytes of other constants in flash: parameters of layers, vectors, texts.
    """

    model: str
    sha256: str
    core: str
    compiler: str
    kernels: str
    instructions: int
    macs: int
    layers: tuple[Layer, ...]
    ram: int
    whole_ram: int
    stack: int
    weights: int
    code: int
    constants: int

    @property
    def flash(self) -> int:
        """Bytes."""
        return self.weights + self.code + self.constants

    @property
    def per_mac(self) -> float:
        """Instructions per multiplication; 0 without any."""
        return self.instructions / self.macs if self.macs else 0.0

    def to_json(self) -> dict[str, Any]:
        """For `json.dumps`."""
        return {**asdict(self), "flash": self.flash, "per_mac": round(self.per_mac, 4)}


@dataclass(frozen=True)
class Baseline:
    """What the same model costs elsewhere; 0 where that is not known.

    Attributes:
        about: what was measured, and how.
        instructions: one inference.
        ram: bytes of arena.
        code: bytes of code that runs the model.
    """

    about: str
    instructions: int
    ram: int
    code: int

    def __post_init__(self) -> None:
        for name in _COMPARED:
            value = getattr(self, name)
            if type(value) is not int or value < 0:
                raise ValueError(f"{name} must be a whole number. Received: {value!r}")


def bench(
    model: Path,
    core: str,
    compiler: str,
    seed: int = 0,
    ram: int = 0,
    progress: Callable[[str], object] = lambda doing: None,
) -> Cost:
    """Build a bare model for a core and count one inference of noise.

    Args:
        model: an int8 .tflite.
        core: out of `firmware.cores.CORES`; "cortex-m4" stands for "cortex-m4f" and so on.
        compiler: "zig" or "gcc".
        seed: of the noise. No kernel's path depends on values, but for clamps.
        ram: bytes that the arena may have; 0 for no limit.
        progress: told what is done now.

    Raises:
        UserError: no such core, one that needs QEMU where that is missing, or an arena that does
            not fit.
        ModelError: the file is damaged.
        UnsupportedModelError: an operator that the kernels do not have.
        FirmwareError: it does not compile, or not fit 4 MB (Cortex-M55: 512 kB each of flash and
            RAM).
    """
    from convert.emit_aot import emit_model
    from wakesmith.bare import board_of, checked, read_model, running

    board = board_of(core)
    if model.suffix == ".toml":
        raise UserError(
            f"bench must be given a .tflite. Received: {model}. A built project has one in its "
            "build folder: model.tflite."
        )
    progress("making C")
    graph = checked(read_model(model))
    generated = emit_model(graph, kernels=board.core.kernels, ram=ram)
    progress("compiling")
    with (
        tempfile.TemporaryDirectory(prefix="wakesmith-") as folder,
        running(
            generated,
            board,
            Path(folder),
            compiler="gcc" if compiler == "gcc" else "zig",
            counting=True,
        ) as backend,
    ):
        progress("running it")
        profile = backend.profile(seed=seed)
        flash = backend.image.flash_bytes
    return Cost(
        model=model.stem,
        sha256=graph.model_hash,
        core=board.core.name,
        compiler=compiler,
        kernels=board.core.kernels,
        instructions=profile.model,
        macs=generated.macs,
        layers=tuple(Layer(c.op_index, c.kind, c.instructions, c.macs) for c in profile.layers),
        ram=generated.arena_size,
        whole_ram=generated.whole_arena,
        stack=profile.stack_bytes,
        weights=generated.flash_bytes,
        code=profile.code_bytes,
        constants=flash - profile.code_bytes - generated.flash_bytes,
    )


def check_plan(path: Path) -> None:
    """See `wakesmith.arena_picture.check_picture`, before anything is measured."""
    from wakesmith.arena_picture import check_picture

    check_picture(path)


def draw_plan(model: Path, core: str, path: Path, ram: int = 0) -> None:
    """Draw where a model that was measured keeps its activations.

    Raises:
        UserError: the picture cannot be written.
    """
    from convert.emit_aot import emit_model
    from wakesmith.arena_picture import write_arena
    from wakesmith.bare import board_of, checked, read_model

    kernels = board_of(core).core.kernels
    write_arena(path, emit_model(checked(read_model(model)), kernels=kernels, ram=ram))


def read_baselines(path: Path) -> Mapping[tuple[str, str], Baseline]:
    """(sha256 of a model, core) -> baseline, from a file of `benchmarks/baselines`.

    Also reads what `wakesmith bench --json` wrote.

    Raises:
        UserError: the file cannot be read or is not of that form.
    """
    try:
        rows = list(_rows(json.loads(path.read_text(encoding="utf-8")), path.name))
    except OSError as error:
        raise UserError(
            f"--against must be a readable file. Received: {path}: {error.strerror}."
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        reason = str(error) if isinstance(error, ValueError) else f"not of that form ({error})"
        raise UserError(
            "--against must be a file that `wakesmith bench --json` wrote, or one of "
            f"benchmarks/baselines. Received: {path}: {reason}."
        ) from error
    return {(sha256, core): baseline for sha256, core, baseline in rows}


def _rows(content: Any, name: str) -> Iterator[tuple[str, str, Baseline]]:
    """(sha256, core, baseline) of a file's content; any of the usual errors where it is wrong."""
    if not isinstance(content, dict):
        raise ValueError("no object")
    if "costs" in content:
        for cost in content["costs"]:
            yield cost["sha256"], cost["core"], Baseline(name, *map(cost.get, _COMPARED))
    else:
        for row in content["models"]:
            for core, count in row["instructions"].items():
                rest = (row.get(key, 0) for key in _COMPARED[1:])
                yield row["sha256"], core, Baseline(content["about"], count, *rest)


def costs_text(costs: Sequence[Cost]) -> str:
    """As JSON that `read_baselines` takes."""
    return json.dumps({"costs": [cost.to_json() for cost in costs]}, indent=2) + "\n"


def over(cost: Cost, limits: Mapping[str, int]) -> list[tuple[str, int, int]]:
    """(name, limit, value) of the limits of a `[budget]` that are broken.

    Flash and RAM are those of the model with what runs it; the application comes on top.
    """
    values = {
        "flash": cost.flash,
        "ram": cost.ram + cost.stack,
        "stack": cost.stack,
        "instructions": cost.instructions,
    }
    return [(name, most, values[name]) for name, most in limits.items() if values[name] > most]
