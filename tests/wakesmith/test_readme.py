"""What the README shows is what is there, and it runs."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.wakesmith.conftest import ROOT
from wakesmith.cli import app
from wakesmith.project import load_project

README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_the_training_script_is_short_and_runs(tmp_path: Path) -> None:
    (script,) = blocks("python")
    assert script == (ROOT / "examples" / "train_script.py").read_text(encoding="utf-8")
    assert len(script.splitlines()) <= 30
    (tmp_path / "script.py").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    accuracy = re.search(r"accuracy ([\d.]+)", done.stdout)
    assert accuracy is not None
    assert float(accuracy[1]) > 0.8
    assert "tflm = cortex-m" in done.stdout
    assert "bytes equal" in done.stdout


def test_the_project_file_is_valid(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "commands.toml").write_text(text, encoding="utf-8")
    assert load_project(tmp_path / "commands.toml").project.words == ("yes", "no", "stop")


def test_commands_exist() -> None:
    named = set(re.findall(r"^    .*?wakesmith ([a-z]+)", README, flags=re.MULTILINE))
    known = {
        command.name or command.callback.__name__
        for command in app.registered_commands
        if command.callback
    } | {group.name for group in app.registered_groups}
    assert named
    assert named <= known


def test_links_and_examples_exist() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
    for example in sorted((ROOT / "examples").glob("*.toml")):
        project = load_project(example)
        assert project.project.name == example.stem


def test_the_makefile_has_what_the_readme_names() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)", README):
        assert re.search(rf"^{target}:.*##", makefile, flags=re.MULTILINE), target
