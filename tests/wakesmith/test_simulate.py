"""`wakesmith simulate`: words into the microphones of boards, the same events as on the host."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile

from firmware.board import load_board
from simulate.devices.stm32f4_audio import Modulator
from simulate.listening import detector_plan
from simulate.stream import stream
from tests.firmware.test_pdm import decimate
from tests.wakesmith.conftest import TINY, Tiny, wakesmith, wakesmith_inside
from wakesmith.built import Built, open_built

MICROPHONES = ("nrf52840dk", "raspberry-pi-pico", "raspberry-pi-pico2", "stm32f407-discovery")
DETECT = "\n[detect]\nthreshold = 0.25\naverage = 2\nrelease = 0.9\n"


def digitised(board: str, pcm: np.ndarray) -> np.ndarray:
    """What the board's converter and driver make of a recording."""
    if board == "stm32f407-discovery":  # bits, and what a filter makes of them
        heard = np.concatenate([pcm, np.zeros(8000, np.int16)])
        return decimate(Modulator().bits(heard))[: pcm.size]
    return pcm >> 4 << 4 if board.startswith("raspberry-pi-pico") else pcm  # 12 bits


def speech(built: Built, seconds: int) -> np.ndarray:
    """Clips of the project's words, one in two seconds, in soft noise."""
    rng = np.random.default_rng(4)
    pcm = rng.normal(0, 15, seconds * 16000)
    data = built.data
    words = np.flatnonzero(
        np.isin(data.labels, [data.classes.index(w) for w in built.project.project.words])
    )
    rows = rng.permutation(words)[: seconds // 2]
    for place, row in enumerate(rows):
        clip = np.asarray(data.pcm[row], np.float64)[:16000]
        at = place * 32000 + int(rng.integers(0, 12000))
        pcm[at : at + clip.size] += clip[: pcm.size - at]
    return pcm.clip(-32768, 32767).astype(np.int16)


def on_host(built: Built, pcm: np.ndarray) -> tuple[str, ...]:
    """The events, as the host gives them; with the silence that the command lets follow."""
    project, graph = built.project, built.graph
    plan = detector_plan(
        graph,
        built.data.classes,
        project.frontend,
        words=project.project.words,
        detect=project.detect,
    )
    backend, ears = built.backend("host"), built.feature_backend("host")
    assert ears is not None

    def posteriors(features: np.ndarray) -> np.ndarray:
        return np.asarray(backend.run(features)[graph.outputs[0]])

    results = stream(
        np.concatenate([pcm, np.zeros(8000, np.int16)]),
        project.frontend,
        plan,
        window=project.samples,
        ears=ears,
        posteriors=posteriors,
    )
    return tuple(str(result.event) for result in results if result.event)


def check(built: Built, board: str, seconds: int, file: Path, out: Path, folder: Path) -> None:
    pcm = speech(built, seconds)
    sound = folder / "speech.wav"
    soundfile.write(sound, pcm, 16000, subtype="PCM_16")
    expected = on_host(built, digitised(board, pcm))
    assert len(expected) >= seconds // 12, expected  # or the test shows nothing
    done = wakesmith_inside(
        *("simulate", sound, "--project", file, "--board", board, "--out", out), cwd=file.parent
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    told = re.findall(r"^ +([0-9.]+) s  (event ([0-9]+) .*)$", done.stdout, re.MULTILINE)
    assert tuple(event for _, event, _ in told) == expected
    for time, _, milliseconds in told:
        assert 0 < float(time) - int(milliseconds) / 1000 < 0.4  # a run of the model, a block
    assert f"{len(expected)} events and 0 overruns in {seconds + 0.5:.1f} s" in done.stdout


@pytest.fixture(scope="module")
def words(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    """The tiny project with a detector that is easy to please, in a build folder of its own."""
    file = tmp_path_factory.mktemp("words") / "tiny.toml"
    file.write_text(tiny.file.read_text(encoding="utf-8") + DETECT, encoding="utf-8")
    out = file.parent / "out"
    shutil.copytree(tiny.build, out)
    done = wakesmith("build", file, "--out", out, "--quiet", cwd=file.parent)
    assert done.returncode == 0, done.stderr
    return Tiny(file, out, done.stdout)


@pytest.mark.parametrize("board", MICROPHONES)
def test_events_of_the_board_are_the_host_s(board: str, words: Tiny, tmp_path: Path) -> None:
    check(open_built(words.file, words.build), board, 12, words.file, words.build, tmp_path)


DIGITS = TINY
for old, new in (
    ('"tiny"', '"digits"'),
    (
        '["yes", "no", "stop"]',
        '["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]',
    ),
    ("clips_per_word = 60", "clips_per_word = 100"),
    ("copies = 1", "copies = 5"),
    ("epochs = 2", "epochs = 100"),
    ("width = 12", "width = 32"),
):
    DIGITS = DIGITS.replace(old, new)


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("digits") / "digits.toml"
    # One run of this network takes an M0+ at 125 MHz 0.3 s.
    file.write_text(DIGITS + DETECT + "every_ms = 500\n", encoding="utf-8")
    done = wakesmith("build", file, "--quiet", cwd=file.parent)
    assert done.returncode == 0, done.stderr
    return file


@pytest.mark.slow
@pytest.mark.parametrize("board", MICROPHONES)
def test_a_minute_of_digits(board: str, digits: Path, tmp_path: Path) -> None:
    out = digits.parent / "build" / "digits"
    check(open_built(digits, out), board, 60, digits, out, tmp_path)


def test_what_cannot_be_simulated_is_said_in_a_sentence(tiny: Tiny, tmp_path: Path) -> None:
    sound = tmp_path / "speech.wav"
    soundfile.write(sound, np.arange(16000, dtype=np.int16), 16000)
    for arguments, words in (
        ((sound, "--project", tiny.file), "must have a microphone that the simulator models"),
        ((sound, "--project", tiny.file, "--board", "nrf52"), "Did you mean nrf52840dk"),
        ((tmp_path / "none.wav", "--project", tiny.file, "--board", "nrf52840dk"), "none.wav"),
        ((sound, "--board", "nrf52840dk"), "must be named, or be the only one"),
    ):
        done = wakesmith_inside("simulate", *arguments, "--out", tiny.build, cwd=tmp_path)
        assert done.returncode == 2 and words in done.stderr, done.stdout + done.stderr
    done = wakesmith_inside("simulate", "--help", cwd=tmp_path)
    assert "Example:  wakesmith simulate --board nrf52840dk" in done.stdout
    assert load_board("nrf52840dk").chip == "nrf52840"


def test_the_command_recognize_hears_a_stream(words: Tiny, tmp_path: Path) -> None:
    pcm = speech(open_built(words.file, words.build), 12)
    for name, part in (("speech", pcm), ("short", pcm[:5000])):
        soundfile.write(tmp_path / f"{name}.wav", part, 16000, subtype="PCM_16")
    arguments = ("recognize", "--stream", "--project", words.file, "--out", words.build)
    done = wakesmith_inside(*arguments, "speech.wav", cwd=tmp_path)
    expected = on_host(open_built(words.file, words.build), pcm)
    told = re.findall(r"^ +([0-9.]+) s  (\w+) [0-9.]+%$", done.stdout, re.MULTILINE)
    heard = [event.split() for event in expected if int(event.split()[1]) <= 12000]
    assert heard and told == [(f"{int(e[1]) / 1000:.2f}", e[4]) for e in heard]
    done = wakesmith_inside(*arguments, "short.wav", cwd=tmp_path)
    assert "no word: the recording is too short" in done.stdout
    high = tmp_path / "high.toml"
    high.write_text(
        words.file.read_text(encoding="utf-8").replace("0.25", "0.95"), encoding="utf-8"
    )
    arguments = ("recognize", "--stream", "--project", high, "--out", words.build)
    done = wakesmith_inside(*arguments, "speech.wav", cwd=tmp_path)
    assert re.search(
        r"no word; closest was (yes|no|stop) at [0-9.]+ s with [2-9][0-9]\.[0-9]%, an event takes "
        r"95\.1% \(\[detect\]\)",
        done.stdout,
    ), done.stdout
