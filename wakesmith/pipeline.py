"""A line of stages, each remembered by the hash of everything that it reads.

A stage fills an empty folder; when it returns, the folder is renamed into place together with a
record of its key and of the hash of each file. A stage whose key is unchanged is not run again, and
a stage that makes the same bytes as before does not wake the stages after it. Whatever ends the run
(Ctrl-C, a kill, a full disk), a stage folder is the old one, the new one or absent, never a part.

The folder is held by an flock, which the kernel drops with the process: no stale locks.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from convert.errors import UserError
from convert.files import write_text
from firmware.errors import FirmwareError
from wakesmith.codehash import code_hash, package_versions
from wakesmith.interrupts import Interrupts
from wakesmith.job import RECORD, SETTINGS, Job, file_hashes
from wakesmith.store import write_json

LOCK = ".lock"
"""Name of the file in a build folder that a running build holds; it makes a folder a build's."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class StoppedError(Exception):
    """Ctrl-C in a stage; `finished` are the stages whose results are kept."""

    def __init__(self, stage: str, finished: Sequence[str]) -> None:
        kept = f"Finished stages are kept ({', '.join(finished)}). " if finished else ""
        super().__init__(f"Stopped in stage {stage}. {kept}Run the same command again to go on.")
        self.stage = stage
        self.finished = tuple(finished)


@dataclass(frozen=True)
class Stage:
    """One stage.

    Attributes:
        name: its folder under `stages`, which may be in others ("compare/log4-seed1/quantize").
        doing: what the progress bar says, e.g. "collect speech".
        run: fills `job.out`.
        needs: stages whose files it reads, each before it in the line.
        reads: everything else that decides its result, JSON-able.
        modules: dotted names of our modules that it runs; what they import is found.
        data: rooms whose C sources, linker scripts or templates it reads.
        packages: distributions whose version decides its result.
        folders: name in `needs` -> stage that stands for it, where that has another name.
        optional: where what it is given cannot be done, `Pipeline.run` may go on without it.
        settings: JSON-able, written beside the result whenever that is good for them; no part of
            the result and of its key.
    """

    name: str
    doing: str
    run: Callable[[Job], None]
    needs: tuple[str, ...] = ()
    reads: Any = None
    modules: tuple[str, ...] = ()
    data: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    folders: Mapping[str, str] = field(default_factory=dict)
    optional: bool = False
    settings: Any = None

    @property
    def inputs(self) -> dict[str, str]:
        """Name in `needs` -> name of the stage whose files it reads."""
        return {name: self.folders.get(name, name) for name in self.needs}


class Watcher(Protocol):
    """Told what happens; see `wakesmith.console`."""

    def kept(self, stage: Stage) -> None:
        """The stage's result is still good."""

    def started(self, stage: Stage) -> None:
        """The stage runs now."""

    def progress(self, stage: Stage, done: int, total: int, text: str) -> None:
        """The stage has got this far; `total` is 0 when unknown."""

    def finished(self, stage: Stage, seconds: float) -> None:
        """The stage's result is in place."""


class Pipeline:
    """Runs stages into folders under `folder`.

    Args:
        folder: the build folder; made when missing.
        stages: in order; a stage may need only earlier ones.
    """

    def __init__(self, folder: Path, stages: Sequence[Stage]) -> None:
        seen: set[str] = set()
        for stage in stages:
            missing = set(stage.inputs.values()) - seen
            if missing:
                raise ValueError(f"Stage {stage.name} needs {sorted(missing)}, not before it.")
            seen.add(stage.name)
        self.folder = folder
        self.stages = tuple(stages)

    def place(self, name: str) -> Path:
        """Folder of a stage's result."""
        return self.folder / "stages" / name

    def run(
        self,
        watcher: Watcher,
        *,
        until: str | None = None,
        force: bool = False,
        then: Callable[[], None] | None = None,
        refused: dict[str, str] | None = None,
    ) -> list[str]:
        """Run what is not up to date.

        Args:
            watcher: told about every step.
            until: name of the last stage to run; all when None.
            force: run every stage even if nothing changed.
            then: called at the end, while the folder is still held.
            refused: filled with optional stage -> why it could not be done (a sentence). Stages
                that need such a one are left out. None: the first such error ends the run.

        Returns:
            Names of the stages that were run.

        Raises:
            UserError: unknown stage, folder in use by another build, full disk.
            StoppedError: Ctrl-C.
        """
        names = [stage.name for stage in self.stages]
        if until is not None and until not in names:
            raise UserError(f"--until must be one of {', '.join(names)}. Received: {until}.")
        wanted = self.stages[: names.index(until) + 1] if until else self.stages
        ran: list[str] = []
        results: dict[str, str] = {}
        with locked(self.folder), Interrupts() as interrupts:
            self._clear_leftovers()
            stage = self.stages[0]
            try:
                for stage in wanted:
                    if any(name not in results for name in stage.inputs.values()):
                        continue
                    interrupts.check()
                    key = self._key(stage, results)
                    record = None if force else self._record(stage.name, key)
                    if record is not None:
                        watcher.kept(stage)
                        results[stage.name] = record
                    elif result := self._made(stage, key, watcher, interrupts, refused):
                        results[stage.name] = result
                        ran.append(stage.name)
                    if stage.settings is not None and stage.name in results:
                        with full_disk_named(self.folder):
                            write_json(self.place(stage.name) / SETTINGS, stage.settings)
                if then is not None:
                    with full_disk_named(self.folder):
                        then()
            except KeyboardInterrupt:
                raise StoppedError(stage.name, list(results)) from None
        return ran

    def _made(
        self,
        stage: Stage,
        key: str,
        watcher: Watcher,
        interrupts: Interrupts,
        refused: dict[str, str] | None,
    ) -> str:
        """Run a stage; its result hash, or "" when it could not be done and that is in `refused`.

        Raises:
            KeyboardInterrupt: Ctrl-C, also where a library made another error of it.
        """
        watcher.started(stage)
        begin = time.monotonic()
        try:
            result = self._run_one(stage, key, watcher, interrupts)
        except BaseException as error:
            if interrupts.pressed:
                raise KeyboardInterrupt from None
            if not (stage.optional and refused is not None and _is_told(error)):
                raise
            refused[stage.name] = " ".join(str(error).split())
            return ""
        watcher.finished(stage, time.monotonic() - begin)
        return result

    def _key(self, stage: Stage, results: Mapping[str, str]) -> str:
        reads = {
            "stage": stage.name,
            "reads": stage.reads,
            "inputs": {name: results[folder] for name, folder in stage.inputs.items()},
            "code": code_hash(stage.modules, stage.data),
            "packages": package_versions(stage.packages),
        }
        return hashlib.sha256(json.dumps(reads, sort_keys=True).encode()).hexdigest()

    def _record(self, name: str, key: str) -> str | None:
        """Result hash of the stage when its key fits and its files are whole, else None."""
        place = self.place(name)
        try:
            record = json.loads((place / RECORD).read_text(encoding="utf-8"))
            if record["key"] != key or record["files"] != file_hashes(place):
                return None
            return str(record["result"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _run_one(self, stage: Stage, key: str, watcher: Watcher, interrupts: Interrupts) -> str:
        def progress(done: int, total: int, text: str) -> None:
            interrupts.check()
            watcher.progress(stage, done, total, text)

        place = self.place(stage.name)
        with full_disk_named(self.folder):
            place.parent.mkdir(parents=True, exist_ok=True)
            temporary = Path(tempfile.mkdtemp(prefix=f".{place.name}-", dir=place.parent))
            try:
                inputs = {name: self.place(folder) for name, folder in stage.inputs.items()}
                job = Job(temporary, inputs, progress)
                stage.run(job)
                files = file_hashes(temporary)
                result = hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()
                record = {"stage": stage.name, "key": key, "result": result, "files": files}
                write_text(temporary / RECORD, json.dumps(record, indent=1, sort_keys=True) + "\n")
                temporary.chmod(0o755)
                if place.exists():
                    # Renaming onto a folder needs it empty: move the old one out of the way first.
                    place.rename(place.with_name(f".{place.name}-old"))
                temporary.rename(place)
            finally:
                self._clear_leftovers()
        return result

    def _clear_leftovers(self) -> None:
        """Remove temporary folders, also those of a process that was killed."""
        for parent in {self.place(stage.name).parent for stage in self.stages}:
            for path in parent.glob(".*-*") if parent.is_dir() else ():
                shutil.rmtree(path, ignore_errors=True)


def _is_told(error: BaseException) -> bool:
    """Whether an error is one sentence for the user that concerns this stage, not the disk."""
    return isinstance(error, UserError | FirmwareError) and not is_full_disk(error)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the build folder, so that two builds never write into it at once.

    Raises:
        UserError: another process holds it, or it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise UserError(
            f"The build folder must be writable. Received: {folder} ({error.strerror}). "
            "Choose another with --out."
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(handle, 32, 0).decode(errors="replace").strip() or "unknown"
            raise UserError(
                f"A build folder must be used by one build at a time. Received: {folder}, in use "
                f"by process {holder}. Wait for it or choose another with --out."
            ) from error
        with contextlib.suppress(OSError):  # the number is a courtesy; the lock is the flock
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def full_disk_named(folder: Path) -> Iterator[None]:
    """Turn "no space left" in any of its disguises into a sentence."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_full_disk(error):
            raise
        free = shutil.disk_usage(folder).free if folder.exists() else 0
        raise UserError(
            f"The disk must have room for the build. Received: {error or type(error).__name__} in "
            f"{folder} ({free // 2**20} MB free). Free some space and run the same command again; "
            "finished stages are kept."
        ) from error


def is_full_disk(error: BaseException) -> bool:
    """True for ENOSPC and its kin, also when a library hid the number in a text."""
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    text = str(error)
    short_write = isinstance(error, OSError) and "requested and" in text and "written" in text
    return short_write or "No space left on device" in text or "File too large" in text
