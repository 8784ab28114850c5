"""Clips in a board's own memory, classified from end to end on QEMU: only text crosses a UART.

Every board runs the same program over the same application: for each clip one line with the CRC-32
of its features, that of the arena after the model has run, and the scores.
"""

from __future__ import annotations

import re
import zlib
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from convert.emit_aot import emit_model
from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.generated import GeneratedModel
from convert.tflite_reader import read
from firmware.application import build_application
from firmware.board import Board
from firmware.build import Compiler, build
from firmware.hostbuild import FIRMWARE_DIR, KERNEL_DIR
from firmware.image import Image
from simulate.cortexm import CortexMBackend
from simulate.listening import listening_sources
from simulate.qemu import QemuBoard
from simulate.recognizer import Recognizer
from tests.keyword_net import LABELS, WORDS, keyword_tflite

SAMPLES = 16000

MAIN = r"""
#include "ws_app.h"
#include "ws_board.h"
#include "ws_cortexm.h"
#include "ws_crc32.h"
#include "ws_runtime.h"
#include "ws_text.h"

extern int ws_app_features(const int16_t *pcm, uint32_t samples);
extern int ws_app_clip(const int16_t *pcm, uint32_t samples);

int main(void) {
    const int16_t *clips = (const int16_t *)CLIPS_AT;
    if (!ws_integrity_ok() || ws_runtime_init() != 0) {
        ws_put_text("wrong\n");
        return 0;
    }
    for (uint32_t i = 0; i < CLIPS; i++) {
        const int16_t *clip = clips + i * SAMPLES;
        if (!ws_app_features(clip, SAMPLES)) {
            ws_put_text("short\n");
            return 0;
        }
        ws_put_hex(ws_crc32(0, ws_runtime_input(), MODEL_INPUT_SIZE));
        ws_put_text(" ");
        if (!ws_app_clip(clip, SAMPLES)) {
            ws_put_text("failed\n");
            return 0;
        }
        ws_put_hex(ws_crc32(0, ws_runtime_input() - INPUT_AT, ARENA_SIZE));
        for (uint32_t k = 0; k < MODEL_OUTPUT_SIZE; k++) {
            ws_put_text(" ");
            ws_put_signed(ws_runtime_output()[k]);
        }
        ws_put_text("\n");
        ws_stack_check();
    }
    for (;;) {
    }
}
"""


@cache
def small_model() -> GeneratedModel:
    """The keyword network with four channels, not eight: it fits the 16 kB of a micro:bit."""
    return emit_model(read(keyword_tflite(4)), labels=LABELS)


def clips(count: int) -> NDArray[np.int16]:
    """Chirps, noise, silence and full-scale squares of one second."""
    rng = np.random.default_rng(9)
    t = np.arange(SAMPLES)
    made = np.zeros((count, SAMPLES), np.int16)
    for i in range(count):
        if i % 4 == 0:
            made[i] = 9000 * np.sin(2e-5 * (i + 1) * t**1.5 + i) * np.hanning(SAMPLES)
        elif i % 4 == 1:
            made[i] = rng.normal(0, 10 ** rng.uniform(0, 4), SAMPLES).clip(-32768, 32767)
        elif i % 4 == 2:
            made[i] = np.where(t // (17 + i) % 2, 32767, -32768)
    return made


def small_listening() -> dict[str, str]:
    """The detector's settings and the self-test of the small model."""
    return listening_sources(read(keyword_tflite(4)), LABELS, FrontEnd(), SAMPLES, words=WORDS)


def application(board: Board, compiler: Compiler, folder: Path) -> Image:
    """The small model as the application that is flashed."""
    model = small_model()
    return build_application(
        model.files,
        emit_frontend(FrontEnd()),
        board,
        listening=small_listening(),
        out_dir=folder,
        name=f"{board.name}-{compiler}",
        kernels=model.kernels,
        compiler=compiler,
    )


def in_qemu(
    board: Board, compiler: Compiler, pcm: NDArray[np.int16], folder: Path
) -> tuple[str, ...]:
    """A line for every clip; clips lie in the upper half of the larger memory."""
    model = small_model()
    sources = {
        path.name: path
        for part in ("app", "frontend", "runtime")
        for path in sorted((FIRMWARE_DIR / part).glob("*.[ch]"))
    }
    sources |= {name: KERNEL_DIR / name for name in model.kernels}
    sources |= {**emit_frontend(FrontEnd()), **small_listening(), **model.files}
    large = max(
        (board.flash_origin, board.flash_size),
        (board.ram_origin, board.ram_size),
        key=lambda where: where[1],
    )
    at = large[0] + large[1] // 2
    per_run = (large[1] - large[1] // 2) // (2 * SAMPLES)
    found: list[str] = []
    for first in range(0, len(pcm), per_run):
        part = pcm[first : first + per_run]
        image = build(
            {**sources, "main.c": MAIN},
            board,
            compiler=compiler,
            out_dir=folder,
            name=f"{board.name}-{compiler}-{len(part)}",
            defines=(
                f"CLIPS_AT=0x{at:08x}u",
                f"CLIPS={len(part)}u",
                f"SAMPLES={SAMPLES}u",
                f"ARENA_SIZE={model.arena_size}u",
                f"INPUT_AT={model.inputs[0].offset}",
                'WS_APP_NAME="clips"',
                'WS_RUNTIME_NAME="c"',
            ),
        )
        raw = folder / "clips.raw"
        raw.write_bytes(part.astype("<i2").tobytes())
        load = f"loader,file={raw},addr=0x{at:08x},force-raw=on"
        with QemuBoard(image, ("-device", load)) as qemu:
            found += qemu.lines(len(part), timeout_s=60 + 10 * len(part))
    return tuple(found)


def in_unicorn(backend: CortexMBackend, pcm: NDArray[np.int16]) -> tuple[str, ...]:
    """The same lines from the application's own ELF."""
    lines = []
    machine, model = backend.machine, backend.generated
    for clip in pcm:
        features = backend.features(clip[np.newaxis])
        scores = backend.run_clip(clip)
        arena = machine.symbol_view(model.arena_symbol, model.arena_size).tobytes()
        crcs = f"{zlib.crc32(features.tobytes()):08x} {zlib.crc32(arena):08x}"
        lines.append(f"{crcs} {' '.join(map(str, scores))}")
    return tuple(lines)


def check_answers(image: Image, board: str) -> None:
    """`info`, `selftest` and an injected clip, over the emulated board's console."""
    receiver = Recognizer(image)
    assert receiver.board.info()["board"] == board
    lines = receiver.board.ask("selftest")
    assert [re.sub(r" [0-9a-f]{8} ", " ", line) for line in lines] == [
        "check image 0 ok",
        "check features 0 ok",
        "check vector 0 ok",
        "check vector 1 ok",
    ]
    pcm = clips(1)
    heard = receiver.recognize(pcm[0])
    expected = CortexMBackend(image, small_model()).posteriors(pcm)[0]
    assert heard.scores == tuple(expected) and heard.label == LABELS[int(np.argmax(expected))]
