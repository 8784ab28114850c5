"""Keras layers that remember, in forms that can be quantized within.

`Svdf` is a layer of the zoo: Keras has none. `GateLstm` computes what the LSTM layer of tf_keras
does, step by step in the open, so that quantizers can stand where the chip rounds. TensorFlow is
imported when the classes are asked for.
"""

from __future__ import annotations

from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from train.keras import load

GATES = 4  # input, forget, cell, output: the order of tf_keras and of TFLite


@lru_cache(maxsize=1)
def layers() -> Any:
    """The classes.

    Returns:
        A namespace: `Svdf`, `GateLstm`.
    """
    tf, keras = load().tf, load().keras

    class Svdf(keras.layers.Layer):  # type: ignore[name-defined]
        """A dense layer over the frames of a window, factored into band and time (rank k).

        (batch, frames, width) -> (batch, frames, units), or (batch, units) of the last frame. Each
        unit sums `rank` filters; a filter is one projection of the frame, weighted over the last
        `memory` frames (frames before the window count as zero). After "Compressing Deep Neural
        Networks using a Rank-Constrained Topology" (Nakkiran et al. 2015).

        Weights: `feature` (width, units * rank), `time` (units * rank, memory), the newest frame
        last, `bias` (units,).
        """

        written_apart = True  # by convert.recurrent_writer

        def __init__(
            self, units: int, rank: int, memory: int, return_sequences: bool = True, **more: Any
        ) -> None:
            super().__init__(**more)
            self.units, self.rank, self.memory = units, rank, memory
            self.return_sequences = return_sequences
            self.state_activation = keras.activations.linear  # what is remembered passes here

        def build(self, shape: Any) -> None:
            filters = self.units * self.rank
            self.feature = self.add_weight("feature", (int(shape[-1]), filters))
            # Variance 1 / (rank * memory), so that a unit keeps the variance of its filters.
            spread = keras.initializers.RandomNormal(stddev=(self.rank * self.memory) ** -0.5)
            self.time = self.add_weight("time", (filters, self.memory), initializer=spread)
            self.bias = self.add_weight("bias", (self.units,), initializer="zeros")
            super().build(shape)

        def call(self, inputs: Any) -> Any:
            state = self.state_activation(tf.matmul(inputs, self.feature))
            if not self.return_sequences:
                state = state[:, -self.memory :]
            frames = int(state.shape[1])
            known = min(self.memory, frames)
            # tf.nn's depthwise convolution wants (batch, 1, frames, filters).
            kernel = tf.transpose(self.time)[tf.newaxis, :, :, tf.newaxis]
            if self.return_sequences:
                padded = tf.pad(state, ((0, 0), (self.memory - 1, 0), (0, 0)))[:, tf.newaxis]
                summed = tf.nn.depthwise_conv2d(padded, kernel, (1, 1, 1, 1), "VALID")[:, 0]
            else:
                summed = tf.reduce_sum(state * tf.transpose(self.time)[-known:], axis=1)
            shape = (*summed.shape[1:-1], self.units, self.rank)
            outputs = tf.reduce_sum(tf.reshape(summed, (-1, *shape)), axis=-1)
            return tf.nn.relu(outputs + self.bias)

        def compute_output_shape(self, shape: Any) -> Any:
            lead = shape[:2] if self.return_sequences else shape[:1]
            return (*lead, self.units)

        def get_config(self) -> dict[str, Any]:
            return {
                **super().get_config(),
                "units": self.units,
                "rank": self.rank,
                "memory": self.memory,
                "return_sequences": self.return_sequences,
            }

    class GateLstm(keras.layers.Layer):  # type: ignore[name-defined]
        """The LSTM of tf_keras with its default activations, and a place to quantize its output.

        (batch, frames, width) -> (batch, frames, units), or (batch, units) of the last frame.
        Weights as in tf_keras: `kernel` (width, 4 * units), `recurrent_kernel` (units, 4 * units),
        `bias` (4 * units,).
        """

        written_apart = True  # by convert.recurrent_writer

        def __init__(self, units: int, return_sequences: bool = False, **more: Any) -> None:
            super().__init__(**more)
            self.units, self.return_sequences = units, return_sequences
            self.hidden_activation = keras.activations.linear  # the hidden state passes here

        def build(self, shape: Any) -> None:
            columns = GATES * self.units
            self.kernel = self.add_weight("kernel", (int(shape[-1]), columns))
            self.recurrent_kernel = self.add_weight("recurrent_kernel", (self.units, columns))
            self.bias = self.add_weight("bias", (columns,), initializer="zeros")
            super().build(shape)

        def call(self, inputs: Any) -> Any:
            hidden, _ = self.run(inputs)
            return tf.stack(hidden, axis=1) if self.return_sequences else hidden[-1]

        def run(self, inputs: Any) -> tuple[list[Any], list[Any]]:
            """Hidden states and cells after each frame, (batch, units) each."""
            hidden = cell = tf.zeros((tf.shape(inputs)[0], self.units))
            every_hidden, cells = [], []
            for frame in range(int(inputs.shape[1])):
                # In the order of tf_keras, so that not a bit differs.
                arguments = tf.matmul(inputs[:, frame], self.kernel)
                arguments += tf.matmul(hidden, self.recurrent_kernel)
                arguments = tf.nn.bias_add(arguments, self.bias)
                let_in, keep, candidate, let_out = tf.split(arguments, GATES, axis=1)
                cell = tf.sigmoid(keep) * cell + tf.sigmoid(let_in) * tf.tanh(candidate)
                hidden = self.hidden_activation(tf.sigmoid(let_out) * tf.tanh(cell))
                every_hidden.append(hidden)
                cells.append(cell)
            return every_hidden, cells

        def compute_output_shape(self, shape: Any) -> Any:
            lead = shape[:2] if self.return_sequences else shape[:1]
            return (*lead, self.units)

        def get_config(self) -> dict[str, Any]:
            more = {"units": self.units, "return_sequences": self.return_sequences}
            return {**super().get_config(), **more}

    return SimpleNamespace(Svdf=Svdf, GateLstm=GateLstm)
