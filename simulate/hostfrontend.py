"""The firmware's front-end compiled for this machine: the fast way to features in training.

Bit for bit what `simulate.frontend` defines (tests compare them), at several thousand clips per
second and core. The library is kept in the cache folder under a hash of its sources.
"""

from __future__ import annotations

import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_frontend import emit_frontend
from convert.errors import SpecError
from convert.frontend import FrontEnd
from firmware.hostbuild import FIRMWARE_DIR, Source, build_shared
from simulate.frontend import check_clips

_BLOCK = 256  # clips per call; calls run without the interpreter's lock
_MAX_FRAMES = 65535


def frontend_sources(fe: FrontEnd) -> dict[str, Source]:
    """The C front-end with the tables of `fe`: file name -> text or path."""
    folder = FIRMWARE_DIR / "frontend"
    return {**{p.name: p for p in sorted(folder.glob("ws_*.[ch]"))}, **emit_frontend(fe)}


class HostFrontEnd:
    """The C front-end of one `FrontEnd`, compiled when first needed.

    Safe to use from several threads and processes.

    Args:
        fe: the front-end.
        threads: calls that run at once; all processors unless told.
        defines: preprocessor definitions for the C code, e.g. "WS_NARROW_MULTIPLY" for the
            arithmetic of Cortex-M0.

    Raises:
        FirmwareError: the compiler is missing.
    """

    name = "host"

    def __init__(
        self, fe: FrontEnd, *, threads: int | None = None, defines: tuple[str, ...] = ()
    ) -> None:
        self.fe = fe
        self._threads = threads or os.cpu_count() or 1
        sources = frontend_sources(fe)
        sources["hostfrontend.c"] = Path(__file__).with_name("hostfrontend.c")
        library = ctypes.CDLL(str(build_shared(sources, defines=defines, flags=("-O3",))))
        self._run = library.ws_host_clips
        pointer, number = ctypes.c_void_p, ctypes.c_uint32
        self._run.argtypes = (pointer, number, number, number, pointer, pointer, pointer)
        self._run.restype = None
        self.state_bytes = int(library.ws_host_state_bytes())

    def features(self, clips: NDArray[np.int16]) -> NDArray[np.int8]:
        """As `simulate.frontend.features`: (n, samples) int16 -> (n, frames, width) int8.

        Raises:
            SpecError: as `simulate.frontend.features`.
        """
        return self._both(clips, want_features=True)[1]

    def log_rows(self, clips: NDArray[np.int16]) -> NDArray[np.int16]:
        """As `simulate.frontend.log_rows`: (n, samples) int16 -> (n, frames, mels) int16.

        Raises:
            SpecError: as `simulate.frontend.log_rows`.
        """
        return self._both(clips, want_features=False)[0]

    def _both(
        self, clips: NDArray[np.int16], *, want_features: bool
    ) -> tuple[NDArray[np.int16], NDArray[np.int8]]:
        frames = check_clips(clips, self.fe)
        if frames > _MAX_FRAMES:
            raise SpecError(f"Clips must have at most {_MAX_FRAMES} frames. Received: {frames}.")
        clips = np.ascontiguousarray(clips)
        count, samples = clips.shape
        rows = np.empty((count, frames, self.fe.mels), dtype=np.int16)
        out = np.empty((count, frames, self.fe.width) if want_features else (0,), dtype=np.int8)

        def work(start: int) -> None:
            stop = min(start + _BLOCK, count)
            tail = np.empty(self.fe.hop, dtype=np.int16)
            self._run(
                clips[start:stop].ctypes.data,
                stop - start,
                samples,
                frames,
                rows[start:stop].ctypes.data,
                out[start:stop].ctypes.data if want_features else None,
                tail.ctypes.data,
            )

        starts = range(0, count, _BLOCK)
        if self._threads == 1 or len(starts) <= 1:
            for start in starts:
                work(start)
        else:
            with ThreadPoolExecutor(self._threads) as pool:
                list(pool.map(work, starts))
        return rows, out
