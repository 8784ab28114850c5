"""What a user can get wrong about quantization is one sentence and exit code 2, through the door.

Where a trained model is needed it is the session's: only `[quantization]` differs from it, so
clips, features and training are up to date.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.wakesmith.conftest import TINY, Tiny, wakesmith_inside
from train.keras import start

NET = """
def make(shape, classes):
    from tf_keras import Model, layers

    inputs = x = layers.Input(shape)
    x = layers.Conv2D(8, 5, strides=4, activation="relu", name="first")(x)
    x = layers.Activation("gelu", name="gelu")(x)
    x = layers.GlobalAveragePooling2D()(x)
    return Model(inputs, layers.Dense(classes, activation="softmax")(x))
"""
OWN_NET = TINY.replace('name = "ds_cnn"\nwidth = 12\nblocks = 1', 'name = "net.py:make"')


def with_scheme(options: str) -> str:
    return TINY.replace('scheme = "ptq_int8"\n', options)


def refused(folder: Path, text: str, *command: str) -> str:
    """The sentence; nothing but it may be said."""
    (folder / "tiny.toml").write_text(text, encoding="utf-8")
    name, *rest = command or ("build", "--quiet")
    done = wakesmith_inside(name, "tiny.toml", *rest, cwd=folder)
    assert done.returncode == 2, done.stdout + done.stderr
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith("wakesmith: ")
    return sentence


def built(tiny: Tiny, folder: Path) -> Path:
    shutil.copytree(tiny.build, folder / "build" / "tiny")
    return folder


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('scheme = "qat_int9"\n', "Did you mean qat_int8?"),
        ('scheme = "incremental"\n', "Did you mean incremental_int8?"),
        ('scheme = "ptq_int8"\nbits = 4\n', "key quantization.bits is not known"),
        ('scheme = "ptq_int8"\ncalibration_clips = 5\n', "must be from 32 to 100000. Received: 5"),
        ('scheme = "qat_int8"\nepochs = 0\n', "epochs must be from 1 to 10000. Received: 0"),
        (
            'scheme = "distilled_int8"\nstudent = "float32"\n',
            "student must be a scheme that runs as C. Received: float32",
        ),
        (
            'scheme = "distilled_int8"\nteacher_file = "none.keras"\n',
            "The teacher's file must be readable. Received: ",
        ),
    ],
)
def test_options_are_checked_before_anything_is_made(
    tmp_path: Path, options: str, expected: str
) -> None:
    assert expected in refused(tmp_path, with_scheme(options))
    assert not (tmp_path / "build").exists()


def test_blocks_that_the_network_does_not_have(tiny: Tiny, tmp_path: Path) -> None:
    options = 'scheme = "incremental_int8"\nlayers = [["conv", "depthwise_7"], ["words"]]\n'
    said = refused(built(tiny, tmp_path), with_scheme(options))
    assert "depthwise_7" in said
    assert "depthwise_1" in said  # what there is


def test_too_few_clips_to_calibrate_with(tmp_path: Path) -> None:
    text = TINY.replace("clips_per_word = 60", "clips_per_word = 12")
    said = refused(tmp_path, text)
    assert re.search(r"at least 32 clips\. Received: \d+\.", said)


@pytest.mark.parametrize("scheme", ["qat_int8", "ptq_int8"])
def test_an_operator_that_the_chip_does_not_have(tmp_path: Path, scheme: str) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    said = refused(tmp_path, OWN_NET, "compare", "--schemes", scheme, "--quiet")
    assert "GELU" in said
    assert "Use ReLU" in said
    assert not (tmp_path / "build" / "tiny" / "stages" / "speech").exists()


def test_under_all_it_is_a_row_that_says_why(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(NET, encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(
        OWN_NET + "\n[compare.schemes.qat_int8]\nepochs = 1\n", encoding="utf-8"
    )
    chosen = "float32,dynamic_range"
    done = wakesmith_inside("compare", "tiny.toml", "--schemes", chosen, "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = wakesmith_inside("compare", "tiny.toml", "--schemes", "all", "--quiet", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "build" / "tiny" / "compare.json").read_text())
    rows = {row["label"]: row for row in found["rows"]}
    for label in ("qat_int8", "ptq_int8"):
        assert "ELU" in rows[label]["refused"]
        assert rows[label]["runs"] == []
        assert f"{label} left out: " in done.stdout
    for label in ("float32", "dynamic_range"):
        assert rows[label]["refused"] == ""
        assert len(rows[label]["runs"]) == 1


def four_classes(model: Any, keras: Any) -> Any:
    features = model.layers[-2].output
    outputs = keras.layers.Dense(4, activation="softmax", name="others")(features)
    return keras.Model(model.inputs, outputs)


def not_a_number(model: Any, keras: Any) -> Any:
    kernel = model.layers[-1].kernel
    kernel.assign(np.full(kernel.shape, np.nan, np.float32))
    return model


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (four_classes, r"classes apart.*\(3,\)\. Received: \(4,\) from other\.keras"),
        (not_a_number, r"finite"),
    ],
)
def test_teachers_that_cannot_teach(
    tiny: Tiny, tmp_path: Path, change: Callable[[Any, Any], Any], expected: str
) -> None:
    keras = start(0).keras
    model = keras.models.load_model(tiny.build / "model.keras", compile=False)
    change(model, keras).save(built(tiny, tmp_path) / "other.keras")
    options = 'scheme = "distilled_int8"\nepochs = 1\nteacher_file = "other.keras"\n'
    assert re.search(expected, refused(tmp_path, with_scheme(options)))


def test_weights_that_are_no_numbers(tiny: Tiny, tmp_path: Path) -> None:
    """A network of the user's own whose weights are NaN is refused when it is made."""
    start(0)
    net = NET.replace('layers.Activation("gelu", name="gelu")', "layers.ReLU()").replace(
        'name="first"', 'name="first", bias_initializer=initializers.Constant(float("nan"))'
    ).replace("import Model, layers", "import Model, initializers, layers")  # fmt: skip
    (tmp_path / "net.py").write_text(net, encoding="utf-8")
    said = refused(tmp_path, OWN_NET, "compare", "--schemes", "qat_int8", "--quiet")
    assert "must give finite numbers" in said
