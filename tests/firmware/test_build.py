from __future__ import annotations

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from intelhex import IntelHex

from firmware import build as build_module
from firmware.application import build_application
from firmware.board import load_board
from firmware.build import Compiler, build
from firmware.errors import FirmwareError
from firmware.image import open_image
from simulate.machine import Machine
from tests.firmware.faulty import SOURCE
from tests.keyword_net import keyword_model
from tests.needs import COMPILERS

BOARD = load_board("mps2-an386")
MEMORY = r"""
#include <string.h>
#include "ws_board.h"
#include "ws_cortexm.h"
static uint8_t a[64], b[64];
static const uint32_t table[3] = {1, 2, 3};
uint32_t initialised = 7;
int failures(void);
WS_ENTRY(failures) int failures(void) {
    int bad = initialised == 7 && table[2] == 3 ? 0 : 1000;
    for (unsigned from = 0; from < 8; from++) {
        for (unsigned to = 0; to < 8; to++) {
            for (unsigned n = 0; n < 24; n++) {
                for (unsigned i = 0; i < 64; i++) {
                    a[i] = (uint8_t)(i * 7u + 1u);
                    b[i] = 0;
                }
                memcpy(b + to, a + from, n);
                for (unsigned i = 0; i < 64; i++) {
                    bad += b[i] != (i >= to && i < to + n ? a[from + i - to] : 0);
                }
                memmove(a + to, a + from, n);
                for (unsigned i = 0; i < n; i++) {
                    bad += a[to + i] != (uint8_t)((from + i) * 7u + 1u);
                }
                memset(b + to, 0x5A, n);
                bad += n > 0 && b[to + n - 1] != 0x5A;
                bad += b[to + n] != 0 ? 1 : 0;
            }
        }
    }
    return bad + (memcmp("ab", "ac", 2) >= 0) + (memcmp("ab", "ab", 3) != 0);
}
int main(void) {
    for (;;) {
        ws_board_sleep();
    }
}
"""


@pytest.mark.parametrize("compiler", COMPILERS)
def test_same_elf_in_another_folder(
    compiler: Compiler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for name in ("one", "another/deeper"):
        monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path / name / "cache"))
        image = build(
            {"main.c": SOURCE}, BOARD, compiler=compiler, out_dir=tmp_path / name, name="x"
        )
        made.append((image.elf.read_bytes(), image.bin.read_bytes(), image.hex.read_bytes()))
    assert made[0] == made[1]
    assert str(tmp_path).encode() not in made[0][0]
    assert str(Path.home()).encode() not in made[0][0]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_image_files_agree(compiler: Compiler, tmp_path: Path) -> None:
    image = build({"main.c": MEMORY}, BOARD, compiler=compiler, out_dir=tmp_path, name="m")
    data = image.bin.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["m.bin", "m.elf", "m.hex"]
    text = IntelHex(str(image.hex))
    assert all(data[address] == text[address] for address in text.addresses())
    flash = [s for s in image.sections if s.place in ("code", "constant", "data")]
    assert image.flash_bytes == sum(s.size for s in flash) <= len(data)
    assert len(data) - image.flash_bytes < 16 * len(flash)  # alignment
    assert image.stack_bytes == BOARD.stack_size
    assert image.symbol("initialised").place == "data"
    assert image.symbol("a").place == "zero" and image.symbol("a").size == 64
    assert image.symbol("failures").place == "code"
    assert image.ram_bytes >= 64 + 64 + 4
    sized = sum(s.size for s in image.symbols if s.place == "code")
    code = sum(s.size for s in image.sections if s.place == "code")
    assert 0.9 * code <= sized <= code or compiler == "gcc"  # libgcc's assembly has no sizes
    assert open_image(image.elf, BOARD) == image
    with image.elf.open("rb") as file:
        names = [s.name for s in ELFFile(file).iter_sections()]
    assert not [n for n in names if n.startswith((".debug", ".note", ".ARM.ex"))]
    machine = Machine(image)
    machine.boot()
    assert machine.call("failures") == 0


@pytest.mark.parametrize("compiler", COMPILERS)
@pytest.mark.parametrize(
    ("sizes", "region", "has"),
    [({"flash_size": 512}, "FLASH", "512"), ({"ram_size": 4160}, "RAM", "4,160")],
)
def test_overflow_tells_numbers(
    compiler: Compiler, sizes: dict, region: str, has: str, tmp_path: Path
) -> None:
    board = dataclasses.replace(BOARD, **sizes)
    with pytest.raises(FirmwareError) as caught:
        build({"main.c": SOURCE}, board, compiler=compiler, out_dir=tmp_path, name="x")
    whole = build({"main.c": SOURCE}, BOARD, compiler=compiler, out_dir=tmp_path / "ok", name="x")
    text = str(caught.value)
    assert f"{region} has {has} bytes, the image needs " in text
    needs = int(text.split("image needs ")[1].split(" ")[0].replace(",", ""))
    true = whole.flash_bytes if region == "FLASH" else whole.ram_bytes + whole.stack_bytes
    assert abs(needs - true) <= 64
    assert not list(tmp_path.glob("x.*"))


def test_bad_c_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match=r"main\.c:1:\d+: error"):
        build({"main.c": "int main(void) { return x; }"}, BOARD, out_dir=tmp_path, name="x")
    with pytest.raises(FirmwareError, match="conversion"):
        text = "int main(int c) { signed char s = c; return s; }"
        build({"main.c": text}, BOARD, out_dir=tmp_path, name="x")
    assert not list(tmp_path.iterdir())


def test_missing_gcc(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(FirmwareError, match="arm-none-eabi-gcc on PATH"):
        build({"main.c": SOURCE}, BOARD, compiler="gcc", out_dir=tmp_path, name="x")


def test_output_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FirmwareError, match="Writing must be possible"):
        build({"main.c": SOURCE}, BOARD, out_dir=tmp_path / "file" / "x", name="x")


def test_not_an_elf(tmp_path: Path) -> None:
    for data in (b"", b"\x7fELF", bytes(100), Path(sys.executable).read_bytes()[:4096]):
        (tmp_path / "x.elf").write_bytes(data)
        with pytest.raises(FirmwareError, match="ELF"):
            open_image(tmp_path / "x.elf", BOARD)


def test_application_refuses_other_prefixes(tmp_path: Path) -> None:
    with pytest.raises(FirmwareError, match="prefix"):
        build_application({"net.h": "", "net.c": ""}, {}, BOARD, listening={}, out_dir=tmp_path)
    with pytest.raises(FirmwareError, match="printable"):
        build_application(
            keyword_model().files, {}, BOARD, listening={}, out_dir=tmp_path, title="two\nlines"
        )


def test_compiler_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object, **__: object) -> None:
        raise subprocess.TimeoutExpired("cc", 1)

    monkeypatch.setenv("WAKESMITH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(build_module.subprocess, "run", hang)
    with pytest.raises(FirmwareError, match="must end within"):
        build({"main.c": SOURCE}, BOARD, out_dir=tmp_path, name="x")
