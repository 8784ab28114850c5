from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.train.speech_files import real_speech, word_like
from train.audio import ClipError, fit_length, is_silent, read_clip

PCM = word_like(1)


def reason(path: Path, **options: float) -> str:
    with pytest.raises(ClipError) as caught:
        read_clip(path, **options)
    assert "Received: " in str(caught.value)
    return caught.value.reason


def wav(path: Path, pcm: np.ndarray = PCM, rate: int = 16_000, **options: str) -> Path:
    soundfile.write(path, pcm, rate, **options)
    return path


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_sixteen_bit_mono_at_16_khz_is_unchanged(tmp_path: Path, ending: str) -> None:
    clip = read_clip(wav(tmp_path / f"a.{ending}"))
    assert clip.pcm.dtype == np.int16
    np.testing.assert_array_equal(clip.pcm, PCM)


@pytest.mark.parametrize(
    ("ending", "subtype"),
    [
        *[("wav", s) for s in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")],
        *[("flac", s) for s in ("PCM_S8", "PCM_16", "PCM_24")],
    ],
)
@pytest.mark.parametrize(("rate", "channels"), [(8_000, 1), (44_100, 2), (48_000, 6), (11_025, 1)])
def test_any_depth_rate_and_channel_count(
    tmp_path: Path, ending: str, subtype: str, rate: int, channels: int
) -> None:
    t = np.arange(rate // 2) / rate
    tone = 0.5 * np.sin(2 * np.pi * 1000 * t)
    path = tmp_path / f"a.{ending}"
    soundfile.write(path, np.repeat(tone[:, None], channels, 1), rate, subtype=subtype)
    clip = read_clip(path)
    assert (clip.rate, clip.channels) == (rate, channels)
    assert abs(clip.pcm.size - 8000) <= 1
    want = 0.5 * np.sin(2 * np.pi * 1000 * np.arange(clip.pcm.size) / 16_000)
    middle = slice(1000, 7000)
    error = clip.pcm[middle] / 32768 - want[middle]
    assert np.sqrt(np.mean(error**2)) < (0.02 if subtype in ("PCM_U8", "PCM_S8", "ULAW") else 0.002)
    np.testing.assert_array_equal(clip.pcm, read_clip(path).pcm)


def test_channels_that_cancel_are_not_silence(tmp_path: Path) -> None:
    path = wav(tmp_path / "a.wav", np.stack((PCM, -PCM), 1))
    assert not is_silent(read_clip(path).pcm)


def test_missing_empty_and_foreign(tmp_path: Path) -> None:
    assert reason(tmp_path / "none.wav") == "missing"
    assert reason(tmp_path) == "missing"
    assert reason(Path("a\0b.wav")) == "missing"
    (tmp_path / "empty.wav").write_bytes(b"")
    assert reason(tmp_path / "empty.wav") == "empty"
    (tmp_path / "text.wav").write_text("this is not a sound at all")
    assert reason(tmp_path / "text.wav") == "not audio"
    (tmp_path / "three.wav").write_bytes(b"RIF")
    assert reason(tmp_path / "three.wav") == "truncated"
    soundfile.write(tmp_path / "a.ogg", PCM, 16_000)
    assert reason(tmp_path / "a.ogg") == "not audio"


@pytest.mark.parametrize("ending", ["wav", "flac"])
def test_truncated_anywhere(tmp_path: Path, ending: str) -> None:
    whole = wav(tmp_path / f"a.{ending}").read_bytes()
    for length in (1, 8, 12, 30, 44, 60, len(whole) // 2, len(whole) - 10):
        path = tmp_path / f"cut.{ending}"
        path.write_bytes(whole[:length])
        assert reason(path) in ("truncated", "damaged", "not audio", "too short")
    if ending == "wav":
        assert reason(path) == "truncated"


def test_silent_short_and_long(tmp_path: Path) -> None:
    assert reason(wav(tmp_path / "z.wav", np.zeros(16_000, np.int16))) == "silent"
    assert reason(wav(tmp_path / "d.wav", np.full(16_000, 3000, np.int16))) == "silent"
    assert reason(wav(tmp_path / "s.wav", PCM[:500])) == "too short"
    assert reason(wav(tmp_path / "n.wav", PCM[:0])) == "too short"
    assert reason(wav(tmp_path / "l.wav", np.tile(PCM, 4)), max_seconds=1.0) == "too long"
    quiet = read_clip(tmp_path / "z.wav", allow_silence=True)
    assert quiet.pcm.size == 16_000


def test_numbers_that_are_not(tmp_path: Path) -> None:
    samples = (PCM / 32768).astype(np.float32)
    samples[100] = np.nan
    assert reason(wav(tmp_path / "nan.wav", samples, subtype="FLOAT")) == "damaged"
    samples[100] = 1e30
    loud = read_clip(wav(tmp_path / "loud.wav", samples, subtype="FLOAT"))
    assert loud.pcm[100] == 32767


def test_compressed_wav_is_unsupported(tmp_path: Path) -> None:
    assert reason(wav(tmp_path / "a.wav", subtype="MS_ADPCM")) == "unsupported"


def test_header_lies_do_not_allocate(tmp_path: Path) -> None:
    # A FLAC header that promises 2^36-1 frames, and a WAV one of 4 GB.
    flac = bytearray(wav(tmp_path / "a.flac").read_bytes())
    flac[21] |= 0x0F
    flac[22:26] = b"\xff\xff\xff\xff"
    (tmp_path / "big.flac").write_bytes(flac)
    assert reason(tmp_path / "big.flac") in ("too long", "damaged", "truncated")
    data = bytearray(wav(tmp_path / "a.wav").read_bytes())
    data[40:44] = struct.pack("<I", 0xF0000000)
    (tmp_path / "big.wav").write_bytes(data)
    assert reason(tmp_path / "big.wav") == "truncated"
    data[24:28] = struct.pack("<I", 1)
    (tmp_path / "slow.wav").write_bytes(data[:40] + struct.pack("<I", len(data) - 44) + data[44:])
    assert reason(tmp_path / "slow.wav") == "unsupported"


def _header(draw_rate: int, channels: int, bits: int, tag: int, length: int) -> bytes:
    block = channels * bits // 8
    fmt = struct.pack(
        "<HHIIHH", tag, channels, draw_rate, (draw_rate * block) & 0xFFFFFFFF, block & 0xFFFF, bits
    )
    return (
        b"RIFF\xff\xff\x00\x00WAVEfmt \x10\x00\x00\x00" + fmt + b"data" + struct.pack("<I", length)
    )


_BYTES = st.binary(max_size=300)
FOREIGN = st.one_of(
    _BYTES,
    _BYTES.map(lambda b: b"fLaC" + b),
    _BYTES.map(lambda b: b"RIFF" + b[:4].ljust(4, b"\0") + b"WAVE" + b[4:]),
    st.builds(
        lambda head, body: head + body,
        st.builds(
            _header,
            st.integers(0, 2**32 - 1),
            st.integers(0, 65535),
            st.sampled_from((0, 1, 8, 12, 16, 24, 32, 64, 255)),
            st.sampled_from((0, 1, 2, 3, 6, 7, 17, 49, 80, 0xFFFE)),
            st.integers(0, 2**32 - 1),
        ),
        _BYTES,
    ),
)
FUZZ = settings(
    max_examples=250, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@given(FOREIGN)
@FUZZ
def test_foreign_bytes_give_a_clip_or_a_reason(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "foreign.wav"
    path.write_bytes(data)
    try:
        clip = read_clip(path)
    except ClipError as error:
        assert error.reason
    else:
        assert clip.pcm.dtype == np.int16


@given(st.data(), st.sampled_from(("wav", "flac")))
@FUZZ
def test_damaged_clips_give_a_clip_or_a_reason(
    tmp_path: Path, data: st.DataObject, ending: str
) -> None:
    path = tmp_path / f"whole.{ending}"
    if not path.exists():
        wav(path, PCM[2000:5000])
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(
            st.integers(0, 255)
        )
    broken = tmp_path / f"broken.{ending}"
    broken.write_bytes(content)
    try:
        read_clip(broken)
    except ClipError as error:
        assert error.reason


def test_fit_length_pads_and_crops_to_the_word() -> None:
    padded = fit_length(PCM, 16_000)
    assert padded.shape == (16_000,)
    start = (16_000 - PCM.size) // 2
    np.testing.assert_array_equal(padded[start : start + PCM.size], PCM)
    long = np.concatenate((np.zeros(20_000, np.int16), PCM, np.zeros(9_000, np.int16)))
    cropped = fit_length(long, 16_000)
    place = np.flatnonzero(cropped == PCM.max())[0] - int(PCM.argmax())
    assert abs(place - start) < 600, "the word is in the middle"
    assert fit_length(padded, 16_000) is padded


def test_real_recordings_read(tmp_path: Path) -> None:
    root = real_speech()
    if root is None:
        root = tmp_path
        for i in range(20):
            wav(tmp_path / f"{i}.flac", word_like(i, rate=8000), 8000)
    files = sorted(root.rglob("*.flac"))[::40]
    assert len(files) >= 1
    for path in files:
        clip = read_clip(path)
        assert 0.1 < clip.seconds < 3
