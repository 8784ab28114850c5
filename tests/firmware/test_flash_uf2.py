from __future__ import annotations

import dataclasses
import errno
import os
import shutil
import threading
import time
from pathlib import Path

import pytest

from firmware import flash_uf2
from firmware.board import Board, load_board
from firmware.board_flash import FlashSpec
from firmware.content import Content, join
from firmware.errors import FirmwareError
from firmware.uf2 import read_uf2, write_uf2

FAMILY = 0xE48BFF56
PICO = dataclasses.replace(
    load_board("mps2-an386"),
    name="pico",
    flash_origin=0x10000000,
    flash=FlashSpec(method="uf2", family=FAMILY, drives=("RPI-RP2",), base=0x10000000),
)
CONTENT = join([(0x10000000, bytes(range(200)) * 100)])


def drive(folder: Path, board_id: str = "RPI-RP2", name: str = "INFO_UF2.TXT") -> Path:
    folder.mkdir(parents=True)
    text = f"UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: {board_id}\r\n"
    (folder / name).write_text(text, newline="")
    return folder


def flash(folder: Path | None, *, restart_s: float = 0.3, board: Board = PICO, **more: Path) -> str:
    return flash_uf2.flash(
        CONTENT, board, folder=folder, progress=lambda *_: None, restart_s=restart_s, **more
    )


def bootloader(folder: Path, content: Content = CONTENT) -> threading.Thread:
    """What a board does: when it has all blocks, its drive goes."""
    whole = len(write_uf2(content, FAMILY))

    def watch() -> None:
        end = time.monotonic() + 20
        while time.monotonic() < end:
            file = folder / "FIRMWARE.UF2"
            if file.exists() and file.stat().st_size == whole:
                shutil.move(file, folder.with_suffix(".taken"))
                shutil.rmtree(folder)
                return
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


@pytest.mark.parametrize("name", ["INFO_UF2.TXT", "info_uf2.txt"])
def test_board_takes_the_file(tmp_path: Path, name: str) -> None:
    folder = drive(tmp_path / "RPI-RP2", name=name)
    thread = bootloader(folder)
    said = flash(folder, restart_s=20)
    thread.join()
    assert said == (
        f"pico: 20,000 bytes copied to {folder} (RPI-RP2), taken by the bootloader, started."
    )
    taken = read_uf2(folder.with_suffix(".taken").read_bytes(), FAMILY)
    assert taken.content == CONTENT.filled(4096)


def test_drives_are_found_in_the_table_of_mounts(tmp_path: Path) -> None:
    folder = drive(tmp_path / "my disk" / "RPI-RP2")
    other = drive(tmp_path / "nano", board_id="nRF52840-nano-v1")
    (tmp_path / "stick").mkdir()
    mounts = tmp_path / "mounts"
    lines = [("proc", "/proc", "proc"), ("net", drive(tmp_path / "net"), "nfs4")]
    lines += [("sdb1", p, "vfat") for p in (folder, other, tmp_path / "stick", "/nowhere")]
    mounts.write_text(
        "".join(f"{d} {str(p).replace(' ', chr(92) + '040')} {k} rw 0 0\n" for d, p, k in lines)
        + "short\n"
    )
    found = flash_uf2.list_drives(mounts)
    assert found == (
        flash_uf2.Drive(folder, "RPI-RP2", "Raspberry Pi RP2"),
        flash_uf2.Drive(other, "nRF52840-nano-v1", "Raspberry Pi RP2"),
    )
    assert flash_uf2.choose_drive(PICO, None, found).folder == folder
    assert flash_uf2.list_drives(tmp_path / "none") == ()
    thread = bootloader(folder)
    assert str(folder) in flash(None, restart_s=20, mounts=mounts)
    thread.join()


def test_device_that_goes_while_its_folder_stays_in_the_cache(tmp_path: Path) -> None:
    folder, device = drive(tmp_path / "d"), tmp_path / "sdb1"
    device.write_text("")
    (tmp_path / "mounts").write_text(f"{device} {folder} vfat rw 0 0\n")
    timer = threading.Timer(0.5, device.unlink)
    timer.start()
    assert "taken by the bootloader" in flash(folder, restart_s=20, mounts=tmp_path / "mounts")
    timer.join()


def test_no_drive(tmp_path: Path) -> None:
    (tmp_path / "mounts").write_text("")
    with pytest.raises(FirmwareError, match=r"drive of pico must be mounted.*BOOTSEL.*--drive"):
        flash(None, mounts=tmp_path / "mounts")
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(FirmwareError, match=r"with INFO_UF2\.TXT\. Received: "):
            flash(folder)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["mounts"]


def test_drive_of_another_board(tmp_path: Path) -> None:
    for name, board_id in (("a", "RP2350"), ("b", "")):
        folder = drive(tmp_path / name, board_id=board_id)
        with pytest.raises(
            FirmwareError, match=r"begins with RPI-RP2\. Received: .*\((RP2350|no Board-ID)"
        ):
            flash(folder)
        assert [p.name for p in folder.iterdir()] == ["INFO_UF2.TXT"]


def test_two_drives(tmp_path: Path) -> None:
    folders = [drive(tmp_path / name) for name in ("one", "two")]
    (tmp_path / "mounts").write_text("".join(f"d {p} vfat rw 0 0\n" for p in folders))
    with pytest.raises(FirmwareError, match=r"One drive .*one .*two .*--drive"):
        flash(None, mounts=tmp_path / "mounts")


def test_board_that_does_not_restart(tmp_path: Path) -> None:
    folder = drive(tmp_path / "d")
    with pytest.raises(FirmwareError, match=r"still there after 0\.3 s.*0xe48bff56 \(RP2040\)"):
        flash(folder)


@pytest.mark.parametrize("right", [True, False])
def test_bootloader_that_stays_is_read_back(tmp_path: Path, right: bool) -> None:
    folder = drive(tmp_path / "d")
    data = CONTENT.segments[0][1]
    held = join([(0x10000000, data if right else data[:9000] + b"?" + data[9001:])])
    (folder / "CURRENT.UF2").write_bytes(write_uf2(held, 0))
    if right:
        assert "read back equal" in flash(folder)
    else:
        with pytest.raises(FirmwareError, match="other bytes in the 4096 from 0x10002000"):
            flash(folder)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO])
def test_copying_fails(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = drive(tmp_path / "d")
    write = os.write

    def broken(handle: int, data: bytes) -> int:
        if data.startswith(b"UF2\n") and len(data) < 32768:
            raise OSError(number, os.strerror(number))
        return write(handle, data)

    monkeypatch.setattr(os, "write", broken)
    with pytest.raises(
        FirmwareError, match=rf"{os.strerror(number)} after 32,768 of 40,960 bytes\. Plug"
    ):
        flash(folder)


def test_board_that_is_gone_before_the_system_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = drive(tmp_path / "d")
    calls = []

    def gone(handle: int) -> None:
        calls.append(handle)
        if len(calls) == 2:  # the second part is the last
            shutil.rmtree(folder)
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", gone)
    assert "taken by the bootloader" in flash(folder)
