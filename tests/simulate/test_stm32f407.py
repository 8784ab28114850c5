"""The STM32F407's driver against models of its peripherals: bits in, PCM out."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

from simulate.devices.sound import SAMPLE_RATE_HZ
from simulate.qemu import qemu_available
from tests.needs import COMPILERS
from tests.simulate.test_boards import heard, machine_of, number

BOARD = "stm32f407-discovery"


def tone(hz: float, samples: int = 12000, amplitude: int = 12000) -> np.ndarray:
    time = np.arange(samples) / SAMPLE_RATE_HZ
    return np.rint(amplitude * np.sin(2 * np.pi * hz * time)).astype(np.int16)


def measure(pcm: np.ndarray, hz: float) -> tuple[float, float]:
    """(amplitude of the tone, rms of everything else)."""
    wave = np.exp(2j * np.pi * hz * np.arange(pcm.size) / SAMPLE_RATE_HZ)
    factor = 2 * np.mean(pcm * np.conj(wave))
    return float(abs(factor)), float(np.std(pcm - np.real(factor * wave)))


@pytest.mark.parametrize("compiler", COMPILERS)
def test_a_tone_arrives(compiler: str, tmp_path: Path) -> None:
    machine = machine_of(BOARD, tmp_path, compiler)
    assert machine.chip.sound is not None
    machine.chip.sound.play(tone(1000))
    machine.console.feed(b"l")
    machine.run_for(300)
    pcm = heard(machine)
    assert 0.27 * SAMPLE_RATE_HZ < pcm.size <= 0.3 * SAMPLE_RATE_HZ
    assert number(machine, "lost") == 0
    # Straight lines between samples and the pass band take up to 0.8 dB; 60 dB is what a
    # modulator of second order at 64 times the rate has to spare.
    amplitude, rest = measure(pcm[800:4000].astype(float), 1000)
    assert 12000 * 10 ** (-0.8 / 20) < amplitude < 12000 * 10 ** (0.3 / 20)
    assert rest < amplitude / 1000


@pytest.mark.fault
def test_overruns_are_counted(tmp_path: Path) -> None:
    machine = machine_of(BOARD, tmp_path)
    sound = machine.chip.sound
    assert sound is not None
    sound.play(tone(1000))
    machine.console.feed(b"l")
    machine.run_for(100)
    machine.console.feed(b"h")
    machine.run_for(200)
    lost, kept = number(machine, "lost"), number(machine, "count")
    assert 0.06 * SAMPLE_RATE_HZ <= lost < 0.1 * SAMPLE_RATE_HZ and lost % 160 == 0
    assert sound.origin is not None
    passed = (machine.clock.now() - sound.origin) * SAMPLE_RATE_HZ // machine.clock.hz
    assert kept + lost == passed // 160 * 160


@pytest.mark.qemu
@pytest.mark.skipif(not qemu_available(), reason="qemu-system-arm is missing")
def test_the_image_starts_on_netduinoplus2(tmp_path: Path) -> None:
    """An STM32F405 without clock control, I2S and DMA: start-up and console, no microphone."""
    image = machine_of(BOARD, tmp_path).image
    command = ["qemu-system-arm", "-M", "netduinoplus2", "-nographic", "-monitor", "none"]
    with subprocess.Popen(
        [*command, "-serial", "null", "-serial", "stdio", "-kernel", str(image.elf)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as qemu:
        assert qemu.stdin is not None and qemu.stdout is not None
        try:
            assert qemu.stdout.read(6) == b"hello\n"
            qemu.stdin.write(b"l")
            qemu.stdin.flush()
            assert qemu.stdout.read(1) == b"l"
        finally:
            qemu.kill()
