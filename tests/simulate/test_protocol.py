"""The serial protocol as the emulated firmware speaks it, with well-formed and hostile input."""

from __future__ import annotations

import random
import re
from pathlib import Path

import numpy as np
import pytest
from unicorn.unicorn_const import UC_HOOK_CODE

from convert.detector import Detector
from convert.frontend import FrontEnd
from convert.tflite_reader import read
from firmware.image import Image
from simulate.cortexm import CortexMBackend
from simulate.machine import Machine
from simulate.machine_line import MachineLine
from simulate.protocol import BLOCK_SAMPLES, Board, BoardError, pcm_line, scores_of
from simulate.qemu import QemuBoard, qemu_available
from simulate.recognizer import Recognizer, recognize
from simulate.timing import cycles_per_instruction
from tests.keyword_net import LABELS, keyword_image, keyword_model, keyword_tflite
from tests.needs import QEMU
from tests.simulate.test_cortexm import clips

UNKNOWN = "error a command must be info, selftest, bench, listen, stop, inject or pcm. Received: {}"
LAYER = keyword_model().layers[1].function
LONG = "error a line must have at most 255 bytes"
ASCII = "error a line must be printable ASCII"
WRONG_PCM = "error pcm must be followed by a number, a CRC of 8 hex digits and base64"


@pytest.fixture(scope="module")
def keyword(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return keyword_image(tmp_path_factory.mktemp("keyword"))


@pytest.fixture
def receiver(keyword: Image) -> Recognizer:
    return Recognizer(keyword)


def block(pcm: np.ndarray, index: int) -> str:
    part = pcm[index * BLOCK_SAMPLES : (index + 1) * BLOCK_SAMPLES]
    return pcm_line(index, part.astype("<i2").tobytes())


def test_banner_and_info(receiver: Recognizer) -> None:
    assert receiver.banner.splitlines()[0] == "name keyword test"
    assert "ready samples 16000" in receiver.banner
    info = receiver.board.info()
    assert info["protocol"] == "1" and info["board"] == "mps2-an386"
    assert info["model"] == keyword_model().model_hash
    assert info["frontend"] == FrontEnd().hash()
    assert (
        re.fullmatch("[0-9a-f]{8} ok", info["image"])
        and info["runtime"] == "c"
        and info["clock"] == "25000000"
    )
    assert tuple(label.text for label in info.labels) == LABELS
    assert [label.threshold for label in info.labels] == [2**31 - 1, 461, 461, 461]
    assert info.samples == 16000


def test_scores_of_a_clip(receiver: Recognizer, keyword: Image) -> None:
    pcm = clips(4)
    expected = CortexMBackend(keyword, keyword_model()).posteriors(pcm)
    for clip, scores in zip(pcm[:1], expected[:1], strict=True):
        heard = receiver.recognize(clip)
        assert heard.scores == tuple(scores)
        assert heard.label == LABELS[int(np.argmax(scores))]
    long = np.concatenate([pcm[3], pcm[0], pcm[1][:77]])  # the last whole hops count
    whole = long[: long.size // 320 * 320][-16000:]
    last = CortexMBackend(keyword, keyword_model()).run_clip(whole)
    assert receiver.recognize(long).scores == tuple(last)
    assert recognize(keyword, pcm[0])[0].startswith("scores 1000 ")


def test_selftest_finds_the_answers_of_the_build(receiver: Recognizer) -> None:
    lines = receiver.board.ask("selftest")
    assert [re.sub(r" [0-9a-f]{8} ", " ", line) for line in lines] == [
        "check image 0 ok",
        "check features 0 ok",
        "check vector 0 ok",
        "check vector 1 ok",
    ]


def damage(machine: Machine, symbol: str) -> None:
    """Flip bits in a third of an object, after start-up has found the image whole."""
    size = machine.image.symbol(symbol).size
    machine.symbol_view(symbol, size)[size // 3 : 2 * size // 3] ^= 64


IMAGE = "the image must have the CRC of its build: flash is damaged"


@pytest.mark.fault
@pytest.mark.parametrize("symbol", ["ws_selftest_answers", "ws_fe_window", "ws_fe_log"])
def test_damage_is_found(symbol: str, keyword: Image) -> None:
    machine = Machine(keyword)
    machine.boot()
    damage(machine, symbol)
    board = Board(MachineLine(machine))
    with pytest.raises(BoardError, match=IMAGE):
        board.ask("selftest")
    for command in ("listen", "inject 16000 clip", "bench"):  # refused from then on
        with pytest.raises(BoardError, match=IMAGE):
            board.ask(command)
    assert board.info()["image"].endswith(" wrong")


@pytest.mark.fault
def test_damage_at_start(keyword: Image) -> None:
    machine = Machine(keyword)
    machine.symbol_view("ws_fe_window", 4)[1] ^= 1
    banner = machine.boot()
    assert f"error {IMAGE}" in banner and "ready" not in banner
    with pytest.raises(BoardError, match=IMAGE):
        Board(MachineLine(machine)).inject(clips(1)[0])


@pytest.mark.fault
def test_wrong_arithmetic_is_found(keyword: Image) -> None:
    """The image is whole, but RAM that the model needs does not hold what was written."""
    machine = Machine(keyword)
    machine.boot()
    arena = machine.elf.symbols["model_arena"]
    cell = arena + keyword_model().layers[0].offset + 1000

    def stuck(*_: object) -> None:
        machine.view(cell, 64)[:] = 127

    machine._engine.hook_add(UC_HOOK_CODE, stuck, None, *[machine.elf.symbols[LAYER]] * 2)
    with pytest.raises(BoardError, match=r"must obey selftest.*Received: [12] other answers"):
        Board(MachineLine(machine)).ask("selftest")


def test_bench_counts_what_the_profile_counts(receiver: Recognizer, keyword: Image) -> None:
    lines = receiver.board.ask("bench")
    values = {line.rsplit(" ", 1)[0]: int(line.rsplit(" ", 1)[1]) for line in lines}
    backend = CortexMBackend(keyword, keyword_model())
    profile = backend.profile()
    per = cycles_per_instruction("cortex-m4f")
    layers = keyword_model().layers
    told = [values[f"layer {i} {layer.kind}"] for i, layer in enumerate(layers)]
    # Counted from call to return; the counter itself and the call take some 40 instructions.
    for cycles, layer in zip(told, profile.layers, strict=True):
        assert 0 <= cycles - int(layer.instructions * per) < 100
    assert sum(told) < values["result"] < sum(told) + values["window"] + 1000
    assert profile.per_frame * per * 0.8 < values["hop"] < profile.per_frame * per * 1.2
    assert values["clock"] == 25_000_000 and values["runs"] == 1


def test_without_a_microphone(receiver: Recognizer) -> None:
    with pytest.raises(BoardError, match="must find a microphone"):
        receiver.board.ask("listen")
    with pytest.raises(BoardError, match="stop must follow"):
        receiver.board.ask("stop")


HOSTILE = [
    (b"\n\n\r\n", ()),
    (b"hello\n", (UNKNOWN.format("hello"),)),
    (b"info extra\n", (UNKNOWN.format("info extra"),)),
    (b"x" * 255 + b"\n", (UNKNOWN.format("x" * 40),)),
    (b"x" * 256 + b"\n", (LONG,)),
    (b"\x00" * 5000 + b"\n", (LONG,)),
    (b"\x00info\n", (ASCII,)),
    (b"inf\xc3\xb6\n", (ASCII,)),
    (b"in\rfo\n", (ASCII,)),
    (b"pcm\n", ("error pcm must follow inject",)),
    (b"inject\n", ("error inject must be followed by a number of samples and clip or stream",)),
    (
        b"inject 16000\n",
        ("error inject must be followed by a number of samples and clip or stream",),
    ),
    (
        b"inject -1 clip\n",
        ("error inject must be followed by a number of samples and clip or stream",),
    ),
    (
        b"inject 99999999999 clip\n",
        ("error inject must be followed by a number of samples and clip or stream",),
    ),
    (b"inject 15999 clip\n", ("error samples must be 16000 to 57600000. Received: 15999",)),
    (
        b"inject 4294967295 clip\n",
        ("error samples must be 16000 to 57600000. Received: 4294967295",),
    ),
    (b"inject 0 stream\n", ("error samples must be 1 to 57600000. Received: 0",)),
]


@pytest.mark.parametrize(("data", "answer"), HOSTILE)
def test_hostile_lines(data: bytes, answer: tuple[str, ...], receiver: Recognizer) -> None:
    assert receiver.send(data) == answer
    assert receiver.send(b"stop\r\n") == ("error stop must follow listen or inject",)


BAD_BLOCKS = [
    ("pcm", WRONG_PCM),
    ("pcm 0", WRONG_PCM),
    ("pcm 0 1234567 AAAA", WRONG_PCM),
    ("pcm 0 1234567G AAAA", WRONG_PCM),
    ("pcm 99999999999 00000000 AAAA", WRONG_PCM),
    ("pcm 0 00000000 AAA", "error pcm must bring 1 to 80 samples in base64, and no more than"),
    ("pcm 0 00000000 AA=A", "error pcm must bring"),
    ("pcm 0 00000000 AAAB====", "error pcm must bring"),
    ("pcm 0 00000000 AAB=", "error pcm must bring"),  # bits that nobody reads
    ("pcm 0 00000000 AAAA", "error pcm must bring"),  # three bytes
    ("pcm 0 00000000 ", "error pcm must bring"),
    ("pcm 0 00000000 " + "A" * 216, "error pcm must bring"),  # 81 samples
    ("pcm 0 00000000 AAE=", "error pcm must have the CRC that it names"),
    (pcm_line(1, bytes(160)), "error pcm must be the block that was asked for"),
]


@pytest.mark.parametrize(("line", "error"), BAD_BLOCKS)
def test_bad_blocks_are_asked_for_again(line: str, error: str, receiver: Recognizer) -> None:
    pcm = clips(1)[0]
    assert receiver.send(b"inject 16000 clip\n") == ("send 0 16000",)
    first, again = receiver.send(line.encode() + b"\n")
    assert first.startswith(error) and again == "send 0 16000"
    assert receiver.send(block(pcm, 0).encode() + b"\n") == ("send 1 15920",)
    assert receiver.send(b"stop\n") == ("ok stop",)


def test_an_injection_ends(receiver: Recognizer) -> None:
    pcm = clips(1)[0]
    receiver.send(b"inject 16000 clip\n")
    answer = receiver.send(b"pcm 0 00000000 AAAA\n" * 16)
    assert answer[-1] == "error inject must get a block right in 16 attempts. It is over"
    assert receiver.send(block(pcm, 0).encode() + b"\n") == ("error pcm must follow inject",)
    receiver.send(b"inject 16000 clip\n")
    assert receiver.send(b"selftest\n")[0].startswith("error inject must bring all its samples")
    receiver.send(b"inject 16000 clip\n")
    answer = receiver.send(block(pcm, 0)[:50].encode(), patience_ms=7000)  # truncated
    assert answer == ("error inject must go on within 5 seconds. It is over",)
    assert receiver.send(b"\n")[0].startswith(("error pcm must follow inject",))
    assert receiver.recognize(pcm).scores == receiver.recognize(pcm).scores


def test_one_sample_more_than_left(receiver: Recognizer) -> None:
    assert receiver.send(b"inject 100 stream\n") == ("send 0 100",)
    assert receiver.send(block(np.arange(80), 0).encode() + b"\n") == ("send 1 20",)
    answer = receiver.send(pcm_line(1, bytes(42)).encode() + b"\n")
    assert answer[0].startswith("error pcm must bring") and answer[1] == "send 1 20"
    assert receiver.send(pcm_line(1, bytes(40)).encode() + b"\n") == ("ok inject",)


def corruptions(seed: int, lines: list[bytes]) -> bytes:
    """A conversation's bytes with flips, cuts, doublings, noise and zeros in them."""
    rng = random.Random(seed)
    data = bytearray(b"".join(lines))
    for _ in range(rng.randint(1, 12)):
        at = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at : at + rng.randrange(1, 300)]
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 400))
        elif kind == 3:
            data[at:at] = bytes(rng.randrange(1, 300))
        elif kind == 4:
            data[at:at] = data[at : at + rng.randrange(1, 300)]
        else:
            data[at : at + 1] = b"\n"
        if not data:
            data = bytearray(b"\n")
    return bytes(data)


@pytest.mark.fault
@pytest.mark.parametrize("seed", range(12))
def test_noise_on_the_line_never_stops_the_firmware(seed: int, receiver: Recognizer) -> None:
    pcm = clips(2)[seed % 2][:800]
    lines = [b"info\n", b"inject 800 stream\n"]
    lines += [block(pcm, i).encode() + b"\n" for i in range(10)]
    lines += [b"stop\n", b"selftest\n"]
    for line in receiver.send(corruptions(seed, lines), patience_ms=6000):
        word = line.split(" ")[0]
        assert word in (
            "error", "ok", "send", "scores", "event", "check", "label", "labels", "protocol",
            "name", "version", "board", "runtime", "model", "frontend", "clock", "rate", "samples",
            "hop", "detect", "stack", "image", "layer", "window", "result", "runs",
        )  # fmt: skip
    receiver.send(b"\n")
    assert receiver.board.info()["model"] == keyword_model().model_hash  # it lives on
    assert len(receiver.board.ask("selftest")) == 4


@pytest.mark.parametrize("compiler", [pytest.param("zig", marks=QEMU)])
def test_qemu_says_the_same(compiler: str, keyword: Image, receiver: Recognizer) -> None:
    assert qemu_available()
    pcm = clips(2)[1][:200]  # QEMU takes a millisecond and more per byte; vectors are in selftest
    with QemuBoard(keyword) as board:
        banner = receiver.banner.splitlines()
        assert list(board.lines(len(banner))) == banner
        for data, answer in HOSTILE[:-8]:
            board.send(data)
            assert board.lines(len(answer)) == answer
        assert Board(board).inject(pcm, "stream") == ()
        assert Board(board).ask("selftest") == receiver.board.ask("selftest")
        assert len(Board(board).ask("bench")) == 11


def test_the_library_tells_what_a_board_does_wrong() -> None:
    class Script:
        def __init__(self, *lines: str) -> None:
            self.lines = list(lines)

        def send(self, line: str) -> None:
            self.sent = line

        def receive(self) -> str:
            return self.lines.pop(0)

    def board(*lines: str) -> Board:
        return Board(Script(*lines))

    with pytest.raises(BoardError, match=r"must speak version 1 .*Received: 2"):
        board("protocol 2", "ok info").info()
    with pytest.raises(BoardError, match="Received: none"):
        board("ok info").info()
    with pytest.raises(BoardError, match="label must follow"):
        board("protocol 1", "label x", "ok info").info()
    with pytest.raises(BoardError, match="ask for what is left"):
        board("send 1 50").inject(np.zeros(50, np.int16))
    with pytest.raises(BoardError, match="ask for what is left"):
        board("send 0 40").inject(np.zeros(50, np.int16))
    told: list[tuple[int, int]] = []
    size = BLOCK_SAMPLES + 20
    asked = (f"send 0 {size}", "send 1 20", "ok inject")
    pcm = np.zeros(size, np.int16)
    board(*asked).inject(pcm, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, size), (BLOCK_SAMPLES, size)]
    with pytest.raises(BoardError, match="must take the samples"):
        board("error too bad").inject(np.zeros(50, np.int16))
    with pytest.raises(BoardError, match="with two numbers"):
        board("send x").inject(np.zeros(50, np.int16))
    with pytest.raises(BoardError, match="must follow the protocol"):
        board("what").inject(np.zeros(50, np.int16))
    with pytest.raises(BoardError, match="must tell posteriors"):
        scores_of(["event 1 2 3 x"])
    with pytest.raises(BoardError, match="must be numbers"):
        scores_of(["scores 1 2 x"])
    events: list[str] = []
    told = Board(Script("event 1 2 3 x", "heard 5", "ok stop"), events.append).ask("stop")
    assert told == ("heard 5",) and events == ["event 1 2 3 x"]


def test_detector_settings_reach_the_firmware(tmp_path: Path) -> None:
    detect = Detector(every_ms=60, average=2, threshold=0.5, thresholds={"one": 0.25})
    receiver = Recognizer(keyword_image(tmp_path, detect=detect))
    info = receiver.board.info()
    assert info["detect"] == "3 2 9"
    assert [label.threshold for label in info.labels] == [2**31 - 1, 128, 256, 256]
    assert read(keyword_tflite()).model_hash == info["model"]
