"""How good a model is: accuracy with its interval, confusion, what quantization costs per layer.

Softmax outputs are probabilities here whatever ran the model: those of an int8 `.tflite` are
dequantized.
"""

from __future__ import annotations

import difflib
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from convert import tflite_reader
from convert.errors import ModelError, SpecError
from convert.export import real_features
from convert.graph import Graph, Tensor
from convert.quiet import quiet_stderr
from simulate.backend import Trace, batch_of, clip_shape, last_step, step_count, windows

Probabilities = NDArray[np.float32]
TfliteEngine = Literal["auto", "litert", "tflm", "host"]

_Z = 1.959963984540054  # the normal distribution's 97.5 % point
_SAME_NUMBERS = ("QUANTIZE", "DEQUANTIZE")


def wilson(correct: int, total: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share (Wilson 1927), both ends 0 to 1.

    Unlike the normal approximation it stays inside [0, 1] and is not empty at 0 and 100 %.

    Raises:
        SpecError: `correct` is not between 0 and `total`.
    """
    if not 0 <= correct <= total:
        raise SpecError(f"correct must be from 0 to {total}. Received: {correct}.")
    if total == 0:
        return 0.0, 1.0
    share, z2 = correct / total, _Z * _Z
    middle = (share + z2 / (2 * total)) / (1 + z2 / total)
    reach = math.sqrt(share * (1 - share) / total + z2 / (4 * total * total))
    reach *= _Z / (1 + z2 / total)
    low = 0.0 if correct == 0 else max(0.0, middle - reach)
    high = 1.0 if correct == total else min(1.0, middle + reach)
    return low, high


@dataclass(frozen=True)
class WordScore:
    """One class.

    Attributes:
        word: its name.
        clips: clips of it.
        correct: of these, recognised.
        precision: share of the clips called so that are it; NaN when none is called so.
        recall: share of its clips that are recognised; NaN without clips.
        confused_with: the word it is most often taken for, "" when never mistaken.
    """

    word: str
    clips: int
    correct: int
    precision: float
    recall: float
    confused_with: str


@dataclass(frozen=True, eq=False)
class Score:
    """How good predictions are.

    Attributes:
        correct: clips whose most probable word is right.
        total: clips.
        confusion: int64 (classes, classes), rows the truth, columns the prediction.
        words: one entry per class.
    """

    correct: int
    total: int
    confusion: NDArray[np.int64]
    words: tuple[WordScore, ...]

    @property
    def accuracy(self) -> float:
        """Correct share, 0 to 1."""
        return self.correct / self.total if self.total else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of `accuracy`."""
        return wilson(self.correct, self.total)


def score(outputs: NDArray[np.generic], labels: NDArray[np.integer], words: Sequence[str]) -> Score:
    """Compare outputs with the truth.

    Args:
        outputs: (n, classes), probabilities or int8 softmax outputs; the first of equals wins, as
            on the chip.
        labels: (n,), 0 to classes - 1.
        words: names of the classes.

    Raises:
        SpecError: shapes that do not belong together, or labels out of range.
    """
    count = len(words)
    if outputs.ndim != 2 or outputs.shape[1] != count or labels.shape != outputs.shape[:1]:
        raise SpecError(
            f"Outputs must be (clips, {count}) with one label per clip. Received: "
            f"{outputs.shape} and {labels.shape}."
        )
    if len(labels) and not (labels.min() >= 0 and labels.max() < count):
        raise SpecError(
            f"Labels must be 0 to {count - 1}. Received: {labels.min()} to {labels.max()}."
        )
    guesses = outputs.argmax(axis=1)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (labels, guesses), 1)
    table = []
    for index, word in enumerate(words):
        row = confusion[index].copy()
        right, clips, called = int(row[index]), int(row.sum()), int(confusion[:, index].sum())
        row[index] = 0
        table.append(
            WordScore(
                word=word,
                clips=clips,
                correct=right,
                precision=right / called if called else math.nan,
                recall=right / clips if clips else math.nan,
                confused_with=words[int(row.argmax())] if row.any() else "",
            )
        )
    return Score(int(np.trace(confusion)), len(labels), confusion, tuple(table))


def run_tflite(
    tflite: bytes, features: NDArray[np.int8], *, engine: TfliteEngine = "auto"
) -> Probabilities:
    """Run a `.tflite` made by `convert.export` over features.

    Args:
        tflite: the file; float32, dynamic-range or int8.
        features: int8 (n, frames, width).
        engine: "litert" (TensorFlow's interpreter, reference kernels), "tflm" (TFLite Micro),
            "host" (the generated C; int8 only), or "auto": the generated C for int8, LiteRT for
            the rest.

    Returns:
        float32 (n, classes), probabilities.

    Raises:
        ModelError: the file is damaged, or the engine cannot run it.
    """
    graph = tflite_reader.read(tflite)
    source, result = graph.tensors[graph.inputs[0]], graph.tensors[graph.outputs[0]]
    whole_int8 = source.dtype == "int8" and all(t.dtype != "float32" for t in graph.used)
    if engine == "auto":
        engine = "host" if whole_int8 else "litert"
    inputs = _inputs(features, graph)
    outputs: NDArray[np.generic]
    if engine == "host":
        from simulate.hostlib import HostBackend

        outputs = HostBackend.quick(graph).predict(inputs)
    elif engine == "tflm":
        from simulate.tflm import TflmBackend

        outputs = TflmBackend(tflite).run(inputs)[graph.outputs[0]]
    else:
        # int8 weights beside float values: LiteRT's built-in kernels go wrong on some such models
        # (a dense layer of 13,984 inputs: 0 of 100 clips right), XNNPACK's do not (97 of 100), and
        # they are what an application gets.
        hybrid = any(t.data is not None and t.dtype == "int8" for t in graph.used)
        plain = whole_int8 or not hybrid
        outputs = litert_trace(tflite, inputs, (result.index,), plain=plain)[result.index]
    return dequantize(last_step(outputs, result.shape), result)


def litert_trace(
    tflite: bytes,
    inputs: NDArray[np.generic],
    tensors: Sequence[int] | None = None,
    *,
    plain: bool = True,
) -> Trace:
    """Run LiteRT and take tensors out of it.

    Args:
        tflite: the file.
        inputs: (n, *input shape without its leading 1), of the input's type; with steps after n
            where the model has states.
        tensors: indices in the file; None for every operator's first output.
        plain: run LiteRT's reference kernels; else what it takes by itself (XNNPACK), which keeps
            outputs of the graph only.

    Returns:
        Tensor index -> (n, *shape without its leading 1), with steps as the inputs have them.

    Raises:
        ModelError: LiteRT cannot run the model.
    """
    from train.keras import load

    tf = load().tf
    resolver = tf.lite.experimental.OpResolverType
    graph = tflite_reader.read(tflite)
    wanted = (
        list(tensors) if tensors is not None else [op.outputs[0] for op in graph.ops if op.outputs]
    )
    rows: dict[int, list[NDArray[np.generic]]] = {index: [] for index in wanted}
    source = graph.tensors[graph.inputs[0]]
    shape = source.shape
    batch = batch_of(inputs, [source], bool(graph.states))
    try:
        with quiet_stderr(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            interpreter = tf.lite.Interpreter(
                model_content=tflite,
                experimental_preserve_all_tensors=plain,
                experimental_op_resolver_type=resolver.BUILTIN_REF if plain else resolver.AUTO,
            )
            interpreter.allocate_tensors()
        where = interpreter.get_input_details()[0]["index"]
        for clip in batch.data:
            if graph.states:
                interpreter.reset_all_variables()
            for step in clip:
                interpreter.set_tensor(where, step.reshape(shape))
                interpreter.invoke()
                for index in wanted:
                    rows[index].append(np.array(interpreter.get_tensor(index)))
    except (RuntimeError, ValueError) as error:
        raise ModelError(
            f"LiteRT must be able to run the model. Received: {str(error).splitlines()[0][:200]}."
        ) from error
    return {
        index: np.reshape(
            values, (batch.clips, *batch.lead, *clip_shape(graph.tensors[index].shape))
        )
        for index, values in rows.items()
    }


def dequantize(values: NDArray[np.generic], tensor: Tensor) -> NDArray[np.float32]:
    """Real values of a tensor's contents; float tensors are returned as they are.

    Raises:
        ModelError: an integer tensor without one scale.
    """
    if tensor.dtype == "float32":
        return values.astype(np.float32)
    quant = tensor.quant
    if quant is None or quant.per_channel:
        raise ModelError(f"Tensor {tensor.name} must have one scale. Received: {quant}.")
    return ((values.astype(np.int32) - quant.zero_point[0]) * np.float32(quant.scale[0])).astype(
        np.float32
    )


@dataclass(frozen=True)
class LayerNoise:
    """What quantization does to one layer's output.

    Attributes:
        op: place of the operator in the int8 file.
        kind: e.g. "CONV_2D".
        name: of its output tensor.
        shape: of its output, without the leading 1.
        sqnr_db: 10 log10 of the float output's power over that of the difference; infinite when
            they are equal, NaN when the float output is zero.
    """

    op: int
    kind: str
    name: str
    shape: tuple[int, ...]
    sqnr_db: float


def layer_noise(
    tflite: bytes, reference: bytes, features: NDArray[np.int8], *, trace: Trace | None = None
) -> tuple[LayerNoise, ...]:
    """Signal to quantization noise of every int8 layer against the same weights in float.

    Operators are paired by their order and output shape (`QUANTIZE` and `DEQUANTIZE` apart), so an
    operator that only one of the files has is left out.

    Args:
        tflite: the int8 file.
        reference: the float32 file (`Quantized.reference`).
        features: int8 (n, frames, width).
        trace: the int8 model's tensors for `features`, from any back end; TFLite Micro is run
            when there is none.

    Returns:
        One entry per paired operator, in order.
    """
    graph, exact = tflite_reader.read(tflite), tflite_reader.read(reference)
    if trace is None:
        from simulate.tflm import TflmBackend

        trace = TflmBackend(tflite).run(_inputs(features, graph))
    pairs = [
        (op, other) for op, other in _paired(graph, exact) if graph.ops[op].outputs[0] in trace
    ]
    wanted = [exact.ops[other].outputs[0] for _, other in pairs]
    truth = litert_trace(reference, _inputs(features, exact), wanted)
    result = []
    for op, other in pairs:
        tensor = graph.tensors[graph.ops[op].outputs[0]]
        real = truth[exact.ops[other].outputs[0]].astype(np.float32)
        result.append(
            LayerNoise(
                op,
                graph.ops[op].kind,
                tensor.name,
                clip_shape(tensor.shape),
                sqnr(real, dequantize(trace[tensor.index], tensor)),
            )
        )
    return tuple(result)


def sqnr(real: NDArray[np.floating], quantized: NDArray[np.floating]) -> float:
    """Signal to quantization noise ratio in dB: 10 log10(sum(real²) / sum((real - quantized)²))."""
    signal = float(np.sum(np.square(real, dtype=np.float64)))
    noise = float(np.sum(np.square(real.astype(np.float64) - quantized)))
    if signal == 0:
        return math.nan
    return math.inf if noise == 0 else 10 * math.log10(signal / noise)


def _paired(graph: Graph, other: Graph) -> list[tuple[int, int]]:
    """Places of the operators that both graphs have, by longest common subsequence."""

    def keys(g: Graph) -> list[tuple[int, tuple[str, tuple[int, ...]]]]:
        return [
            (op.index, (op.kind, g.tensors[op.outputs[0]].shape))
            for op in g.ops
            if op.kind not in _SAME_NUMBERS and op.outputs
        ]

    ours, theirs = keys(graph), keys(other)
    matcher = difflib.SequenceMatcher(
        None, [key for _, key in ours], [key for _, key in theirs], autojunk=False
    )
    return [
        (ours[block.a + i][0], theirs[block.b + i][0])
        for block in matcher.get_matching_blocks()
        for i in range(block.size)
    ]


def _inputs(features: NDArray[np.int8], graph: Graph) -> NDArray[np.generic]:
    """Features as the model takes them: int8, or real values; in steps where it remembers."""
    source = graph.tensors[graph.inputs[0]]
    if source.dtype == "int8":
        values: NDArray[np.generic] = features
    elif source.dtype == "float32":
        values = real_features(features)[..., 0]
    else:
        raise ModelError(f"The input must be int8 or float32. Received: {source.dtype}.")
    inputs = windows(values, source.shape)
    steps = step_count(inputs, source.shape)
    if (steps == 1 and inputs.shape[1:3] != features.shape[1:]) or (steps > 1 and not graph.states):
        raise ModelError(
            f"Features must be of shape (clips, *{clip_shape(source.shape)[:2]}). "
            f"Received: {features.shape}."
        )
    return inputs
