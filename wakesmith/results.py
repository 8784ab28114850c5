"""What a build has found out, as plain data: for the closing table, the report, the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from wakesmith.realtime import RealTime

if TYPE_CHECKING:
    from convert.generated import GeneratedModel


@dataclass(frozen=True)
class Accuracy:
    """Share of test clips that one stage of the line gets right.

    Attributes:
        stage: e.g. "float model", "int8 .tflite", "firmware".
        how: how it was run, e.g. "TFLite Micro".
        correct: clips whose most probable word is the right one.
        total: clips tried.
        low: lower end of the 95 % interval, 0 to 1.
        high: upper end.
    """

    stage: str
    how: str
    correct: int
    total: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """Correct share, 0 to 1."""
        return self.correct / self.total if self.total else 0.0


@dataclass(frozen=True)
class Layer:
    """One operator of the model.

    Attributes:
        index: its place in the .tflite.
        kind: e.g. "CONV_2D".
        shape: of its output.
        sqnr_db: signal to quantization noise against the float model, None when not measured.
        instructions: executed by it in one inference on the emulated core, None when not run.
    """

    index: int
    kind: str
    shape: tuple[int, ...]
    sqnr_db: float | None = None
    instructions: int | None = None


@dataclass(frozen=True)
class Stored:
    """One storage in the arena.

    Attributes:
        what: e.g. "input", "tensor 7".
        offset: bytes into the arena.
        nbytes: bytes.
        first: operator that writes it, counted from 0; -1 for before the first.
        last: operator that reads it last; as many as there are for after the last.
        scratch: memory that one operator works in.
    """

    what: str
    offset: int
    nbytes: int
    first: int
    last: int
    scratch: bool = False


def stored(model: GeneratedModel) -> tuple[Stored, ...]:
    """What a model keeps where and when, in words for a picture."""
    edges = {slot.tensor: "input" for slot in model.inputs}
    edges |= {slot.tensor: "state" for slot in model.states}
    return tuple(
        Stored(
            "scratch" if b.tensor < 0 else edges.get(b.tensor, f"tensor {b.tensor}"),
            b.offset,
            b.nbytes,
            b.first_op,
            b.last_op,
            scratch=b.tensor < 0,
        )
        for b in model.buffers
    )


@dataclass(frozen=True)
class Memory:
    """How full one memory of the board is.

    Attributes:
        name: "flash" or "RAM".
        size: bytes on the board.
        parts: (what, bytes), largest first.
    """

    name: str
    size: int
    parts: tuple[tuple[str, int], ...]

    @property
    def used(self) -> int:
        """Bytes taken."""
        return sum(count for _, count in self.parts)


@dataclass(frozen=True)
class Proof:
    """One comparison of back ends.

    Attributes:
        what: "features", "every layer" or "outputs".
        backends: names compared with each other.
        clips: test clips run through all of them.
        compared: bytes compared.
        mismatches: bytes that differ.
        first: where the first difference is; empty when there is none.
    """

    what: str
    backends: tuple[str, ...]
    clips: int
    compared: int
    mismatches: int
    first: str = ""


@dataclass(frozen=True)
class Limit:
    """One line of the project's budget.

    Attributes:
        name: "flash", "ram", "stack" or "instructions".
        used: what the build needs.
        limit: what it may need.
    """

    name: str
    used: int
    limit: int

    @property
    def over(self) -> int:
        """How much too much; 0 when it fits."""
        return max(0, self.used - self.limit)


@dataclass(frozen=True)
class Spectrogram:
    """Features of one clip: frames of `width` int8 values each."""

    word: str
    features: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Results:
    """One finished build; see the field types.

    Attributes:
        name: project name.
        labels: class names in the order of the model's outputs.
        board: e.g. "mps2-an386".
        core: e.g. "Cortex-M4".
        accuracy: in the order of the line, float first and firmware last.
        confusion: (true, predicted) counts of the last stage.
        history: curve name ("loss", "val_loss", ...) to one value per epoch.
        fine_tuned_after: epochs of training; later ones are fine-tuning.
        spectrograms: one or two clips of some words.
        layers: the model's operators.
        arena: the storages of the model.
        memories: flash and RAM.
        instructions: per inference on the emulated core, model only.
        frontend_instructions: per clip, features only; 0 when not measured.
        real_time: share of the board's time that listening takes; None when not measured.
        stack: high-water mark in bytes; 0 when not measured.
        proofs: the comparisons.
        budget: what the project file limits.
        clips: split name to number of clips.
        rejected: clips left out.
        notes: what the user should know, a sentence each.
        manifest: what `manifest.json` says.
    """

    name: str
    labels: tuple[str, ...]
    board: str
    core: str
    accuracy: tuple[Accuracy, ...]
    confusion: tuple[tuple[int, ...], ...]
    history: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    fine_tuned_after: int = 0
    spectrograms: tuple[Spectrogram, ...] = ()
    layers: tuple[Layer, ...] = ()
    arena: tuple[Stored, ...] = ()
    memories: tuple[Memory, ...] = ()
    instructions: int = 0
    frontend_instructions: int = 0
    real_time: RealTime | None = None
    stack: int = 0
    proofs: tuple[Proof, ...] = ()
    budget: tuple[Limit, ...] = ()
    clips: Mapping[str, int] = field(default_factory=dict)
    rejected: int = 0
    notes: tuple[str, ...] = ()
    manifest: Mapping[str, Any] = field(default_factory=dict)

    @property
    def headline(self) -> Accuracy | None:
        """The last stage that was run on the whole test set; None before any was."""
        if not self.accuracy:
            return None
        most = max(row.total for row in self.accuracy)
        return [row for row in self.accuracy if row.total == most][-1]

    @property
    def over_budget(self) -> tuple[Limit, ...]:
        """Limits that are exceeded."""
        return tuple(limit for limit in self.budget if limit.over)

    @property
    def mismatches(self) -> int:
        """Differing bytes over all comparisons."""
        return sum(proof.mismatches for proof in self.proofs)

    @property
    def compared(self) -> int:
        """Bytes compared over all comparisons."""
        return sum(proof.compared for proof in self.proofs)
