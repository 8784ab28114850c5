"""The front-end's parameters: what turns 16 kHz speech into int8 feature rows.

`FrontEnd` is the one object that names a front-end. It travels with the model, is compiled into the
firmware (`convert.emit_frontend`), and its integer tables (`convert.frontend_tables`) are the only
numbers that the NumPy definition (`simulate.frontend`) and the C code (`firmware/frontend`) use.
docs/SPEC.md, "Front-end", describes every step.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import asdict, dataclass, fields
from typing import Literal

from convert.errors import SpecError

VERSION = 1
"""Raised whenever a bit of the definition changes; part of the hash."""


@dataclass(frozen=True)
class FrontEnd:
    """Parameters of a front-end; validated on construction.

    A feature row is `width` int8 values; the real value of `q` is `q * scale` with zero point 0.

    Attributes:
        kind: "log_mel", or "mfcc" (DCT-II of the normalised log-mel row).
        sample_rate: Hz; 16000 is the only one.
        window_ms: length of the (periodic Hann) window; at most `fft` samples.
        hop_ms: distance of frames; at most `window_ms`.
        fft: points of the real FFT; 512 is the only length.
        mels: triangular bands, 8 to 64.
        coefficients: MFCC coefficients, the 0th included; not used by "log_mel".
        low_hz: lower edge of the lowest band.
        high_hz: upper edge of the highest band (4000 when some of the data is telephone-band).
        range_db: the int8 range covers the window's peak down to this many dB below it.
        silence_db: the peak is never taken lower than that of a sine wave of this level (dB
            relative to full scale), so that silence and near-silent noise are not blown up.
        mel_scale: "slaney" (linear below 1 kHz) or "htk", as `librosa.filters.mel` defines them.
        mel_norm: "slaney" (bands of equal area) or "none" (bands of equal height).

    Raises:
        SpecError: a value is not possible.
    """

    kind: Literal["log_mel", "mfcc"] = "log_mel"
    sample_rate: int = 16000
    window_ms: int = 30
    hop_ms: int = 20
    fft: int = 512
    mels: int = 40
    coefficients: int = 10
    low_hz: float = 20.0
    high_hz: float = 8000.0
    range_db: float = 43.0
    silence_db: float = -60.0
    mel_scale: Literal["slaney", "htk"] = "slaney"
    mel_norm: Literal["slaney", "none"] = "slaney"

    def __post_init__(self) -> None:
        _one_of("kind", self.kind, ("log_mel", "mfcc"))
        _one_of("sample_rate", self.sample_rate, (16000,))
        _one_of("fft", self.fft, (512,))
        _one_of("mel_scale", self.mel_scale, ("slaney", "htk"))
        _one_of("mel_norm", self.mel_norm, ("slaney", "none"))
        _whole("window_ms", self.window_ms, 1, self.fft * 1000 // self.sample_rate)
        _whole("hop_ms", self.hop_ms, 1, self.window_ms)
        _whole("mels", self.mels, 8, 64)
        _whole("coefficients", self.coefficients, 1, self.mels if self.kind == "mfcc" else 64)
        _between("low_hz", self.low_hz, 0.0, self.sample_rate / 2)
        _between("high_hz", self.high_hz, 0.0, self.sample_rate / 2)
        if not self.low_hz < self.high_hz:
            raise SpecError(
                f"low_hz must be below high_hz. Received: {self.low_hz} and {self.high_hz}."
            )
        _between("range_db", self.range_db, 10.0, 90.0)
        _between("silence_db", self.silence_db, -90.0, 0.0)
        # Integers written where a real number is meant must not change the hash.
        for name in ("low_hz", "high_hz", "range_db", "silence_db"):
            object.__setattr__(self, name, float(getattr(self, name)))
        from convert.frontend_tables import tables  # the tables need this class

        tables(self)  # refuses empty and too wide bands

    @property
    def window(self) -> int:
        """Samples of the window."""
        return self.window_ms * self.sample_rate // 1000

    @property
    def hop(self) -> int:
        """Samples between the starts of two frames."""
        return self.hop_ms * self.sample_rate // 1000

    @property
    def width(self) -> int:
        """Values of a feature row."""
        return self.mels if self.kind == "log_mel" else self.coefficients

    @property
    def scale(self) -> float:
        """Real value of one step of an int8 feature; the model's input scale must equal it."""
        return 1.0 / 64.0

    @property
    def zero_point(self) -> int:
        """int8 feature that means 0.0; the model's input zero point must equal it."""
        return 0

    def frames(self, clip_samples: int) -> int:
        """Frames of a clip: frame i covers samples hop*i to hop*i + window, nothing is padded."""
        return 0 if clip_samples < self.window else 1 + (clip_samples - self.window) // self.hop

    def to_json(self) -> str:
        """One line of JSON with sorted keys; equal objects give equal text."""
        return json.dumps({"version": VERSION, **asdict(self)}, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> FrontEnd:
        """The inverse of `to_json`.

        Raises:
            SpecError: not JSON, another version, unknown or missing keys, impossible values.
        """
        try:
            values = json.loads(text)
        except ValueError as error:
            raise SpecError(f"A front-end must be JSON. Received: {text[:60]!r}.") from error
        if not isinstance(values, dict):
            raise SpecError(f"A front-end must be a JSON object. Received: {text[:60]!r}.")
        version = values.pop("version", None)
        if version != VERSION:
            raise SpecError(
                f"A front-end must be of version {VERSION}. Received: {version!r}. "
                "Train again, or use the wakesmith that made it."
            )
        known = {field.name for field in fields(cls)}
        if set(values) != known:
            raise SpecError(
                f"A front-end must have the keys {sorted(known)}. Received: {sorted(values)}."
            )
        return cls(**values)

    def hash(self) -> str:
        """sha256 (hex) of the parameters and of every integer table made from them."""
        from convert.frontend_tables import tables

        digest = hashlib.sha256(self.to_json().encode())
        digest.update(tables(self).fingerprint())
        return digest.hexdigest()


def _one_of(name: str, value: object, allowed: tuple[object, ...]) -> None:
    if isinstance(value, bool) or value not in allowed:
        raise SpecError(
            f"{name} must be one of {', '.join(map(str, allowed))}. Received: {value!r}."
        )


def _whole(name: str, value: object, low: int, high: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise SpecError(f"{name} must be a whole number from {low} to {high}. Received: {value!r}.")


def _between(name: str, value: object, low: float, high: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not low <= value <= high:  # type: ignore[arg-type, operator]
        raise SpecError(f"{name} must be a number from {low:g} to {high:g}. Received: {value!r}.")
