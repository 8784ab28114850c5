"""Projects for other boards than the default one: built, proven, or refused with the numbers."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from convert.errors import UserError
from convert.frontend import FrontEnd
from firmware.board import load_board
from tests.wakesmith.conftest import TINY, Tiny, wakesmith
from train.models import ModelSpec
from train.quantization import QatInt8
from wakesmith.job import Job
from wakesmith.steps import foresee_room

LABELS = ("yes", "no", "stop", "go")


def build_for(board: str, tiny: Tiny, folder: Path, more: str = "") -> tuple[int, str]:
    """The tiny project for another board; what does not depend on the board is taken over."""
    shutil.copytree(tiny.build, folder / "build" / "tiny")
    file = folder / "tiny.toml"
    file.write_text(f'{TINY}\n[firmware]\nboard = "{board}"\n{more}', encoding="utf-8")
    done = wakesmith("build", file, cwd=folder)
    return done.returncode, done.stdout + done.stderr


def test_a_core_that_is_not_emulated(tiny: Tiny, tmp_path: Path) -> None:
    code, said = build_for("mps3-an547", tiny, tmp_path)
    assert code == 0, said
    assert "tiny on mps3-an547 (Cortex-M55)" in said
    assert "accuracy, firmware" not in said and "instructions" not in said
    assert "speech    up to date" in said or "training" not in said, said
    verified = wakesmith("verify", tmp_path / "tiny.toml", "--clips", 4, cwd=tmp_path)
    assert verified.returncode == 0, verified.stderr
    assert "the core of mps3-an547 is not emulated here: compared without cortex-m" in (
        verified.stdout
    )
    assert verified.stdout.rstrip().endswith("0 differ")
    (tmp_path / "tiny.toml").write_text(
        f'{TINY}\n[firmware]\nboard = "mps3-an547"\n[budget]\ninstructions = 1000\n'
    )
    refused = wakesmith("build", "tiny.toml", cwd=tmp_path)
    assert refused.returncode == 2
    assert "budget.instructions must go with a board whose core is emulated" in refused.stderr


@pytest.mark.slow
@pytest.mark.parametrize("board", ["mps2-an385", "mps2-an500", "mps2-an505", "nrf52840dk"])
def test_other_boards(board: str, tiny: Tiny, tmp_path: Path) -> None:
    code, said = build_for(board, tiny, tmp_path)
    assert code == 0, said
    assert f"tiny on {board}" in said and "accuracy, firmware" in said
    mismatches = next(line for line in said.splitlines() if line.startswith("mismatches"))
    assert mismatches.split()[1] == "0"


def foresee(model: ModelSpec, fe: FrontEnd, board: str) -> None:
    job = Job(Path(), {}, lambda done, total, note: None)
    foresee_room.run(job, QatInt8(), model, fe, Path(), LABELS, 16000, board, "zig")


def test_a_network_for_a_microbit(tmp_path: Path) -> None:
    foresee(ModelSpec("res_sep", width=32), FrontEnd(mels=32), "microbit")
    with pytest.raises(UserError) as caught:
        foresee(ModelSpec("res_sep", width=96), FrontEnd(), "microbit")
    text = str(caught.value)
    assert (
        "must fit the memory of microbit. Received: RAM has 16,384 bytes, the image needs" in text
    )
    assert "(front-end 6,6" in text or "(model " in text
    hint = text.split("res_sep of model.width = ")[1]
    width, rest = hint.split(" would fit, with ")
    assert int(width) in (24, 48, 72)
    ram = int(rest.split("of flash and ")[1].split(" of RAM")[0].replace(",", ""))
    assert 8_000 < ram <= load_board("microbit").ram_size
    foresee(ModelSpec("res_sep", width=int(width)), FrontEnd(), "microbit")


def test_large_boards_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(foresee_room, "link", never)
    foresee(ModelSpec("res_sep"), FrontEnd(), "mps2-an386")
    with pytest.raises(AssertionError):
        foresee(ModelSpec("res_sep"), FrontEnd(), "microbit")
