"""The protocol under sanitizers on this machine, with input that nobody would send on purpose."""

from __future__ import annotations

import random
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.hostbuild import (
    FIRMWARE_DIR,
    KERNEL_DIR,
    Source,
    build_host_executable,
)
from simulate.listening import listening_sources
from tests.keyword_net import LABELS, WORDS, keyword_model, keyword_tflite
from tests.simulate.test_protocol import block, corruptions

HERE = Path(__file__).parent / "c"


@pytest.fixture(scope="module", params=["zig", "gcc"])
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """UBSan by zig; with gcc AddressSanitizer, too."""
    if shutil.which(request.param) is None and request.param == "gcc":
        pytest.skip("gcc is missing")
    model = keyword_model()
    folders = [FIRMWARE_DIR / part for part in ("app", "frontend", "runtime")]
    sources: dict[str, Source] = {
        path.name: path for folder in folders for path in sorted(folder.glob("*.[ch]"))
    }
    del sources["main.c"]
    sources |= {name: KERNEL_DIR / name for name in model.kernels}
    sources |= {**model.files, **emit_frontend(FrontEnd())}
    sources |= listening_sources(read(keyword_tflite()), LABELS, FrontEnd(), 16000, words=WORDS)
    sources |= {name: FIRMWARE_DIR / "cortexm" / name for name in ("crc32.c", "text.c")}
    sources["protocol_host.c"] = HERE / "protocol_host.c"
    for name in ("ws_board.h", "ws_cortexm.h", "ws_text.h"):
        sources[name] = (FIRMWARE_DIR / "cortexm" / "include" / name).read_text(encoding="utf-8")
    return build_host_executable(
        sources,
        tmp_path_factory.mktemp(request.param) / "protocol",
        sanitize=True,
        compiler=request.param,
        defines=(
            'WS_APP_NAME="host"',
            'WS_BOARD_NAME="host"',
            'WS_RUNTIME_NAME="c"',
            "WS_CLOCK_HZ=25000000u",
        ),
    )


def answers(program: Path, data: bytes) -> list[str]:
    done = subprocess.run([program], input=data, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")[-2000:]
    return done.stdout.decode("utf-8").splitlines()


def conversation(samples: int) -> list[bytes]:
    pcm = np.random.default_rng(2).integers(-9000, 9000, samples).astype(np.int16)
    lines = [b"info\n", b"listen\n", f"inject {samples} stream\n".encode()]
    lines += [block(pcm, i).encode() + b"\n" for i in range(-(-samples // 80))]
    return [*lines, b"selftest\n", b"bench\n", b"stop\n"]


@pytest.mark.fault
def test_well_formed_and_corrupted(program: Path) -> None:
    good = answers(program, b"".join(conversation(16_400)))
    assert [line for line in good if line.startswith("scores ")]
    assert {"ok info", "ok inject", "ok selftest", "ok bench"} <= set(good)
    lines = conversation(16_400)
    for seed in range(40):
        data = corruptions(seed, lines if seed % 4 == 0 else lines[:60])
        assert answers(program, data + b"\n\ninfo\n")[-1] == "ok info"


@pytest.mark.fault
def test_nothing_but_noise(program: Path) -> None:
    rng = random.Random(1)
    words = [b"inject ", b"pcm ", b"0 ", b"16000 ", b"stream", b"clip", b"\n", b"=", b"AAAA", b"\0"]
    for _ in range(60):
        noise = rng.randbytes(rng.randrange(3000))
        soup = b"".join(rng.choice(words) for _ in range(rng.randrange(500)))
        assert answers(program, noise + soup + b"\n\ninfo\n")[-1] == "ok info"
