"""One small project, built once per test session: three words, a few voices, two epochs."""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

TINY = """\
[project]
name = "tiny"
words = ["yes", "no", "stop"]
seed = 1

[[data.sources]]
kind = "synthetic"
clips_per_word = 60
voices = ["en-us"]

[model]
name = "ds_cnn"
width = 12
blocks = 1

[train]
epochs = 2
copies = 1
warmup_epochs = 0.5

[quantization]
scheme = "ptq_int8"

[verify]
clips = 12
emulated_clips = 6
"""


@dataclass(frozen=True)
class Tiny:
    """The project file, its build folder and what the build printed."""

    file: Path
    build: Path
    printed: str


def wakesmith(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command as a user does."""
    return subprocess.run(
        [sys.executable, "-m", "wakesmith", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def wakesmith_inside(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in this process: quicker, for what does not depend on a fresh one."""
    from wakesmith.cli import app

    out, err, before, code = io.StringIO(), io.StringIO(), Path.cwd(), 0
    os.chdir(cwd)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            app([str(a) for a in arguments], prog_name="wakesmith")
    except SystemExit as end:
        code = int(end.code or 0)
    finally:
        os.chdir(before)
    return subprocess.CompletedProcess([], code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """Built once, also when pytest-xdist runs several workers: the first builds, others wait."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "tiny"
    folder.mkdir(exist_ok=True)
    file, log = folder / "tiny.toml", folder / "printed.txt"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not log.exists():
            file.write_text(TINY, encoding="utf-8")
            done = wakesmith("build", file, cwd=folder)
            assert done.returncode == 0, done.stdout + done.stderr
            log.write_text(done.stdout, encoding="utf-8")
    return Tiny(file, folder / "build" / "tiny", log.read_text(encoding="utf-8"))
