"""The ring between the microphone's interrupt and main, and the codecs of the protocol."""

from __future__ import annotations

import base64
import ctypes
import random
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from firmware.hostbuild import FIRMWARE_DIR, build_host_executable, build_shared

APP = FIRMWARE_DIR / "app"
C = Path(__file__).parent / "c"
COMPILERS = [
    "zig",
    pytest.param(
        "gcc", marks=pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is missing")
    ),
]


@pytest.mark.fault
@pytest.mark.parametrize("compiler", COMPILERS)
def test_ring_under_sanitizers(compiler: str, tmp_path: Path) -> None:
    """UBSan by zig, AddressSanitizer, too, by gcc; indices wrap, gaps of all kinds."""
    program = build_host_executable(
        {
            "capture_test.c": C / "capture_test.c",
            "ws_capture.c": APP / "ws_capture.c",
            "ws_capture.h": APP / "ws_capture.h",
        },
        tmp_path / "capture",
        sanitize=True,
        compiler=compiler,  # type: ignore[arg-type]
        defines=("WS_CAPTURE_SIZE=256u",),
    )
    done = subprocess.run([program], capture_output=True, text=True, timeout=300, check=False)
    assert (done.stdout, done.returncode) == ("ok\n", 0), done.stdout + done.stderr


@pytest.fixture(scope="module")
def codec() -> ctypes.CDLL:
    library = ctypes.CDLL(
        str(
            build_shared(
                {
                    "ws_codec.c": APP / "ws_codec.c",
                    "ws_codec.h": APP / "ws_codec.h",
                    "crc32.c": FIRMWARE_DIR / "cortexm" / "crc32.c",
                },
                flags=("-fsanitize=undefined", "-fsanitize-trap=undefined"),
            )
        )
    )
    library.ws_crc32.restype = ctypes.c_uint32
    return library


def decode(codec: ctypes.CDLL, text: bytes, most: int) -> bytes | None:
    out = ctypes.create_string_buffer(b"\x55" * (most + 8), most + 8)
    count = codec.ws_read_base64(ctypes.c_char_p(text), out, most)
    assert out.raw[most:] == b"\x55" * 8  # never beyond
    return None if count < 0 else out.raw[:count]


def test_crc_is_zlibs(codec: ctypes.CDLL) -> None:
    rng = random.Random(3)
    for size in (0, 1, 2, 160, 1000):
        data = rng.randbytes(size)
        assert codec.ws_crc32(0, data, size) == zlib.crc32(data)
        half = codec.ws_crc32(0, data[: size // 2], size // 2)
        assert codec.ws_crc32(half, data[size // 2 :], size - size // 2) == zlib.crc32(data)


def test_base64_is_what_the_standard_library_takes(codec: ctypes.CDLL) -> None:
    rng = random.Random(4)
    alphabet = b"ABCXYZabcxyz0189+/==-_ \n~"
    for turn in range(30_000):
        if turn % 2:
            text = base64.b64encode(rng.randbytes(rng.randrange(20)))
            if turn % 4 == 1 and text:
                at = rng.randrange(len(text))
                text = text[:at] + bytes([rng.choice(alphabet)]) + text[at + 1 :]
        else:
            text = bytes(rng.choice(alphabet) for _ in range(rng.randrange(13)))
        try:
            expected: bytes | None = base64.b64decode(text, validate=True)
        except ValueError:
            expected = None
        if expected is not None and base64.b64encode(expected) != text:
            expected = None  # unused bits that are not zero
        assert decode(codec, text, 20) == expected, text
    assert decode(codec, base64.b64encode(bytes(10)), 10) == bytes(10)
    assert decode(codec, base64.b64encode(bytes(11)), 10) is None


@pytest.mark.parametrize(
    ("text", "value", "rest"),
    [
        (b"0", 0, b""),
        (b"4294967295 x", 4294967295, b"x"),
        (b"0000000012", 12, b""),
        (b"4294967296", None, b"4294967296"),
        (b"00000000012", None, b"00000000012"),
        (b"", None, b""),
        (b"-1", None, b"-1"),
        (b"1x", None, b"1x"),
    ],
)
def test_numbers(codec: ctypes.CDLL, text: bytes, value: int | None, rest: bytes) -> None:
    place = ctypes.c_char_p(text)
    number = ctypes.c_uint32(7)
    read = codec.ws_read_number(ctypes.byref(place), ctypes.byref(number))
    assert bool(read) == (value is not None)
    assert place.value == rest
    if value is not None:
        assert number.value == value
