from __future__ import annotations

from pathlib import Path

import pytest

from convert.emit_frontend import emit_frontend
from convert.frontend import FrontEnd
from firmware.board import load_board
from firmware.build import Compiler
from firmware.fitting import ImageTooLargeError, shares
from tests.keyword_net import keyword_image, keyword_model
from tests.needs import COMPILERS


@pytest.mark.parametrize("compiler", COMPILERS)
def test_too_large_for_a_microbit(compiler: Compiler, tmp_path: Path) -> None:
    with pytest.raises(ImageTooLargeError) as caught:
        keyword_image(tmp_path, compiler, board="microbit", channels=16)
    whole = keyword_image(
        tmp_path, compiler, channels=16
    )  # the same parts, but for the board's own
    error = caught.value
    (need,) = error.needs
    assert (need.region, need.has) == ("RAM", 16384)
    parts = {share.part: share for share in error.shares}
    model = keyword_model(16)
    assert parts["model"].ram >= model.arena_size
    assert parts["stack"].ram == 1536
    assert parts["front-end"].ram > 49 * 40 * 2 and parts["front-end"].flash > 3000
    assert parts["kernels"].ram == 0 and parts["kernels"].flash > 1000
    assert abs(sum(share.ram for share in error.shares) - need.needs) <= 16
    assert parts["libraries and padding"].ram < 64
    text = str(error)
    assert f"RAM has 16,384 bytes, the image needs {need.needs:,} (model " in text
    assert "smaller activations" in text and "larger board: " in text
    assert whole.ram_bytes > 10_000
    assert not list(tmp_path.glob("*microbit*"))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_shares_add_up(compiler: Compiler, tmp_path: Path) -> None:
    image = keyword_image(tmp_path, compiler)
    model = keyword_model()
    sources = {**emit_frontend(FrontEnd()), **model.files}
    found = {share.part: share for share in shares(image.elf.read_bytes(), sources)}
    assert sum(share.flash for share in found.values()) == image.flash_bytes
    assert sum(share.ram for share in found.values()) == image.ram_bytes + image.stack_bytes
    assert found["model"].flash >= sum(
        symbol.size for symbol in image.symbols if symbol.name.startswith("model_layer")
    )


def test_the_smallest_boards_that_would_do_are_named(tmp_path: Path) -> None:
    with pytest.raises(ImageTooLargeError) as caught:
        keyword_image(tmp_path, board="microbit", channels=16)
    named = str(caught.value).split("larger board: ")[1]
    first = load_board(named.split(" ")[0])
    assert first.ram_size > 16384 and first.name != "microbit"
