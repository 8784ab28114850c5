"""The project file that `wakesmith new` writes: it builds as it is, and its comments explain it."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from convert.errors import UserError
from convert.files import write_text
from train.datasets import SilenceSpec, UnknownSpec, check_words

_TEXT = """\
# Build with:  wakesmith build {file}
# Keys that are left out have the defaults that `wakesmith build` puts into manifest.json.

[project]
name = "{name}"  # names the folder build/{name}
words = {words}
seed = 0  # the same seed gives the same firmware, byte for byte
unknown = true  # adds a class for all other words
silence = true  # adds a class for no speech at all

# Where speech comes from; use as many sources as you like.
[[data.sources]]
kind = "synthetic"  # espeak-ng speaks the words with hundreds of voices; needs no network
clips_per_word = 600
# voices = ["en-us", "en-gb-scotland"]  # all English accents unless given; "fr", "de", ... work too

# Your own recordings, one folder per word, WAV or FLAC: recordings/yes/anna_01.wav, said by anna.
# They are worth more than any number of synthetic voices.
# [[data.sources]]
# kind = "folder"
# path = "recordings"

[augment]  # what makes training clips differ: shift, speed, noise, rooms, masks
noise_probability = 0.7
snr_db = [0.0, 30.0]

[frontend]
kind = "log_mel"  # or "mfcc"

[model]
name = "ds_cnn"  # or "cnn_digits", "lstm", "res_sep", "svdf", or "my_model.py:function"

[train]
epochs = 30

[quantization]
scheme = "qat_int8"  # or "ptq_int8"; "float32" and "dynamic_range" do not run on the chip

[firmware]
board = "mps2-an386"  # `wakesmith boards` lists them
compiler = "zig"  # comes with pip; "gcc" uses arm-none-eabi-gcc

[detect]            # when the board says that it heard a word
threshold = 0.6     # least posterior, averaged; [detect.thresholds] has one for each word
refractory_ms = 500 # no second event before
"""


def write_starter(file: Path, words: Sequence[str]) -> None:
    """Write a commented project file.

    Raises:
        UserError: the file exists, or its name does not end in .toml.
        SpecError: the words cannot be used.
    """
    check_words(words, UnknownSpec(), SilenceSpec())
    if file.suffix != ".toml":
        raise UserError(f"A project file's name must end in .toml. Received: {file}.")
    if file.exists():
        raise UserError(
            f"A new project file must not exist yet. Received: {file}. Choose another with --file."
        )
    write_text(file, starter_text(file, words))


def starter_text(file: Path, words: Sequence[str]) -> str:
    """The file's text; the project is named after the file."""
    bare = unicodedata.normalize("NFKD", file.stem).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", bare).strip("-_")[:64] or "words"
    listed = ", ".join(json.dumps(word, ensure_ascii=False) for word in words)
    return _TEXT.format(file=file.name, name=name, words=f"[{listed}]")
