"""Reading speech clips: WAV or FLAC of any rate, depth and channel count → 16 kHz mono int16.

A clip that cannot be used raises `ClipError` with a typed reason; nothing that a file may contain
leads to another exception, to a hang, or to an allocation larger than the stated limit: the header
is checked before samples are read, and samples are read in bounded pieces.
"""

from __future__ import annotations

import os
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from convert.errors import UserError

SAMPLE_RATE = 16_000
"""Hertz; the one rate at which everything after this module works."""

Reason = Literal[
    "missing",
    "empty",
    "not audio",
    "unsupported",
    "damaged",
    "truncated",
    "too long",
    "too short",
    "silent",
]

MAX_SECONDS = 120.0
MIN_SECONDS = 0.08
SILENCE_PEAK = 16
"""A clip whose samples stay this close to their mean (of 32768) is silent: -66 dB of full scale."""

_MAX_CHANNELS = 32
_RATES = (4_000, 384_000)
_SUBTYPES = frozenset(
    ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
)
_BLOCK = 1 << 16


class ClipError(UserError):
    """A clip cannot be used.

    Attributes:
        reason: one of `Reason`.
        path: the file.
    """

    def __init__(self, reason: Reason, path: Path | str, detail: str) -> None:
        super().__init__(f"{detail} Received: {path}.")
        self.reason: Reason = reason
        self.path = str(path)
        self.detail = detail


@dataclass(frozen=True, eq=False)
class Clip:
    """One clip as the rest of wakesmith sees it.

    Attributes:
        pcm: int16, shape (samples,), 16 kHz, mono.
        rate: sample rate of the file in hertz.
        channels: channel count of the file.
    """

    pcm: NDArray[np.int16]
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """Length at 16 kHz."""
        return self.pcm.size / SAMPLE_RATE


def to_int16(samples: NDArray[np.floating]) -> NDArray[np.int16]:
    """Samples in units of full scale (±1) → int16, rounded to nearest, saturated."""
    scaled = np.rint(np.asarray(samples, np.float64) * 32768.0)
    return np.clip(scaled, -32768, 32767).astype(np.int16)


def resample(
    samples: NDArray[np.floating], rate: float, to: float = SAMPLE_RATE
) -> NDArray[np.float32]:
    """Resample (soxr, high quality); float32 of shape (round(n * to / rate),)."""
    if rate == to:
        return np.asarray(samples, np.float32)
    return np.asarray(soxr.resample(np.asarray(samples, np.float32), rate, to, quality="HQ"))


def read_clip(
    path: Path | str,
    *,
    max_seconds: float = MAX_SECONDS,
    min_seconds: float = MIN_SECONDS,
    allow_silence: bool = False,
) -> Clip:
    """Read one WAV or FLAC file.

    Channels are averaged (the loudest one is taken where they cancel), then resampled to 16 kHz.
    A 16-bit mono 16 kHz file comes back with its own samples.

    Args:
        path: the file.
        max_seconds: longer files are refused before their samples are read.
        min_seconds: shorter files are refused.
        allow_silence: accept clips without any sound (background recordings).

    Raises:
        ClipError: the clip cannot be used; `reason` says why.
    """
    path = Path(path)
    _sniff(path)
    try:
        with soundfile.SoundFile(os.fspath(path)) as file:
            rate, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
            _check_header(path, file, max_seconds, min_seconds)
            limit = int(max_seconds * rate)
            blocks, count = [], 0
            while count <= limit:
                block = file.read(min(_BLOCK, limit + 1 - count), dtype="float32", always_2d=True)
                if not len(block):
                    break
                blocks.append(block)
                count += len(block)
    except ClipError:
        raise
    except (
        RuntimeError,
        OSError,
        ValueError,
        TypeError,
    ) as error:  # soundfile's own are RuntimeErrors
        raise ClipError("damaged", path, f"A clip must be decodable ({_short(error)}).") from error
    if count > limit:
        raise ClipError("too long", path, f"A clip must last at most {max_seconds:g} s.")
    if count < frames:
        raise ClipError(
            "truncated",
            path,
            f"A clip must hold the {frames} frames its header promises, not {count}.",
        )
    samples = np.concatenate(blocks) if blocks else np.zeros((0, channels), np.float32)
    if not np.isfinite(samples).all():
        raise ClipError("damaged", path, "A clip's samples must be finite numbers.")
    if count < min_seconds * rate:
        raise ClipError("too short", path, f"A clip must last at least {min_seconds:g} s.")
    pcm = to_int16(resample(_mono(np.clip(samples, -1.0, 1.0)), rate))
    if not allow_silence and is_silent(pcm):
        raise ClipError("silent", path, "A clip must contain sound.")
    return Clip(pcm, rate, channels)


def is_silent(pcm: NDArray[np.int16]) -> bool:
    """True when no sample is further than `SILENCE_PEAK` from the clip's mean."""
    if pcm.size == 0:
        return True
    wide = pcm.astype(np.int32)
    return bool(np.max(np.abs(wide - int(np.mean(wide)))) <= SILENCE_PEAK)


def fit_length(pcm: NDArray[np.int16], samples: int) -> NDArray[np.int16]:
    """Bring a clip to exactly `samples` samples.

    Shorter clips get zeros on both sides. Longer ones are cropped to the loudest window; where
    several windows are as loud (to a thousandth), the middle one of them, so that the word sits
    in the centre.

    Args:
        pcm: int16, shape (n,).
        samples: wanted length.

    Returns:
        int16, shape (samples,).
    """
    extra = samples - pcm.size
    if extra == 0:
        return pcm
    if extra > 0:
        return np.pad(pcm, (extra // 2, extra - extra // 2))
    start = loudest_window(pcm, samples)
    return pcm[start : start + samples]


def loudest_window(pcm: NDArray[np.int16], samples: int) -> int:
    """Start of the loudest window of `samples` samples (see `fit_length`)."""
    wide = pcm.astype(np.int64)
    total = np.concatenate(([0], np.cumsum(wide * wide)))
    energy = total[samples:] - total[:-samples]
    best = energy.max()
    near = np.flatnonzero(energy >= best - best // 1000)
    return int(near[len(near) // 2])


def _mono(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of the channels; the loudest channel where the mean cancels."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean = samples.mean(axis=1, dtype=np.float64)
    powers = np.var(samples, axis=0, dtype=np.float64)
    loudest = int(np.argmax(powers))
    if np.var(mean) < 0.01 * powers[loudest]:
        return samples[:, loudest]
    return mean.astype(np.float32)


def _short(error: BaseException) -> str:
    """First line of a library's message, without the path in it and without a full stop."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    return text.rsplit(": ", 1)[-1].rstrip(". ")


def _sniff(path: Path) -> None:
    """Refuse by existence, size and first bytes, before a decoder sees the file."""
    try:
        if not path.is_file():
            raise ClipError("missing", path, "A clip must be a file that exists.")
        size = path.stat().st_size
        if size == 0:
            raise ClipError("empty", path, "A clip must not be empty.")
        with path.open("rb") as file:
            head = file.read(12)
            if head[:4] == b"fLaC":
                return
            if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
                _check_riff(path, file, size)
                return
    except (OSError, ValueError) as error:
        raise ClipError("missing", path, f"A clip must be readable ({_short(error)}).") from error
    if len(head) < 12 and (b"RIFF".startswith(head[:4]) or b"fLaC".startswith(head[:4])):
        raise ClipError("truncated", path, "A clip must be whole.")
    raise ClipError("not audio", path, "A clip must be a WAV or FLAC file.")


def _check_riff(path: Path, file: object, size: int) -> None:
    """Walk the chunks of a WAV: libsndfile quietly shortens a truncated one, so look first.

    Chunk layout: four-byte name, little-endian uint32 size, padded to even.
    """
    position, seen = 12, 0
    while position + 8 <= size and seen < 1000:
        file.seek(position)  # type: ignore[attr-defined]
        name, length = struct.unpack("<4sI", file.read(8))  # type: ignore[attr-defined]
        if name == b"data":
            # Writers that cannot seek leave 0 or the largest value: then the file's end counts.
            if length < 0xFFFFFF00 and position + 8 + length > size:
                raise ClipError(
                    "truncated",
                    path,
                    f"A clip must hold the {length} bytes its header promises, "
                    f"not {size - position - 8}.",
                )
            return
        position += 8 + length + (length & 1)
        seen += 1
    raise ClipError("truncated", path, "A WAV file must have a data chunk.")


def _check_header(
    path: Path, file: soundfile.SoundFile, max_seconds: float, min_seconds: float
) -> None:
    rate, channels, frames = int(file.samplerate), int(file.channels), int(file.frames)
    if file.format not in ("WAV", "WAVEX", "RF64", "FLAC") or file.subtype not in _SUBTYPES:
        raise ClipError(
            "unsupported",
            path,
            f"A clip must be plain PCM in WAV or FLAC, not {file.format}/{file.subtype}.",
        )
    if not _RATES[0] <= rate <= _RATES[1]:
        raise ClipError(
            "unsupported", path, f"A clip's rate must be {_RATES[0]} to {_RATES[1]} Hz, not {rate}."
        )
    if not 1 <= channels <= _MAX_CHANNELS:
        raise ClipError(
            "unsupported", path, f"A clip must have 1 to {_MAX_CHANNELS} channels, not {channels}."
        )
    if frames > max_seconds * rate:
        raise ClipError(
            "too long",
            path,
            f"A clip must last at most {max_seconds:g} s, its header says {frames / rate:.4g} s.",
        )
    if 0 <= frames < min_seconds * rate:
        raise ClipError(
            "too short",
            path,
            f"A clip must last at least {min_seconds:g} s, its header says {frames / rate:.4g} s.",
        )
