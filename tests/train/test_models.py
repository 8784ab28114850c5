"""The zoo's networks keep their promises; a user's own function is held to the contract."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from convert.errors import SpecError, UserError
from train.keras import load, start
from train.models import ZOO, ModelSpec, build_model

GOOD = """
from dataclasses import dataclass
import tf_keras

@dataclass
class Sizes:
    filters: "int" = 4

def make(input_shape, classes):
    L = tf_keras.layers
    x = inputs = L.Input(input_shape)
    x = L.Conv2D(Sizes().filters, 3, activation="relu")(x)
    x = L.Flatten()(x)
    return tf_keras.Model(inputs, L.Dense(classes, activation="softmax")(x))
"""


@pytest.mark.parametrize("shape", [(49, 40), (49, 10), (24, 16)])
@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo_shapes(name: str, shape: tuple[int, int]) -> None:
    start(0)
    model = build_model(ModelSpec(name), shape, 7)
    assert model.input_shape == (None, *shape, 1)
    assert model.output_shape == (None, 7)


def test_sizes_are_as_documented() -> None:
    assert build_model(ModelSpec("res_sep"), (49, 40), 10).count_params() == 27_034
    assert build_model(ModelSpec("ds_cnn"), (49, 10), 10).count_params() == 24_202
    conv = build_model(ModelSpec("ds_cnn"), (49, 10), 10).get_layer("conv")
    assert conv.kernel_size == (10, 4) and conv.strides == (2, 2) and conv.filters == 64


def test_res_sep_activations_stay_small() -> None:
    model = build_model(ModelSpec("res_sep"), (49, 40), 10)
    largest = max(
        int(layer.output_shape[1] * layer.output_shape[2] * layer.output_shape[3])
        for layer in model.layers
        if len(layer.output_shape) == 4 and layer.output_shape[0] is None
    )
    assert largest == 49 * 48


def test_options_change_the_network() -> None:
    small = build_model(ModelSpec("ds_cnn", width=16, blocks=2), (49, 10), 10)
    assert small.get_layer("conv").filters == 16
    assert not any(layer.name == "depthwise_3" for layer in small.layers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "ds-cnn"}, "name must be one of cnn_digits, ds_cnn, lstm, res_sep, svdf"),
        ({"name": "ds_cnn", "dense": 10}, "ds_cnn has no option dense"),
        ({"name": "own.py:make", "width": 10}, "has no option width"),
        ({"name": "own.py:"}, "name of a function"),
        ({"name": "own.py:a b"}, "name of a function"),
        ({"name": "ds_cnn", "width": 2}, "width must be between 4 and 512"),
        ({"name": "res_sep", "kernel": 8}, "kernel must be odd"),
        ({"dropout": 1.0}, "dropout must be at least 0"),
    ],
)
def test_impossible_specs(options: dict[str, object], message: str) -> None:
    with pytest.raises(SpecError, match=message):
        ModelSpec(**options)  # type: ignore[arg-type]


def test_too_small_input_and_too_few_classes() -> None:
    with pytest.raises(SpecError, match="at least 4 frames"):
        build_model(ModelSpec(), (3, 40), 10)
    with pytest.raises(SpecError, match="at least 2 classes"):
        build_model(ModelSpec(), (49, 40), 1)


def test_own_function(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(GOOD)
    before = set(sys.modules)
    model = build_model(ModelSpec("own.py:make"), (16, 12), 3, folder=tmp_path)
    assert model.output_shape == (None, 3)
    assert not {m for m in set(sys.modules) - before if "own_model" in m}
    assert ModelSpec("own.py:make").own_file(tmp_path) == tmp_path / "own.py"
    assert ModelSpec().own_file() is None


BAD = {
    "no such function": ("def other(a, b): pass", "must define a function make.*other"),
    "exits": ("raise SystemExit(3)", "must run as Python.*SystemExit"),
    "exits when called": ("def make(a, b): raise SystemExit(3)", "return a model.*SystemExit"),
    "syntax": ("def make(:", "must run as Python.*SyntaxError"),
    "raises": ("def make(shape, classes): raise KeyError('x')", "must return a model.*KeyError"),
    "arguments": ("def make(): pass", "must return a model when called.*TypeError"),
    "nothing": ("def make(shape, classes): pass", "must return a tf_keras.Model.*NoneType"),
    "classes": (GOOD.replace("Dense(classes", "Dense(classes + 1"), r"give tensors.*\(None, 4\)"),
    "input": (GOOD.replace("Input(input_shape)", "Input((8, 8, 1))"), r"must take tensors"),
    "logits": (GOOD.replace('activation="softmax"', "activation=None"), "must end in a softmax"),
    "nan": (GOOD.replace("return ", "return _nan(") + ")\n", "finite|must return"),
    "keras 3": (
        "import keras\ndef make(s, c):\n    return keras.Sequential([keras.Input(s)])",
        "tf_keras.Model.*Keras 3",
    ),
    "nested": (
        GOOD.replace("return tf_keras.Model(", "inner = tf_keras.Model(").rstrip()
        + "\n    again = L.Input(input_shape)\n    return tf_keras.Model(again, inner(again))\n",
        "must not hold a model as a layer",
    ),
    "subclass": (
        "import tf_keras\nclass M(tf_keras.Model):\n    def call(self, x):\n        return x\n"
        "def make(s, c):\n    return M()",
        "functional or sequential",
    ),
}


@pytest.mark.parametrize("case", sorted(BAD))
def test_own_function_refused(case: str, tmp_path: Path) -> None:
    source, message = BAD[case]
    (tmp_path / "own.py").write_text(source)
    with pytest.raises(UserError, match=message) as caught:
        build_model(ModelSpec("own.py:make"), (16, 12), 3, folder=tmp_path)
    assert "\n" not in str(caught.value)


def test_own_file_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"must be readable.*No such file"):
        build_model(ModelSpec("gone.py:make"), (16, 12), 3, folder=tmp_path)


def fresh_python(code: str) -> subprocess.CompletedProcess[str]:
    """Run code in a process that knows nothing of this one's choice of Keras."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TF_")}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env
    )


def test_keras_3_chosen_before_is_refused() -> None:
    code = (
        "import tensorflow as tf; tf.keras.layers\n"
        "from convert.errors import UserError\n"
        "from train.keras import load\n"
        "try:\n    load()\nexcept UserError as error:\n    print('refused:', error)"
    )
    done = fresh_python(code)
    assert done.stdout.startswith("refused: TensorFlow must use Keras 2")


def test_keras_2_is_chosen_quietly() -> None:
    code = "from train.keras import load; print(load().tf.keras.__name__)"
    done = fresh_python(code)
    assert done.stdout.startswith("tf_keras")
    assert done.stderr == ""


def test_same_seed_same_weights() -> None:
    def weights(seed: int) -> list[bytes]:
        start(seed)
        model = build_model(ModelSpec("res_sep"), (16, 12), 3)
        return [w.tobytes() for w in model.get_weights()]

    assert weights(1) == weights(1)
    assert weights(1) != weights(2)
    assert load() is load()
