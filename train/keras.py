"""The one door to TensorFlow and Keras.

tfmot works with Keras 2 only, which today is the package `tf_keras`. TensorFlow decides between
Keras 2 and 3 once, by an environment variable read when `tf.keras` is first used; this module sets
it, and refuses when something else has already decided otherwise. Nothing here imports TensorFlow
at module level: call `load()`.
"""

from __future__ import annotations

import os
import sys
import warnings
from dataclasses import dataclass
from functools import lru_cache
from types import ModuleType
from typing import Any

from convert.errors import UserError
from convert.quiet import quiet_stderr

_ADVICE = (
    "Import train.keras and call load() before anything imports TensorFlow, or set the environment "
    "variable TF_USE_LEGACY_KERAS=1."
)


@dataclass(frozen=True)
class Stack:
    """TensorFlow, the Keras that goes with it (tf_keras), and tfmot on demand."""

    tf: Any
    keras: Any

    @property
    def tfmot(self) -> Any:
        """tensorflow_model_optimization, imported on first use."""
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import tensorflow_model_optimization
        return tensorflow_model_optimization


def _refuse_keras_3(tf: ModuleType) -> None:
    if not str(tf.keras.__name__).startswith("tf_keras"):
        raise UserError(
            "TensorFlow must use Keras 2 (tf_keras), because tfmot needs it. Received: Keras "
            f"{getattr(tf.keras, '__version__', 3)}, chosen before wakesmith was asked. {_ADVICE}"
        )


@lru_cache(maxsize=1)
def load() -> Stack:
    """Import TensorFlow with Keras 2, quietly, and make its operators deterministic.

    Determinism costs nothing measurable on these networks (DS-CNN 49×40, two threads: 2.15 s per
    epoch of 1,800 clips with it, 3.0 s without); oneDNN stays on, it halves the time of a step.

    Returns:
        The modules; the second call is free.

    Raises:
        UserError: Keras 3 was chosen before, or tf_keras is missing.
    """
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    if "tensorflow" not in sys.modules:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
        os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
    with quiet_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import tensorflow as tf
            import tf_keras
        except ImportError as error:
            raise UserError(
                f"TensorFlow and tf_keras of the same version must be installed. Received: "
                f"{error}. Run pip install . again."
            ) from error
        _refuse_keras_3(tf)
        tf.get_logger().setLevel("ERROR")
        with_absl = sys.modules.get("absl.logging")
        if with_absl is not None:
            with_absl.set_verbosity(with_absl.ERROR)
        tf.config.experimental.enable_op_determinism()
    return Stack(tf, tf_keras)


def start(seed: int, threads: int | None = None) -> Stack:
    """Begin a piece of training whose result depends on `seed` only.

    Seeds Python's, NumPy's and TensorFlow's generators and starts layer names from scratch, so
    that a second run in the same process names its tensors as the first did (names are part of a
    .tflite).

    Args:
        seed: 0 or more.
        threads: Threads of TensorFlow's operators; None leaves its choice (one per core). The
            number can only be set before the first operator runs and is ignored afterwards.
            Results are repeatable for one number of threads, not across numbers.

    Returns:
        What `load` returns.
    """
    stack = load()
    if threads is not None:
        for setter in (
            stack.tf.config.threading.set_intra_op_parallelism_threads,
            stack.tf.config.threading.set_inter_op_parallelism_threads,
        ):
            try:
                setter(threads)
            except RuntimeError:
                break
    stack.keras.utils.set_random_seed(seed)
    fresh_names()
    return stack


def fresh_names() -> None:
    """Restart automatic layer numbering (`dense_1`, …) without touching existing models."""
    load().keras.backend.reset_uids()
