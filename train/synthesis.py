"""Speech synthesis offline: espeak-ng from the PyPI wheel `espeakng-loader`, in worker processes.

The same list of utterances gives the same samples however many workers there are: espeak-ng
carries state from one utterance to the next, so the list is cut into fixed batches and every batch
starts from the same state (see `train.espeak_worker`).
"""

from __future__ import annotations

import contextlib
import difflib
import functools
import json
import os
import queue
import re
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.errors import SpecError, UserError
from train.audio import ClipError, is_silent, resample, to_int16

EXCLUDED_VARIANTS = frozenset(("whisper", "whisperf", "Demonic", "Tweaky"))
"""Variants that the default leaves out: whispers have no voice, the other two are not human."""

_MARGIN = 400  # samples kept on both sides when trimming: 25 ms
_BATCH = 32


@dataclass(frozen=True)
class Utterance:
    """One thing to say.

    Attributes:
        voice: espeak voice, or voice+variant: "en-us+f3".
        text: a word, or phonemes in espeak's notation as "[[z'i@roU]]".
        rate: words per minute, 80 to 450.
        pitch: 0 to 99.
        pitch_range: 0 (flat) to 99.
        seed: of the voice's breath noise and flutter.
    """

    voice: str
    text: str
    rate: int = 160
    pitch: int = 50
    pitch_range: int = 50
    seed: int = 1


@functools.lru_cache(maxsize=1)
def espeak_paths() -> tuple[str, str]:
    """Path of the shared library and of its data.

    Raises:
        UserError: the wheel is missing or holds no library for this machine.
    """
    try:
        import espeakng_loader

        library, data = espeakng_loader.get_library_path(), espeakng_loader.get_data_path()
    except (ImportError, OSError) as error:
        raise UserError(
            f"Speech synthesis must find the package espeakng-loader. Received: {error}. "
            "Install it with pip, or use recorded speech (sources of kind folder or index)."
        ) from error
    if not (Path(library).is_file() and Path(data).is_dir()):
        raise UserError(
            f"espeakng-loader must hold a library for this machine. Received: none at {library}."
        )
    return str(library), str(data)


@functools.lru_cache(maxsize=1)
def voices() -> tuple[str, ...]:
    """Names of all voices, which are those of espeak's voice files: "en", not "en-gb"; "fr"."""
    root = Path(espeak_paths()[1]) / "lang"
    return tuple(sorted(path.name for path in root.rglob("*") if path.is_file()))


def english_voices() -> tuple[str, ...]:
    """All English accents, without the one that reads the Shavian alphabet."""
    return tuple(v for v in voices() if (v == "en" or v.startswith("en-")) and v != "en-Shaw")


@functools.lru_cache(maxsize=1)
def variants() -> tuple[str, ...]:
    """Names of all voice variants ("f1", "croak", ...)."""
    root = Path(espeak_paths()[1]) / "voices" / "!v"
    return tuple(sorted(path.name for path in root.iterdir() if path.is_file()))


@functools.lru_cache(maxsize=1)
def klatt_variants() -> tuple[str, ...]:
    """Names of the variants that espeak's second synthesiser speaks, after Klatt (1980).

    It sends a model of the glottis through resonators, where the usual one adds up peaks of the
    spectrum, which leaves next to nothing between formants.
    """
    root = Path(espeak_paths()[1]) / "voices" / "!v"
    return tuple(
        name
        for name in variants()
        if re.search(r"^klatt\s+[1-9]", (root / name).read_text("utf-8", "replace"), re.MULTILINE)
    )


def check_voice(name: str) -> str:
    """The voice's name as espeak spells it.

    Raises:
        SpecError: there is no such voice; close names are listed.
    """
    return _find("voice", name, voices())


def check_variant(name: str) -> str:
    """The variant's name as espeak spells it.

    espeak itself takes any variant without a word and then speaks without one.

    Raises:
        SpecError: there is no such variant; close names are listed.
    """
    return _find("voice variant", name, variants())


def _find(what: str, name: str, known: Sequence[str]) -> str:
    folded = {k.casefold(): k for k in known}
    if name.casefold() in folded:
        return folded[name.casefold()]
    close = difflib.get_close_matches(name.casefold(), folded, n=4, cutoff=0.5)
    stem = name.casefold().split("-")[0]
    close = ([stem] if stem in folded and stem not in close else []) + close
    hint = ", ".join(folded[c] for c in close) if close else ", ".join(known[:12]) + ", ..."
    raise SpecError(f"A {what} must be one that espeak-ng has. Received: {name!r}. Near: {hint}.")


def synthesise(
    utterances: Sequence[Utterance],
    workers: int = 0,
    progress: Callable[[int, int, str], None] | None = None,
) -> list[NDArray[np.int16] | ClipError]:
    """Speak every utterance; the order of the results is that of `utterances`.

    Args:
        utterances: what to say; voices must exist (`check_voice`, `check_variant`).
        workers: processes; 0 takes one per core.
        progress: called as `progress(done, total, text)` from this thread.

    Returns:
        For each utterance int16 at 16 kHz, trimmed to the speech, shape (samples,); or the reason
        why there is none.

    Raises:
        UserError: espeak-ng cannot be run.
    """
    total = len(utterances)
    results: list[NDArray[np.int16] | ClipError | None] = [None] * total
    if not total:
        return []
    count = min(workers or os.cpu_count() or 1, -(-total // _BATCH))
    jobs: queue.SimpleQueue[int] = queue.SimpleQueue()
    # Voices of one language together: loading a language's dictionary costs more than speaking.
    order = sorted(range(total), key=lambda i: (utterances[i].voice, i))
    for first in range(0, total, _BATCH):
        jobs.put(first)
    told: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()
    stop = threading.Event()
    with _scratch() as (library, data):

        def run() -> None:
            try:
                with _Worker(library, data) as worker:
                    while not stop.is_set():
                        try:
                            first = jobs.get_nowait()
                        except queue.Empty:
                            break
                        batch = order[first : first + _BATCH]
                        spoken = worker.speak([utterances[i] for i in batch])
                        for index, result in zip(batch, spoken, strict=True):
                            results[index] = result
                        told.put(len(batch))
                told.put(0)
            except BaseException as error:  # handed to the caller's thread, raised there
                told.put(error)

        threads = [threading.Thread(target=run, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        done, running = 0, count
        try:
            while running:
                message = told.get()
                if isinstance(message, BaseException):
                    raise message
                running -= message == 0
                done += message
                if progress and message:
                    progress(done, total, "synthesising speech")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
    return [r if r is not None else ClipError("missing", "", "Lost.") for r in results]


_SPELLED: dict[tuple[str, str], str] = {}


def phonemes(*texts: str, voice: str = "en") -> tuple[str, ...]:
    """The phonemes of texts in espeak's notation, as `voice` would say them.

    Raises:
        UserError: espeak-ng cannot be run.
    """
    new = [text for text in dict.fromkeys(texts) if (voice, text) not in _SPELLED]
    if new:
        with _scratch() as (library, data), _Worker(library, data) as worker:
            for text in new:
                _SPELLED[voice, text] = worker.spell(text, voice)
    return tuple(_SPELLED[voice, text] for text in texts)


@contextlib.contextmanager
def _scratch() -> Iterator[tuple[str, str]]:
    """Paths of library and data; a short one for data, which espeak keeps in a short array."""
    library, data = espeak_paths()
    with tempfile.TemporaryDirectory(prefix="wakesmith-") as scratch:
        short = Path(scratch) / "d"
        short.symlink_to(data, target_is_directory=True)
        yield library, str(short)


class _Worker:
    """One process of `train.espeak_worker` and the conversation with it."""

    def __init__(self, library: str, data: str) -> None:
        script = Path(__file__).with_name("espeak_worker.py")
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(script), library, data],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd="/",
            env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
        )
        try:
            (self.rate,) = struct.unpack("<i", self._read(4))
        except UserError:
            self.process.kill()
            raise
        if self.rate <= 0:
            self.close()
            raise UserError(f"espeak-ng must start. Received: error {self.rate} from its library.")

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        process = self.process
        for stream in (process.stdin, process.stdout, process.stderr):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _read(self, count: int) -> bytes:
        assert self.process.stdout is not None
        data = self.process.stdout.read(count)
        if len(data) != count:
            assert self.process.stderr is not None
            lines = self.process.stderr.read().decode("utf-8", "replace").strip().splitlines()
            raise UserError(
                "The speech synthesis process must keep running. "
                f"Received: {lines[-1] if lines else 'its end'}."
            )
        return data

    def _send(self, jobs: list[dict[str, object]]) -> None:
        assert self.process.stdin is not None
        try:
            self.process.stdin.write((json.dumps(jobs) + "\n").encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            self._read(1)  # says why

    def speak(self, batch: Sequence[Utterance]) -> list[NDArray[np.int16] | ClipError]:
        """Speak a batch."""
        jobs: list[dict[str, object]] = [
            {
                "voice": u.voice,
                "text": u.text,
                "phonemes": "[[" in u.text,
                "rate": u.rate,
                "pitch": u.pitch,
                "range": u.pitch_range,
                "seed": u.seed,
            }
            for u in batch
        ]
        self._send(jobs)
        return [self._answer(u) for u in batch]

    def spell(self, text: str, voice: str) -> str:
        """See `phonemes`."""
        self._send([{"voice": voice, "text": text, "spell": True}])
        status, length = struct.unpack("<II", self._read(8))
        data = self._read(length)
        if status:
            raise UserError(
                f"espeak-ng must know how to say a word. Received: {text!r} in {voice}."
            )
        return data.decode("utf-8", "replace").strip()

    def _answer(self, utterance: Utterance) -> NDArray[np.int16] | ClipError:
        status, length = struct.unpack("<II", self._read(8))
        samples = np.frombuffer(self._read(length), "<i2")
        name = f"{utterance.text} by {utterance.voice}"
        if status == 1:
            return ClipError("missing", name, "A voice must be one that espeak-ng has.")
        if status:
            what = {3: "crash", 4: "hang"}.get(status, f"fail ({status})")
            return ClipError("damaged", name, f"espeak-ng must not {what}.")
        pcm = trim(to_int16(resample(samples.astype(np.float32) / 32768, self.rate)))
        if is_silent(pcm):
            return ClipError("silent", name, "Synthesised speech must contain sound.")
        return pcm


def trim(pcm: NDArray[np.int16], below_db: float = -45.0) -> NDArray[np.int16]:
    """Cut off what is quieter than `below_db` under the peak at both ends, but for 25 ms."""
    if not pcm.size:
        return pcm
    level = np.abs(pcm.astype(np.int32))
    loud = np.flatnonzero(level > level.max() * 10 ** (below_db / 20))
    if not loud.size:
        return pcm
    return pcm[max(0, loud[0] - _MARGIN) : loud[-1] + 1 + _MARGIN]


def check_text(text: str) -> str:
    """A word or "[[phonemes]]" that can be spoken.

    Raises:
        SpecError: nothing in it can be spoken, or brackets do not match.
    """
    inner = text.strip()
    balanced = inner.count("[[") == inner.count("]]") <= 1
    if not re.search(r"\w", inner) or not balanced or len(inner) > 200 or "\n" in inner:
        raise SpecError(
            "A word to speak must be one line of up to 200 letters, or phonemes in double "
            f"brackets. Received: {text!r}."
        )
    return inner
