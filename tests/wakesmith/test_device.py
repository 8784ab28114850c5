"""`wakesmith device` and `wakesmith monitor` against an emulated board behind a pseudo-terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile
from unicorn.unicorn_const import UC_HOOK_CODE

from convert.errors import UserError
from firmware.board import load_board
from firmware.image import Image, open_image
from simulate.bridge import Exchange, machine_exchange, pseudo_terminal
from simulate.machine import Machine
from tests.keyword_net import keyword_image, keyword_model
from tests.wakesmith.conftest import ROOT, Tiny, wakesmith_inside
from wakesmith.device.command import run_selftest
from wakesmith.device.port import open_line


def booted(image: Image) -> Machine:
    machine = Machine(image)
    machine.boot()
    return machine


@pytest.fixture(scope="module")
def keyword(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return keyword_image(tmp_path_factory.mktemp("keyword"))


@pytest.fixture
def port(keyword: Image) -> Iterator[str]:
    with pseudo_terminal(machine_exchange(booted(keyword))) as name:
        yield name


def device(port: str, *arguments: object) -> tuple[int, str, str]:
    done = wakesmith_inside("device", "--port", port, *arguments, cwd=Path.cwd())
    return done.returncode, done.stdout, done.stderr


def test_info_selftest_bench(port: str) -> None:
    code, out, err = device(port, "info")
    assert code == 0, err
    assert keyword_model().model_hash in out and "mps2-an386" in out
    assert 'silence (no word), one, zwölf, say "hi"' in out
    code, out, _ = device(port, "selftest")
    assert code == 0 and "all answers are those of the build" in out
    code, out, _ = device(port, "bench")
    assert code == 0 and "layer 0 CONV_2D" in out and "% of real time at 25 MHz" in out


def clip_file(folder: Path, samples: int, seed: int = 1) -> Path:
    noise = np.random.default_rng(seed).normal(0, 3000, samples).clip(-32768, 32767)
    path = folder / f"clip{seed}.wav"
    soundfile.write(path, noise.astype(np.int16), 16000)
    return path


def test_inject_equals_the_simulator(tiny: Tiny, tmp_path: Path, port: str) -> None:
    image = open_image(tiny.build / "firmware.elf", load_board("mps2-an386"))
    machine = booted(image)
    flips: list[int] = []

    def flip(*_: object) -> None:
        """One bit of a posterior changes in RAM before it is told (scores follow two words)."""
        if flips:
            machine.symbol_view("ws_app_result", 9)[8] ^= 1

    tell = machine.elf.symbols["ws_tell_scores"]
    machine._engine.hook_add(UC_HOOK_CODE, flip, None, tell, tell)
    arguments = ("--project", tiny.file, "--out", tiny.build)
    with pseudo_terminal(machine_exchange(machine)) as name:
        code, out, err = device(name, "inject", clip_file(tmp_path, 16_000), *arguments)
        assert code == 0 and "equal to the simulator bit for bit" in out, out + err
        long = clip_file(tmp_path, 20_000, seed=2)
        code, out, err = device(name, "inject", long, "--stream", *arguments)
        assert code == 0 and "equal to the simulator bit for bit, 3 results" in out, out + err

        other = tmp_path / "other.toml"
        other.write_text(tiny.file.read_text(encoding="utf-8") + "\n[detect]\nthreshold = 0.9\n")
        code, _, err = device(
            name, "inject", long, "--stream", "--project", other, "--out", tiny.build
        )
        assert code == 2 and "must have the [detect] settings of" in err
        assert "5 3 5 with thresholds 461, 461, 461 on the board, 5 3 5 with thresholds 692" in err

        flips.append(1)
        code, out, _ = device(name, "inject", clip_file(tmp_path, 16_000), *arguments)
        assert code == 1 and "differs: the board says" in out
        machine.symbol_view("ws_fe_log", 1)[0] ^= 1
        code, out, _ = device(name, "selftest")
        assert code == 1 and "flash is damaged" in out
        code, out, _ = device(name, "info")
        assert code == 1 and "wrong" in out
    code, _, err = device(port, "inject", clip_file(tmp_path, 16_000), *arguments)  # another model
    assert code == 2 and "The board must hold the model of" in err and "wakesmith flash" in err


def answering(*lines: bytes) -> Exchange:
    left = list(lines)
    return lambda data: left.pop(0) if left else b""


MISTAKES: list[tuple[Callable[[], Exchange], str]] = [
    (lambda: answering(), "must answer within 0.5 s"),
    (lambda: lambda data: b"\xff" * 5000, "must send lines"),
    (lambda: lambda data: b"protocol 9\nok info\n", "must speak version 1 of the protocol"),
    (lambda: lambda data: b"error flash\n", "must obey info. Received: flash"),
    (lambda: lambda data: data, "must answer within|version 1"),  # an echo
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_boards_that_are_wrong(number: int) -> None:
    exchange, sentence = MISTAKES[number]
    with pseudo_terminal(exchange()) as name:
        done = wakesmith_inside("device", "--port", name, "--timeout", 0.5, "info", cwd=Path.cwd())
    assert done.returncode == 2
    assert any(part in done.stderr for part in sentence.split("|")), done.stderr


def test_ports_that_are_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wakesmith.device.port.list_ports.comports", lambda: [])
    for name in ("/dev/nonesuch", str(tmp_path), ""):
        code, _, err = device(name, "info")
        assert code == 2 and "--port must" in err and "no serial port here" in err, err
        assert "Traceback" not in err

    class Port:
        def __init__(self, device: str, vid: int | None) -> None:
            self.device, self.vid = device, vid

    ports = [Port("/dev/ttyS0", None), Port("/dev/ttyACM1", 1), Port("/dev/ttyACM0", 1)]
    monkeypatch.setattr("wakesmith.device.port.list_ports.comports", lambda: ports)
    code, _, err = device("", "info")
    assert code == 2 and "2 USB ports to choose from" in err
    assert "Ports here: /dev/ttyACM0, /dev/ttyACM1, /dev/ttyS0." in err
    ports.pop()
    code, _, err = device("", "info")  # the only one is taken
    assert code == 2 and "Received: /dev/ttyACM1" in err


def test_a_port_in_use_is_refused(port: str) -> None:
    with open_line(port):
        code, _, err = device(port, "info")
    assert code == 2 and "--port must be a serial port that is free" in err


def test_a_board_that_goes_away() -> None:
    ours, theirs = os.openpty()
    with open_line(os.ttyname(theirs), patience_s=5) as line:
        os.close(theirs)
        os.close(ours)
        with pytest.raises(UserError, match="must stay connected"):
            line.receive()


@pytest.mark.fault
def test_noise_from_the_board_is_no_traceback(keyword: Image) -> None:
    rng = np.random.default_rng(0)
    for _ in range(6):
        noise = rng.integers(0, 256, 300).astype(np.uint8).tobytes() + b"\n"
        with (
            pseudo_terminal(lambda data, noise=noise: noise) as name,  # type: ignore[misc]
            open_line(name, patience_s=0.3) as line,
            pytest.raises(UserError),
        ):
            run_selftest(line, print)


def test_monitor_shows_what_the_board_says_until_ctrl_c(port: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "wakesmith", "monitor", "--port", port, "--send", "selftest"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        # A shell's background job, as these tests may be, ignores Ctrl-C and passes that on.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    killer = threading.Timer(120, process.kill)
    killer.start()
    lines = []
    for line in process.stdout:
        lines.append(line.strip())
        if line.startswith("ok selftest"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    process.wait(60)
    killer.cancel()
    assert lines[-1] == "ok selftest" and len(lines) == 5
    assert process.returncode == 130


@pytest.mark.parametrize("action", ["", "info", "selftest", "bench", "inject"])
def test_help_has_an_example(action: str) -> None:
    done = wakesmith_inside("device", *action.split(), "--help", cwd=Path.cwd())
    assert done.returncode == 0 and "Example:  wakesmith device --port" in done.stdout
