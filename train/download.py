"""Public speech sets: fetched from their homes, checked, unpacked safely, cached.

Checksums, and where they were published:

- Speech Commands v0.02: SHA-256 and size as TensorFlow Datasets and torchaudio pin them.
- FSDD v1.0.10: GitHub makes the archive of a tag on demand and publishes no checksum; the SHA-256
  and size here are those of one public audit of the tag's zip (2026). Should GitHub ever pack the
  same files differently, the error shows both sums and the project file's `sha256` decides.
- Arabic Speech Commands: no checksum of a directly fetchable archive was found published. The first
  fetch therefore stops and shows the sum of what came; it is used only once the project file holds
  that sum (trust on first use, said aloud).

Everything lands in `WAKESMITH_CACHE` or `~/.cache/wakesmith`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import TYPE_CHECKING

from convert.errors import SpecError, UserError
from train.sources.base import Context, Progress, resolve
from train.unpack import unpack

if TYPE_CHECKING:
    from train.sources.public import PublicSource

_BLOCK = 1 << 18
_MOST_TRIES = 100
_INSTEAD = (
    "Without a network use sources of kind synthetic, folder or index, or fetch the archive "
    "elsewhere and name it in the source's path."
)


@dataclass(frozen=True)
class Archive:
    """A public set's archive.

    Attributes:
        name: short name, also the cache folder's.
        url: official home.
        filename: the archive's name; its ending says how it is packed.
        sha256: pinned checksum, "" where none is published.
        size: bytes of the archive, 0 where unknown.
        max_bytes: most that the archive may have where `size` is unknown.
        max_unpacked: most bytes that it may unpack to.
        licence: licence of the recordings.
    """

    name: str
    url: str
    filename: str
    sha256: str
    size: int
    max_bytes: int
    max_unpacked: int
    licence: str


SPEECH_COMMANDS = Archive(
    name="speech_commands_v0.02",
    url="https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
    filename="speech_commands_v0.02.tar.gz",
    sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
    size=2_428_923_189,
    max_bytes=2_428_923_189,
    max_unpacked=6_000_000_000,
    licence="CC BY 4.0",
)
FSDD = Archive(
    name="fsdd-1.0.10",
    url="https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.zip",
    filename="free-spoken-digit-dataset-1.0.10.zip",
    sha256="c680098f5d2355ba7cc4bd8b0ca9e0a24c00ebe3b4c552208889a4d28d4fbc2b",
    size=16_419_872,
    max_bytes=64_000_000,
    max_unpacked=200_000_000,
    licence="CC BY-SA 4.0",
)
ARABIC_COMMANDS = Archive(
    name="arabic_commands",
    url="https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset/archive/master.zip",
    filename="arabic-speech-commands-dataset.zip",
    sha256="",
    size=0,
    max_bytes=2_000_000_000,
    max_unpacked=4_000_000_000,
    licence="CC BY 4.0",
)


def cache_root() -> Path:
    """`WAKESMITH_CACHE`, or `~/.cache/wakesmith`."""
    named = os.environ.get("WAKESMITH_CACHE", "")
    return Path(named).expanduser() if named else Path.home() / ".cache" / "wakesmith"


def obtain(archive: Archive, source: PublicSource, context: Context) -> Path:
    """Folder of the unpacked set: the user's own copy, the cache's, or a fresh one.

    Raises:
        SpecError: the source's path does not exist.
        UserError: it cannot be fetched, is damaged, or its checksum has to be confirmed first.
    """
    wanted = (source.sha256 or archive.sha256).lower()
    if source.path:
        given = resolve(source.path, context.base)
        if given.is_dir():
            return _inner(given)
        if not given.is_file():
            raise SpecError(f"A source's path must be a folder or an archive. Received: {given}.")
        total = _sha256(given)
        if wanted:
            _compare(archive, total, wanted, f"{given}", source)
        return _unpacked(archive, given, total)
    if wanted and (folder := _cached(archive, wanted)) is not None:
        return folder
    url = source.url or archive.url
    size = archive.size if wanted == archive.sha256 else 0
    packed = cache_root() / "downloads" / f"{archive.name}-{archive.filename}"
    with _lock(packed.with_name(packed.name + ".lock")):
        if wanted and (folder := _cached(archive, wanted)) is not None:
            return folder
        if not packed.is_file():
            fetch(url, packed, size=size, max_bytes=archive.max_bytes, progress=context.progress)
        total = _sha256(packed)
        if not wanted:
            raise UserError(
                f"The checksum of {archive.name} must be confirmed: its home publishes none. "
                f'Received: {url} gave sha256 {total}. If you trust it, add sha256 = "{total}" '
                "to the source and run again; nothing is fetched twice."
            )
        if total != wanted:
            packed.unlink()
            _compare(archive, total, wanted, url, source)
        folder = _unpacked(archive, packed, total)
        packed.unlink()
        return folder


def _compare(archive: Archive, total: str, wanted: str, place: str, source: PublicSource) -> None:
    if total == wanted:
        return
    hint = (
        "Correct the source's sha256"
        if source.sha256
        else "Try again, or, if you trust this file, put its sum into the source's sha256"
    )
    raise UserError(
        f"The archive of {archive.name} must have sha256 {wanted}. Received: {total} from {place}. "
        f"It was damaged on the way or has changed. {hint}."
    )


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _home(archive: Archive, total: str) -> Path:
    return cache_root() / "datasets" / f"{archive.name}-{total[:16]}"


def _cached(archive: Archive, total: str) -> Path | None:
    folder = _home(archive, total)
    return _inner(folder) if folder.is_dir() else None


def _inner(folder: Path) -> Path:
    """Where the set begins: archives often hold one folder that holds everything."""
    for _ in range(3):
        entries = [p for p in folder.iterdir() if not p.name.startswith((".", "__MACOSX"))]
        if len(entries) == 1 and entries[0].is_dir() and not any(entries[0].glob("*.wav")):
            folder = entries[0]
        else:
            break
    return folder


def _unpacked(archive: Archive, packed: Path, total: str) -> Path:
    """Unpack beside the final place, then rename: the cache never holds half a set."""
    final = _home(archive, total)
    if final.is_dir():
        return _inner(final)
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(dir=final.parent, prefix=final.name + "."))
    except OSError as error:
        raise UserError(_no_room(final.parent, error)) from error
    try:
        unpack(packed, scratch, max_bytes=archive.max_unpacked)
        scratch.chmod(0o755)
        scratch.replace(final)
    except OSError as error:
        if not final.is_dir():
            raise UserError(_no_room(final, error)) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return _inner(final)


def _no_room(place: Path, error: OSError) -> str:
    return (
        f"The cache must be writable. Received: {error.strerror or error} at {place}. "
        "Free some space or set WAKESMITH_CACHE to another folder."
    )


@contextlib.contextmanager
def _lock(path: Path) -> Iterator[None]:
    """One process at a time; the others wait for it and then find its work done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("w")
    except OSError as error:
        raise UserError(_no_room(path.parent, error)) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class _AgainError(Exception):
    """A passing failure: worth another try from where the file ends."""


def fetch(
    url: str,
    target: Path,
    *,
    size: int = 0,
    max_bytes: int = 1 << 32,
    progress: Progress | None = None,
    timeout: float = 30.0,
    pauses: tuple[float, ...] = (1.0, 3.0, 9.0, 20.0),
) -> None:
    """Download to `target`, resuming what `target`.part already holds.

    A resumed transfer asks with the entity tag of the first one (RFC 9110, If-Range), so parts of
    two versions are never joined; servers that ignore ranges are started over.

    Args:
        url: http or https.
        target: file to make; it appears only when whole.
        size: bytes expected, 0 if unknown.
        max_bytes: give up beyond this.
        progress: called with kilobytes done and in total.
        timeout: seconds without any data before a try ends.
        pauses: seconds between tries that bring nothing; each try that brings data starts anew.

    Raises:
        UserError: no network, refused by the server, wrong size, or a full disk.
    """
    if urllib.parse.urlsplit(url).scheme not in ("http", "https"):
        raise SpecError(f"url must begin with http:// or https://. Received: {url!r}.")
    part = target.with_name(target.name + ".part")
    note = target.with_name(target.name + ".part.json")
    tries = 0
    for _ in range(_MOST_TRIES):
        before = part.stat().st_size if part.is_file() else 0
        try:
            _transfer(url, part, note, size, max_bytes, progress, timeout)
            break
        except _AgainError as error:
            tries = 0 if part.is_file() and part.stat().st_size > before else tries + 1
            if tries > len(pauses):
                host = urllib.parse.urlsplit(url).netloc
                raise UserError(
                    f"{host} must be reachable to fetch {target.name}. "
                    f"Received: {error}. {_INSTEAD}"
                ) from error
            time.sleep(pauses[max(0, tries - 1)] if pauses else 0.0)
        except OSError as error:
            raise UserError(_no_room(part, error)) from error
    else:
        raise UserError(
            f"{url} must come in at most {_MOST_TRIES} pieces. Received: as many. {_INSTEAD}"
        )
    part.replace(target)
    note.unlink(missing_ok=True)


def _transfer(
    url: str,
    part: Path,
    note: Path,
    size: int,
    max_bytes: int,
    progress: Progress | None,
    timeout: float,
) -> None:
    """One try: _AgainError when another may help, OSError for the local disk only."""
    part.parent.mkdir(parents=True, exist_ok=True)
    start, tag = 0, ""
    if part.is_file() and note.is_file():
        with contextlib.suppress(ValueError, OSError):
            kept = json.loads(note.read_text("utf-8"))
            if kept.get("url") == url:
                start, tag = part.stat().st_size, str(kept.get("tag", ""))
    request = urllib.request.Request(url, headers={"User-Agent": "wakesmith"})
    if start:
        request.add_header("Range", f"bytes={start}-")
        if tag:
            request.add_header("If-Range", tag)
    try:
        response = urllib.request.urlopen(request, timeout=timeout)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # the part is whole, or longer than the file: begin again
            part.unlink(missing_ok=True)
            raise _AgainError("a range that the server does not have") from error
        if error.code in (408, 425, 429) or error.code >= 500:
            raise _AgainError(f"HTTP {error.code} {error.reason}") from error
        raise UserError(
            f"{url} must be there to fetch. Received: HTTP {error.code} {error.reason}. {_INSTEAD}"
        ) from error
    except (urllib.error.URLError, OSError, HTTPException) as error:
        raise _AgainError(str(getattr(error, "reason", error)) or type(error).__name__) from error
    with response:
        if start:
            span = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if response.status != 206 or not span or int(span[1]) != start:
                start = 0  # the server sends the whole file
                if response.status == 206:
                    part.unlink(missing_ok=True)
                    raise _AgainError("a range that was not asked for")
        length = response.headers.get("Content-Length", "")
        total = start + int(length) if length.isdigit() else 0
        if size and total and total != size:
            raise UserError(
                f"{url} must have {size} bytes. Received: {total}. It has changed; give the "
                "source another url, or the sha256 of the new file."
            )
        if total > max_bytes:
            raise UserError(f"{url} must have at most {max_bytes} bytes. Received: {total}.")
        tag = response.headers.get("ETag", "")
        if tag.startswith("W/"):
            tag = response.headers.get("Last-Modified", "")
        note.write_text(json.dumps({"url": url, "tag": tag}), "utf-8")
        done = start
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            while True:
                try:
                    block = response.read(_BLOCK)
                except (OSError, HTTPException) as error:
                    raise _AgainError(str(error) or type(error).__name__) from error
                if not block:
                    break
                done += len(block)
                if done > max_bytes:
                    raise UserError(f"{url} must have at most {max_bytes} bytes. Received: more.")
                file.write(block)
                if progress:
                    progress(done // 1024, max(total, size, done) // 1024, f"fetching {part.stem}")
        if total and done < total:
            raise _AgainError(f"{done} of {total} bytes")
        if size and done != size:
            raise _AgainError(f"{done} of {size} bytes")
