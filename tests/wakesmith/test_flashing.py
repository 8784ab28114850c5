from __future__ import annotations

import functools
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from firmware import board as boards
from firmware import flash_uf2
from firmware.content import join
from firmware.formats import write_hex
from tests.wakesmith.conftest import Tiny, wakesmith_inside

PICO = """
[flash]
method = "uf2"
family = 0xe48bff56
drives = ["RPI-RP2"]
openocd = ["interface/cmsis-dap.cfg", "target/rp2040.cfg"]
base = 0x100
"""


@pytest.fixture(autouse=True)
def two_boards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The emulated board and one that can be flashed."""
    ours = boards.BOARDS_DIR / "mps2-an386"
    folder = tmp_path / "boards"
    shutil.copytree(ours, folder / "mps2-an386")
    shutil.copytree(ours, folder / "pico")
    with (folder / "pico" / "board.toml").open("a") as file:
        file.write(PICO)
    monkeypatch.setattr(boards, "BOARDS_DIR", folder)
    hasty = functools.partial(flash_uf2.flash, restart_s=0.1)
    monkeypatch.setattr(flash_uf2, "flash", hasty)
    yield


def refused(tmp_path: Path, *arguments: object) -> str:
    done = wakesmith_inside("flash", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done
    assert done.stderr.startswith("wakesmith: ") and done.stderr.count("\n") == 1
    return done.stderr


def image(tmp_path: Path, start: int = 0x100, size: int = 64, name: str = "x.hex") -> Path:
    path = tmp_path / name
    path.write_text(write_hex(join([(start, bytes(size))])))
    return path


def test_help_has_an_example(tmp_path: Path) -> None:
    done = wakesmith_inside("flash", "--help", cwd=tmp_path)
    assert done.returncode == 0 and "Example:  wakesmith flash commands.toml" in done.stdout


def test_nothing_to_flash(tmp_path: Path) -> None:
    assert "something to flash" in refused(tmp_path)


def test_image_without_a_board(tmp_path: Path) -> None:
    said = refused(tmp_path, image(tmp_path))
    assert "Name the board with --board: pico." in said


def test_emulated_board(tmp_path: Path) -> None:
    said = refused(tmp_path, image(tmp_path), "--board", "mps2-an386")
    assert "emulated only. Boards to flash: pico." in said
    assert "Did you mean pico" in refused(tmp_path, image(tmp_path), "--board", "pica")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--method", "pyocd"), "must be one that pico knows. Received: pyocd. Choose from uf2"),
        (("--method", "uf2", "--probe", "1"), "--probe must go with --method pyocd or openocd"),
        (("--method", "openocd", "--drive", "d"), "--drive must go with --method uf2"),
        (("--unlock",), "--unlock must go with --method pyocd. Received: uf2"),
        (("--drive", "nowhere"), "--drive must be the folder of a bootloader"),
    ],
)
def test_options_that_contradict(tmp_path: Path, options: tuple[str, ...], words: str) -> None:
    assert words in refused(tmp_path, image(tmp_path), "--board", "pico", *options)


def test_image_that_does_not_fit(tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(bytes((4 << 20) - 0x100 + 1))
    said = refused(tmp_path, large, "--board", "pico")
    assert "4,194,048 bytes from 0x00000100. Received: 4,194,049 bytes. Choose a smaller" in said
    for start in (0, 0x20000000):
        said = refused(tmp_path, image(tmp_path, start), "--board", "pico")
        assert f"Received: bytes at {start:#010x}. Was it built for another board?" in said


def test_damaged_image(tmp_path: Path) -> None:
    (tmp_path / "x.hex").write_text(":00")
    assert "Intel HEX" in refused(tmp_path, "x.hex", "--board", "pico")
    assert "readable" in refused(tmp_path, "none.elf", "--board", "pico")


def test_probe_means_a_debug_probe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = refused(tmp_path, image(tmp_path), "--board", "pico", "--probe", "1")
    assert "The method openocd needs openocd on PATH" in said


def test_copies_to_a_drive(tmp_path: Path) -> None:
    drive = tmp_path / "drive"
    drive.mkdir()
    (drive / "INFO_UF2.TXT").write_text("Board-ID: RPI-RP2\n")
    said = refused(tmp_path, image(tmp_path), "--board", "pico", "--drive", drive)
    assert "is still there after" in said
    assert (drive / "FIRMWARE.UF2").read_bytes()[:4] == b"UF2\n"


def test_list_without_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from firmware import flash_pyocd
    from firmware.flashing import Probe

    monkeypatch.setattr(flash_uf2, "list_drives", lambda: ())
    monkeypatch.setattr(flash_pyocd, "list_probes", lambda: ())
    done = wakesmith_inside("flash", "--list", cwd=tmp_path)
    assert done.stdout == "No debug probe and no bootloader's drive is connected.\n"
    monkeypatch.setattr(flash_pyocd, "list_probes", lambda: (Probe("683", "J-Link"),))
    drive = flash_uf2.Drive(Path("/media/RPI-RP2"), "RPI-RP2", "Raspberry Pi RP2")
    monkeypatch.setattr(flash_uf2, "list_drives", lambda: (drive,))
    done = wakesmith_inside("flash", "--list", cwd=tmp_path)
    assert done.stdout == ("probe  683  J-Link\ndrive  /media/RPI-RP2  RPI-RP2  Raspberry Pi RP2\n")


def test_project_that_is_not_built(tmp_path: Path) -> None:
    done = wakesmith_inside("new", "yes", "no", cwd=tmp_path)
    assert done.returncode == 0
    said = refused(tmp_path, "words.toml")
    assert "must be built first. Received: no firmware in build/words. Run wakesmith build" in said


def test_project_built_for_another_board(tiny: Tiny) -> None:
    folder = tiny.file.parent
    assert "emulated only" in refused(folder, tiny.file)
    said = refused(folder, tiny.file, "--board", "pico")
    assert "built for mps2-an386, to be flashed on pico. Put board" in said
    said = refused(folder, tiny.file, "--board", "pcio")
    assert "must be one that exists. Received: 'pcio'. Did you mean pico?" in said


def test_project_that_changed_since_the_build(tiny: Tiny, tmp_path: Path) -> None:
    """What says nothing about the firmware does not count."""
    file, text = tmp_path / "tiny.toml", tiny.file.read_text(encoding="utf-8")

    def said(old: str, new: str, more: str = "") -> str:
        assert old in text
        file.write_text(text.replace(old, new) + more, encoding="utf-8")
        return refused(tmp_path, file, "--board", "pico", "--out", tiny.build)

    assert "built for mps2-an386" in said("emulated_clips = 6", "emulated_clips = 5")
    harmless = ("emulated_clips = 6", "emulated_clips = 6\n[budget]\ninstructions = 9")
    assert "built for mps2-an386" in said(*harmless)
    stripes = ("emulated_clips = 6", "emulated_clips = 6\n[budget]\nram = 90000")
    assert "changed since the build: budget.ram. Run" in said(*stripes)
    epochs = ("\nepochs = 2", "\nepochs = 3")
    assert "changed since the build: train.epochs. Run wakesmith build" in said(*epochs)
    detect = "\n[detect]\nthreshold = 0.9\nthresholds = {yes = 0.7}\n"
    changed = "the build: detect.threshold, detect.thresholds.yes, train.epochs. Run"
    assert changed in said(*epochs, detect)
    assert "and 1 more. Run" in said(
        '"stop"]\nseed = 1', '"go"]\nseed = 2', detect + "every_ms = 200"
    )
