"""The decimation filter of PDM microphones: frequency response, and what happens at the ends."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from firmware.board import DRIVERS_DIR
from firmware.hostbuild import build_shared
from simulate.devices.stm32f4_audio import BIT_HZ, BITS

FOLDER = DRIVERS_DIR / "stm32f407"


def decimate(bits: np.ndarray) -> np.ndarray:
    """(64 * samples,) bits -> (samples,) int16, by the C."""
    library = ctypes.CDLL(
        str(build_shared({name: FOLDER / name for name in ("ws_pdm.c", "ws_pdm.h")}))
    )
    words = np.packbits(bits.astype(np.uint8)).view(">u2").astype(np.uint16)
    state = np.zeros(4096, np.uint8)
    pcm = np.zeros(bits.size // BITS, np.int16)
    library.ws_pdm_init(ctypes.c_void_p(state.ctypes.data))
    library.ws_pdm_run(
        ctypes.c_void_p(state.ctypes.data),
        ctypes.c_void_p(words.ctypes.data),
        ctypes.c_uint32(pcm.size),
        ctypes.c_void_p(pcm.ctypes.data),
    )
    return pcm


def modulate(signal: np.ndarray) -> np.ndarray:
    """A second-order modulator for any signal at 1.024 MHz, full scale 1."""
    first = second = 0.0
    bits = np.zeros(signal.size, np.uint8)
    for place, level in enumerate(signal.tolist()):
        bit = second >= 0
        back = 1.0 if bit else -1.0
        first += level - back
        second += first - back
        bits[place] = bit
    return bits


def level_db(hz: float) -> float:
    """Of what comes out for a tone at a quarter of a density of one, against what should."""
    time = np.arange(BIT_HZ // 10) / BIT_HZ
    pcm = decimate(modulate(0.25 * np.sin(2 * np.pi * hz * time)))[-800:]
    # Tones are multiples of a bin, 20 Hz; a window keeps the noise of others out of it.
    window = np.hanning(pcm.size)
    spectrum = np.abs(np.fft.rfft(pcm * window)) / window.sum() * 2
    folded = abs((hz + 8000) % 16000 - 8000)
    place = round(folded * pcm.size / 16000)
    near = spectrum[max(place - 2, 0) : place + 3]
    return float(20 * np.log10(max(near.max(), 1e-3) / 16384))


@pytest.mark.parametrize("hz", [100, 1000, 3000, 5000, 6500])
def test_pass_band(hz: float) -> None:
    assert -1.0 < level_db(hz) < 0.5


@pytest.mark.parametrize("hz", [9500, 12000, 15000, 31000, 63000, 65500, 127000])
def test_what_would_fold_back_is_gone(hz: float) -> None:
    assert level_db(hz) < -38


@pytest.mark.parametrize(("bit", "value"), [(0, -32768), (1, 32767)])
def test_a_line_that_is_stuck_is_full_scale(bit: int, value: int) -> None:
    pcm = decimate(np.full(100 * BITS, bit, np.uint8))
    assert np.all(pcm[40:] == value)


def test_half_and_half_is_silence() -> None:
    pcm = decimate(np.tile(np.array([0, 1], np.uint8), 50 * BITS))
    assert np.all(np.abs(pcm[40:].astype(int)) <= 1)
