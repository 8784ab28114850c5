"""`[firmware] pack_weights` reaches the generated C and the keys of the stages that make it."""

from __future__ import annotations

from pathlib import Path

from convert.frontend import FrontEnd
from convert.generated import CodeSpec
from tests import ds_cnn as net
from tests.wakesmith.conftest import TINY
from wakesmith.project import load_project
from wakesmith.stages import build_stages
from wakesmith.steps.convert import generate


def _stages(tmp_path: Path, switch: str) -> dict[str, object]:
    file = tmp_path / "tiny.toml"
    file.write_text(f"{TINY}\n[firmware]\n{switch}\n")
    return {s.name: s.reads for s in build_stages(load_project(file), tmp_path)}


def test_stages_that_make_c_are_keyed_by_it(tmp_path: Path) -> None:
    on, off = (_stages(tmp_path, f"pack_weights = {word}") for word in ("true", "false"))
    changed = {name for name in on if on[name] != off[name]}
    assert changed == {"convert", "firmware", "verify", "report"}
    assert _stages(tmp_path, "") == on


def test_generated_c_follows_it() -> None:
    model = net.ds_cnn(net.log4)
    packed, plain = (
        generate(model, (), FrontEnd(), 16_000, CodeSpec(pack=pack)) for pack in (True, False)
    )
    assert "conv2d_s4.c" in packed.kernels and "conv2d_s4.c" not in plain.kernels
    assert packed.flash_bytes < plain.flash_bytes
