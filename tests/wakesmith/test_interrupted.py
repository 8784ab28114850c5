"""Ctrl-C in a comparison, with a real process: nothing is lost, and the same command goes on."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.wakesmith.conftest import ROOT, TINY, Tiny, wakesmith
from wakesmith.job import RECORD

COMMAND = ("compare", "tiny.toml", "--schemes", "ptq_int8,dynamic_range")


def stopped(folder: Path, stage: Path) -> tuple[int, str]:
    """Start the comparison, press Ctrl-C in a stage; exit code and what was said."""
    with subprocess.Popen(
        [sys.executable, "-m", "wakesmith", *COMMAND],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        deadline = time.monotonic() + 300
        while not running(stage) and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # as the terminal does
        error = process.stderr.read()
        return process.wait(timeout=120), error


def running(stage: Path) -> bool:
    """Whether the folder that a stage fills is there."""
    return any(stage.parent.glob(f".{stage.name}-*"))


def finished(stages: Path) -> dict[str, int]:
    """Stage -> when its record was written."""
    records = sorted(stages.rglob(RECORD))
    return {p.parent.relative_to(stages).as_posix(): p.stat().st_mtime_ns for p in records}


def test_a_comparison_goes_on_where_it_was_stopped(tiny: Tiny, tmp_path: Path) -> None:
    build = tmp_path / "build" / "tiny"
    stages = build / "stages"
    for stage in ("speech", "features", "train"):
        shutil.copytree(tiny.build / "stages" / stage, stages / stage)
    (build / ".lock").touch()
    (tmp_path / "tiny.toml").write_text(TINY, encoding="utf-8")
    seen: dict[str, int] = {}
    for scheme in ("float32", "ptq_int8"):
        name = f"compare/{scheme}-seed1/evaluate"
        code, error = stopped(tmp_path, stages / name)
        assert code == 130, error
        assert "Traceback" not in error
        kept = finished(stages)
        assert f"compare/{scheme}-seed1/quantize" in kept
        assert name not in kept
        told = re.search(r"Stopped in (\S+)\. (\d+) of (\d+) steps are finished and kept", error)
        assert told is not None, error
        assert told[1] == name
        assert int(told[2]) == len(kept) < int(told[3])
        assert "Run the same command again" in error
        assert not [p for p in stages.rglob(".*-*") if p.is_dir()], "half a stage"
        assert {name: kept[name] for name in seen} == seen
        assert not (build / "compare.json").exists()
        seen = kept
    end = wakesmith(*COMMAND, cwd=tmp_path)
    assert end.returncode == 0, end.stderr
    last = finished(stages)
    assert {name: last[name] for name in seen} == seen
    assert len(last) > len(seen)
    rows = json.loads((build / "compare.json").read_text())["rows"]
    assert [row["label"] for row in rows] == ["float32", "ptq_int8", "dynamic_range"]
    assert all(len(row["runs"]) == 1 and not row["refused"] for row in rows)
