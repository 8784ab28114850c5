"""The project file: one TOML file that says everything about a build.

Each section is the frozen dataclass of the room that uses it, so a key means the same in a project
file and in a training script. Importing this module does not import TensorFlow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from convert.detector import Detector
from convert.errors import SpecError, UserError
from convert.frontend import FrontEnd
from convert.generated import CodeSpec
from train.augment import Augmentation
from train.datasets import (
    DataSpec,
    SilenceSpec,
    SourceSpec,
    UnknownSpec,
    check_words,
)
from train.fit import FitSpec
from train.models import ModelSpec
from train.quantization import SCHEMES, QatInt8, QuantizationSpec
from wakesmith.schema import build, read_toml


@dataclass(frozen=True)
class ProjectSection:
    """`[project]`.

    Attributes:
        name: names the build folder; letters, digits, `-` and `_`.
        words: what the model tells apart, two or more.
        seed: of everything random; the same seed gives the same bytes.
        clip_seconds: length of a clip and of what the firmware listens to at once.
        unknown: adds a class for all other words; `[unknown]` has its details.
        silence: adds a class for no speech; `[silence]` has its details.
    """

    name: str
    words: tuple[str, ...]
    seed: int = 0
    clip_seconds: float = 1.0
    unknown: bool = False
    silence: bool = False

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", self.name):
            raise SpecError(
                "name must be 1 to 64 letters, digits, - and _, the first a letter or digit. "
                f"Received: {self.name!r}."
            )
        if not 0 <= self.seed < 2**31:
            raise SpecError(f"seed must be from 0 to {2**31 - 1}. Received: {self.seed}.")
        check_words(self.words)


@dataclass(frozen=True)
class DataSection:
    """`[data]`.

    Attributes:
        sources: `[[data.sources]]`, one or more, freely combined.
        min_good_fraction: the build goes on while at least this share of a source is usable.
    """

    sources: tuple[Annotated[SourceSpec, Field(discriminator="kind")], ...]
    min_good_fraction: float = 0.9


@dataclass(frozen=True)
class FirmwareSection:
    """`[firmware]`.

    Attributes:
        board: one of `wakesmith boards`.
        compiler: "zig" (clang, comes with pip) or "gcc" (arm-none-eabi-gcc, to be installed).
        pack_weights: keep weights with few values in 4 bits where that saves flash; false keeps all
            in 8, which takes fewer instructions: a third fewer on cores with DSP ones.
        runtime: what runs the model: "c" (generated, without an interpreter) or "tflm" (TFLite
            Micro, which needs compiler = "gcc" and tflm_dir).
        tflm_dir: a TFLite Micro tree in which its library has been built for the board's core, or
            one of the folders in its gen; relative to the project file.
    """

    board: str = "mps2-an386"
    compiler: Literal["zig", "gcc"] = "zig"
    pack_weights: bool = True
    runtime: Literal["c", "tflm"] = "c"
    tflm_dir: str = ""

    def __post_init__(self) -> None:
        from firmware.board import load_board
        from firmware.errors import FirmwareError

        try:
            load_board(self.board)
        except FirmwareError as error:
            raise SpecError(str(error)) from error

    @property
    def code(self) -> CodeSpec:
        """How C is made: with the kernels that are fast on the board's core."""
        from firmware.board import load_board

        return CodeSpec(self.pack_weights, load_board(self.board).core.kernels)


@dataclass(frozen=True)
class VerifySection:
    """`[verify]`.

    Attributes:
        clips: test clips that run through all back ends; all of them when there are fewer.
        emulated_clips: how many of these also run through the emulated firmware.
    """

    clips: int = 300
    emulated_clips: int = 300

    def __post_init__(self) -> None:
        for name, value in (("clips", self.clips), ("emulated_clips", self.emulated_clips)):
            if not 1 <= value <= 1_000_000:
                raise SpecError(f"{name} must be from 1 to 1000000. Received: {value}.")


@dataclass(frozen=True)
class BudgetSection:
    """`[budget]`: a build that needs more fails; 0 is no limit.

    Attributes:
        flash: bytes of the whole firmware.
        ram: bytes, the reserved stack included; layers run in stripes where that is needed.
        stack: most bytes of stack that are in use while a clip is heard and recognised.
        instructions: per inference on the emulated core, the model only.
    """

    flash: int = 0
    ram: int = 0
    stack: int = 0
    instructions: int = 0

    def __post_init__(self) -> None:
        for name in ("flash", "ram", "stack", "instructions"):
            value = getattr(self, name)
            if not 0 <= value < 2**40:
                raise SpecError(f"{name} must be 1 or more, or 0 for no limit. Received: {value}.")

    @property
    def limits(self) -> dict[str, int]:
        """Name -> limit, of those that there are."""
        every = {name: int(getattr(self, name)) for name in ("flash", "ram", "stack")}
        return {k: v for k, v in {**every, "instructions": self.instructions}.items() if v}


@dataclass(frozen=True)
class CompareSection:
    """`[compare]`.

    Attributes:
        schemes: label -> options of a scheme, `[compare.schemes.LABEL]`. Under the name of a scheme
            they are the options that this scheme is compared with; under another name they are one
            more candidate.
        seeds: how many trainings of each, unless the command line says.
        verify_clips: test clips that run through the back ends, for each scheme and seed.
        emulated_clips: how many of these also run through the emulated firmware.
    """

    schemes: Mapping[str, Annotated[QuantizationSpec, Field(discriminator="scheme")]] = field(
        default_factory=dict
    )
    seeds: int = 1
    verify_clips: int = 60
    emulated_clips: int = 20

    def __post_init__(self) -> None:
        for name, most in (("seeds", 100), ("verify_clips", 10**6), ("emulated_clips", 10**6)):
            value = getattr(self, name)
            if not 1 <= value <= most:
                raise SpecError(f"{name} must be from 1 to {most}. Received: {value}.")
        for label in self.schemes:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+.-]{0,39}", label):
                raise SpecError(
                    "A label in [compare.schemes] must be 1 to 40 letters, digits, _, +, . and -. "
                    f"Received: {label!r}."
                )


@dataclass(frozen=True)
class Project:
    """A whole project file."""

    project: ProjectSection
    data: DataSection
    unknown: UnknownSpec | None = None
    silence: SilenceSpec | None = None
    augment: Augmentation = field(default_factory=Augmentation)
    frontend: FrontEnd = field(default_factory=FrontEnd)
    model: ModelSpec = field(default_factory=ModelSpec)
    train: FitSpec = field(default_factory=FitSpec)
    quantization: Annotated[QuantizationSpec, Field(discriminator="scheme")] = field(
        default_factory=QatInt8
    )
    firmware: FirmwareSection = field(default_factory=FirmwareSection)
    detect: Detector = field(default_factory=Detector)
    verify: VerifySection = field(default_factory=VerifySection)
    budget: BudgetSection = field(default_factory=BudgetSection)
    compare: CompareSection = field(default_factory=CompareSection)

    def __post_init__(self) -> None:
        for name, wanted in (
            ("unknown", self.project.unknown),
            ("silence", self.project.silence),
        ):
            if getattr(self, name) is not None and not wanted:
                raise SpecError(
                    f"[{name}] must go with {name} = true in [project]. Received: {name} = false."
                )
        self.detect.check(self.project.words, self.frontend.hop_ms)
        self.data_spec()  # what only the whole can tell: reserved words, clip length

    def data_spec(self) -> DataSpec:
        """What `train.datasets.load_spec` takes."""
        return DataSpec(
            words=self.project.words,
            sources=self.data.sources,
            clip_seconds=self.project.clip_seconds,
            unknown=(self.unknown or UnknownSpec()) if self.project.unknown else None,
            silence=(self.silence or SilenceSpec()) if self.project.silence else None,
            min_good_fraction=self.data.min_good_fraction,
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """What the model tells apart, in the order of its outputs."""
        more = (self.data_spec().unknown, self.data_spec().silence)
        return (*self.project.words, *(s.label for s in more if s is not None))

    @property
    def samples(self) -> int:
        """Samples of a clip at 16 kHz."""
        return round(self.project.clip_seconds * self.frontend.sample_rate)


def load_project(path: Path) -> Project:
    """Read and check a project file.

    Raises:
        UserError: the file cannot be read.
        SpecError: a key or a value is wrong; the message names it.
    """
    data = read_toml(path)
    compared = data.get("compare")
    tables = compared.get("schemes") if isinstance(compared, dict) else None
    for label, options in tables.items() if isinstance(tables, dict) else ():
        if isinstance(options, dict) and label in SCHEMES:
            options.setdefault("scheme", label)
    return build(Project, data, path.name)


def find_project(project: Path | None) -> Path:
    """The project file that is meant: the one that is named, or the only one here.

    Raises:
        UserError: none is named, and there is not exactly one.
    """
    if project is not None:
        return project
    found = sorted(path for path in Path().glob("*.toml") if path.name != "pyproject.toml")
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise UserError(
            f"A project file must be named, or be the only one in this folder. Received: {names}. "
            "Name it with --project."
        )
    return found[0]


def runs_as_c(project: Project) -> bool:
    """Whether the project's quantization scheme gives a model that the C kernels run."""
    return "c" in project.quantization.runs_on
