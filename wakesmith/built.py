"""A built project, opened again: what `verify` and `recognize` work on."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import UserError
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from convert.graph import Graph
from convert.tflite_reader import read
from firmware.board import load_board
from firmware.image import Image, open_image
from simulate import frontend as definition
from simulate.backend import Backend, FeatureBackend, windows
from simulate.cores import EMULATED
from simulate.cortexm import CortexMBackend
from simulate.hostfrontend import HostFrontEnd
from simulate.hostlib import HostBackend
from simulate.reference import ReferenceBackend
from simulate.tflm import TflmBackend
from simulate.tflm_firmware import TflmFirmwareBackend
from train.datasets import Dataset
from wakesmith.clips import load_dataset
from wakesmith.console import Meter
from wakesmith.project import Project, load_project, runs_as_c
from wakesmith.proving import (
    BACKENDS,
    Progress,
    check_names,
    prove_features,
    prove_layers,
    spread_rows,
)
from wakesmith.qemu_check import runs_in_qemu_only, self_test_in_qemu
from wakesmith.results import Proof
from wakesmith.steps.convert import LAYERS, code_within, generate
from wakesmith.steps.firmware import RUNTIME
from wakesmith.store import read_json

Say = Callable[[str], object]

ENGINES = {"c": "the generated C", "tflm": "TFLite Micro", "litert": "LiteRT"}


@dataclass(frozen=True)
class Built:
    """Results of some stages, read when asked for.

    Attributes:
        project: the project file.
        folders: of the stages speech, features, quantize, convert and firmware, of those that are
            asked for.
    """

    project: Project
    folders: Mapping[str, Path]

    @functools.cached_property
    def data(self) -> Dataset:
        """The clips."""
        with _whole(self.folders["speech"]):
            return load_dataset(self.folders["speech"])

    @functools.cached_property
    def features(self) -> NDArray[np.int8]:
        """Clean features of all clips, (clips, frames, width)."""
        path = self.folders["features"] / "features.npy"
        with _whole(path.parent):
            return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))

    @functools.cached_property
    def tflite(self) -> bytes:
        """The model."""
        return (self.folders["quantize"] / "model.tflite").read_bytes()

    @functools.cached_property
    def graph(self) -> Graph:
        """The model, read."""
        return read(self.tflite)

    @functools.cached_property
    def backends(self) -> tuple[str, ...]:
        """Names of the back ends that can run the model, the reference first."""
        runs_on = read_json(self.folders["quantize"] / "quantize.json")["runs_on"]
        lacking = {
            "tflm": "tflm" not in runs_on,
            "cortex-m": load_board(self.project.firmware.board).core.name not in EMULATED,
        }
        return tuple(name for name in BACKENDS if not lacking.get(name, False))

    @functools.cached_property
    def generated(self) -> GeneratedModel:
        """The model's C."""
        project = self.project
        return generate(
            self.tflite,
            self.data.classes,
            project.frontend,
            project.samples,
            code_within(self.folders["convert"], project.firmware.code),
        )

    @functools.cached_property
    def image(self) -> Image:
        """The firmware."""
        board = load_board(self.project.firmware.board)
        return open_image(self.folders["firmware"] / "firmware.elf", board)

    @functools.cached_property
    def emulated(self) -> CortexMBackend:
        """The firmware in an emulated core."""
        kind = TflmFirmwareBackend if self.runtime == "tflm" else CortexMBackend
        return kind(self.image, self.generated)

    @functools.cached_property
    def runtime(self) -> str:
        """What runs the model in the firmware: "c" or "tflm"."""
        with _whole(self.folders["firmware"]):
            return str(read_json(self.folders["firmware"] / RUNTIME)["runtime"])

    @functools.cached_property
    def host(self) -> HostBackend:
        """The generated C on this machine."""
        return HostBackend(self.generated)

    def test_rows(self, count: int | None = None) -> NDArray[np.intp]:
        """Rows of the test clips, or at most `count` of them, evenly spread."""
        rows = np.flatnonzero(self.data.split == "test")
        order = np.argsort(self.data.labels[rows], kind="stable")
        rows = rows if count is None else spread_rows(rows[order], count)
        if len(rows) == 0:
            raise UserError(
                "There must be test clips. Received: none. Give a source a test split "
                "(test_fraction, test_speakers or assign)."
            )
        return rows

    def backend(self, name: str) -> Backend:
        """A back end for features (clips, frames, width), by name."""
        if name == "reference":
            return Shaped(ReferenceBackend(self.graph), self.graph)
        if name == "tflm":
            return Shaped(TflmBackend(self.tflite, guard=False), self.graph)
        return Shaped(self.host if name == "host" else self.emulated, self.graph)

    def feature_backend(self, name: str) -> FeatureBackend | None:
        """A front-end by name; None for `tflm`, which has none."""
        fe = self.project.frontend
        shape = (fe.frames(self.project.samples), fe.width)
        if name == "reference":
            return _Reference(self.project)
        if name == "host":
            return HostFrontEnd(fe)
        return _Reshaped(self.emulated, shape) if name == "cortex-m" else None


class Shaped:
    """A back end that takes windows of features, without the model's channel dimension."""

    def __init__(self, inner: Backend, graph: Graph) -> None:
        self.name = inner.name
        self._inner = inner
        self._shape = graph.tensors[graph.inputs[0]].shape

    def run(self, inputs: NDArray[np.generic]) -> dict[int, NDArray[np.generic]]:
        """See `simulate.backend.Backend.run`."""
        return self._inner.run(windows(inputs, self._shape))


class _Reference:
    """The definition of the front-end as a back end."""

    name = "reference"

    def __init__(self, project: Project) -> None:
        self._fe = project.frontend

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        return definition.features(clips, self._fe)


class _Reshaped:
    """The emulated front-end, its features shaped like everybody's."""

    def __init__(self, inner: CortexMBackend, shape: tuple[int, int]) -> None:
        self.name = inner.name
        self._inner = inner
        self._shape = shape

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        return self._inner.features(clips).reshape(len(clips), *self._shape)


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[None]:
    """Turn what a damaged or missing file of a stage leads to into a sentence."""
    try:
        yield
    except (OSError, ValueError, EOFError, LookupError, TypeError) as error:
        reason = getattr(error, "strerror", None) or str(error).rstrip(".") or type(error).__name__
        raise UserError(
            f"A build must be whole. Received: {folder}, which cannot be read ({reason}). "
            "Run wakesmith build again."
        ) from error


def _check_unchanged(path: Path, built: Built) -> None:
    """Refuse to judge a build by a project file that has been changed since.

    Raises:
        UserError: the classes, the clips' length or the front-end are not those of the build.
    """
    spec, data = built.project.data_spec(), built.data
    labels = (*spec.words, *(s.label for s in (spec.unknown, spec.silence) if s is not None))
    frontend = built.folders["features"] / "frontend.json"
    with _whole(frontend.parent):
        heard = FrontEnd.from_json(frontend.read_text(encoding="utf-8"))
    for what, now, then in (
        ("words", labels, data.classes),
        ("clip_seconds", built.project.samples, data.pcm.shape[1]),
        ("frontend", built.project.frontend, heard),
    ):
        if now != then:
            raise UserError(
                f"A build must be of the project file as it is now. Received: {path}, whose "
                f"{what} changed since. Run wakesmith build {path}."
            )


def open_built(path: Path, out: Path | None) -> Built:
    """Open the build of a project file.

    Raises:
        UserError: it has not been built up to the firmware, or not from the file as it is now.
    """
    project = load_project(path)
    folder = out if out is not None else Path("build") / project.project.name
    stages = folder / "stages"
    if not runs_as_c(project):
        spec = project.quantization
        runs_in = " and ".join(ENGINES[engine] for engine in spec.runs_on)
        raise UserError(
            "The model must run as C, which int8 models do. Received: quantization scheme "
            f"{spec.scheme}, whose models run in {runs_in} only. Choose qat_int8 or ptq_int8 in "
            f"{path}."
        )
    for stage, file in (
        ("speech", "clips.json"),
        ("quantize", "model.tflite"),
        ("convert", LAYERS),
        ("firmware", "firmware.elf"),
    ):
        if not (stages / stage / file).is_file():
            raise UserError(
                f"The project must be built first. Received: no {stage} in {folder}. "
                f"Run wakesmith build {path}."
            )
    names = ("speech", "features", "quantize", "convert", "firmware")
    built = Built(project, {name: stages / name for name in names})
    _check_unchanged(path, built)
    return built


def verify_project(
    path: Path, names: Sequence[str], *, clips: int, out: Path | None, say: Say
) -> bool:
    """Compare back ends on a built project's test clips; True when every byte is equal.

    Raises:
        UserError: the project is not built, or a back end's name is wrong.
    """
    names = check_names(names)
    built = open_built(path, out)
    scheme, board = built.project.quantization.scheme, built.project.firmware.board
    reasons = {
        "tflm": f"TFLite Micro cannot run models of {scheme}",
        "cortex-m": f"the core of {board} is not emulated here",
    }
    for name in names:
        if name not in built.backends:
            say(f"{reasons[name]}: compared without {name}")
    in_qemu = "cortex-m" in names and runs_in_qemu_only(built.image)
    names = check_names([name for name in names if name in built.backends])
    rows = built.test_rows(clips)
    with Meter("verifying") as meter:
        proofs, said = _proofs(built, names, rows, meter)
        if in_qemu:
            proofs.append(self_test_in_qemu(built.image))
            checks = proofs[-1].clips
            said.append(proofs[-1].first or f"{checks} checks of the self-test in QEMU are right")
    for sentence in said:
        say(sentence)
    compared, differing = sum(p.compared for p in proofs), sum(p.mismatches for p in proofs)
    say(f"{compared:,} bytes compared on {len(rows)} test clips, {differing:,} differ")
    return differing == 0


def _proofs(
    built: Built, names: Sequence[str], rows: NDArray[np.intp], progress: Progress
) -> tuple[list[Proof], list[str]]:
    """Of the features and of every layer, and what to say of them."""
    proofs: list[Proof] = []
    said: list[str] = []
    ears = {n: b for n in names if (b := built.feature_backend(n)) is not None}
    if len(ears) >= 2:
        proof, sentences = prove_features(ears, built.data.pcm[rows], progress)
        proofs.append(proof)
        said += sentences
    backends = {name: built.backend(name) for name in names}
    outcome = prove_layers(backends, built.graph, built.features[rows], progress)
    return [*proofs, outcome.proof], [*said, *outcome.sentences]
