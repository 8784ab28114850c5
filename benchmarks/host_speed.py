"""Inferences per second on this machine, one thread: the generated C, TFLite Micro, LiteRT.

    python -m benchmarks.host_speed MODEL.tflite...

All are measured in the same run, in turns, and the best round of each is kept, because other work
on the machine only ever makes a round slower. Outputs of the generated C are compared with TFLite
Micro's first. LiteRT (with XNNPACK, its default) is asked input by input, which is how its
interpreter works; the generated C gets all inputs in one call.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.told import mistakes_told
from wakesmith.bare import checked, read_model
from wakesmith.console import Meter

ROUND_S = 0.4  # long beside what a clock or a start-up costs
ROUNDS = 7
Runner = Callable[[NDArray[np.int8]], None]


def runners(tflite: bytes) -> Mapping[str, Runner]:
    """Something that runs a batch, by the name of what runs it."""
    import tensorflow as tf
    from tflite_micro.python.tflite_micro import runtime

    from convert.tflite_reader import read
    from simulate.hostlib import HostBackend

    graph = read(tflite)
    quick, plain = HostBackend.quick(graph), HostBackend.from_graph(graph)
    micro = runtime.Interpreter.from_bytes(tflite)
    lite = tf.lite.Interpreter(model_content=tflite, num_threads=1)
    lite.allocate_tensors()
    source, result = lite.get_input_details()[0]["index"], lite.get_output_details()[0]["index"]

    def run_micro(inputs: NDArray[np.int8]) -> None:
        for values in inputs:
            micro.set_input(values[np.newaxis], 0)
            micro.invoke()
            micro.get_output(0)

    def run_lite(inputs: NDArray[np.int8]) -> None:
        for values in inputs:
            lite.set_tensor(source, values[np.newaxis])
            lite.invoke()
            lite.get_tensor(result)

    return {
        "tflite-micro wheel": run_micro,
        "LiteRT with XNNPACK": run_lite,
        "generated C, plain kernels": lambda inputs: void(plain.predict(inputs)),
        "generated C, vector kernels": lambda inputs: void(quick.predict(inputs)),
    }


def void(_: object) -> None:
    """Forget a result."""


def rate(run: Runner, inputs: NDArray[np.int8]) -> float:
    """Inferences per second over about `ROUND_S` seconds."""
    count, begin = 0, time.perf_counter()
    while (passed := time.perf_counter() - begin) < ROUND_S:
        run(inputs)
        count += len(inputs)
    return count / passed


def measure(path: Path) -> dict[str, float]:
    """The best rate of each, after their outputs were found equal."""
    from simulate.hostlib import HostBackend
    from simulate.tflm import TflmBackend

    tflite = read_model(path)
    graph = checked(tflite)
    shape = graph.tensors[graph.inputs[0]].shape[1:]
    inputs = np.random.default_rng(0).integers(-128, 128, (512, *shape)).astype(np.int8)
    ours = HostBackend.quick(graph).predict(inputs)
    theirs = TflmBackend(tflite).run(inputs)[graph.outputs[0]]
    np.testing.assert_array_equal(ours, theirs)
    found = runners(tflite)
    best = dict.fromkeys(found, 0.0)
    with Meter("measuring") as meter:
        for number in range(ROUNDS):
            for name, run in found.items():
                meter(number, ROUNDS, f"{path.name}, {name}")
                best[name] = max(best[name], rate(run, inputs))
    return best


def main() -> None:
    """Measure every model and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.tflite")
    for path in parser.parse_args().models:
        best = measure(path)
        wheel, lite = best["tflite-micro wheel"], best["LiteRT with XNNPACK"]
        table = Table(title=path.stem)
        for heading in ("", "inferences/s", "of the wheel", "of LiteRT"):
            table.add_column(heading, justify="right" if heading else "left")
        for name, value in best.items():
            table.add_row(name, f"{value:,.0f}", f"{value / wheel:.2f}", f"{value / lite:.2f}")
        Console(width=90).print(table)


if __name__ == "__main__":
    with mistakes_told():
        main()
