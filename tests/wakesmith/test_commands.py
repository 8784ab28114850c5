"""What all commands have in common: examples in their help, options that mean the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.core import TyperArgument, TyperOption

from tests.wakesmith.commands import commands
from tests.wakesmith.conftest import ROOT, TINY, wakesmith_inside
from tests.wakesmith.test_cli import refused


@pytest.mark.parametrize("command", sorted(commands()))
def test_every_command_has_help_with_an_example(command: str) -> None:
    done = wakesmith_inside(*command.split(), "--help", cwd=ROOT)
    assert done.returncode == 0
    assert f"Example:  wakesmith {command.split()[0]}" in done.stdout
    assert command.split()[-1] in done.stdout.split("Example:", 1)[1]


def test_the_same_option_means_the_same_everywhere() -> None:
    """--out is the build folder, --to where else a command writes, --project goes with sounds."""
    meanings: dict[str, set[str | None]] = {}
    for command in commands().values():
        for option in command.params:
            if isinstance(option, TyperOption):
                for flag in option.opts:
                    meanings.setdefault(flag, set()).add(option.help)
    for flag in ("--out", "--project", "--jobs"):
        assert len(meanings[flag]) == 1, meanings[flag]
    assert not {"--build", "-o", "-b"} & set(meanings)
    for name in ("build", "compare", "sensitivity", "verify", "report", "clean", "flash", "export"):
        assert isinstance(commands()[name].params[0], TyperArgument), name
    for name in ("recognize", "simulate", "device inject"):
        params = commands()[name].params
        assert {"--project", "--out"} <= {flag for p in params for flag in p.opts}
        assert sum(isinstance(p, TyperArgument) for p in params) == 1


@pytest.mark.parametrize("command", ["recognize", "simulate"])
def test_the_project_file_of_a_folder(tmp_path: Path, command: str) -> None:
    sound = tmp_path / "a.wav"
    sound.write_bytes(b"")
    assert "must be named, or be the only one" in refused(tmp_path, command, sound)
    (tmp_path / "tiny.toml").write_text(TINY)
    (tmp_path / "pyproject.toml").write_text("")
    assert "Received: no speech in build/tiny" in refused(tmp_path, command, sound)
    (tmp_path / "other.toml").write_text(TINY)
    assert "Received: other.toml, tiny.toml. Name it with" in refused(tmp_path, command, sound)


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("p.toml", ("--core", "cortex-m0"), "--core must go with a .tflite. Received: p.toml."),
        ("p.toml", ("--seed", 0), "--seed must go with a .tflite"),
        ("m.tflite", ("--out", "x"), "--out must go with a project"),
        ("m.bin", (), "The model must be a readable file. Received: m.bin"),
        ("m.tflite", ("--inputs", "x.npy", "--seed", 1), "--seed must go with random inputs"),
        ("m.tflite", ("--board", "microbit", "--core", "cortex-m0"), "--core must go with"),
    ],
)
def test_options_of_verify_that_would_do_nothing(
    tmp_path: Path, target: str, options: tuple[object, ...], says: str
) -> None:
    (tmp_path / "p.toml").write_text(TINY)
    assert says in refused(tmp_path, "verify", target, *options)
