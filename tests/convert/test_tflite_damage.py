"""The reader of damaged files: no bytes whatever can hurt it."""

from __future__ import annotations

import struct
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

from convert.compress import lut_compress
from convert.errors import ModelError
from convert.memory import plan
from convert.passes import prepare
from convert.prepare import prepare_graph
from convert.repack import to_int4
from convert.supported import check
from convert.tflite_reader import read
from tests import tflite_builder as build
from tests.convert.broken_edits import one_sentence

INT4 = to_int4(build.conv_2d(filters=3, weights=np.full((3, 3, 3, 3), 127)))
FEW = np.resize(np.arange(-8, 8), (40, 60))
LUT = lut_compress(build.fully_connected(inputs=60, units=40, weights=FEW))
CORPUS = {name: make() for name, make in build.SINGLE.items()} | {"INT4": INT4, "LUT": LUT}


def changed(make, change) -> bytes:
    model = build.unpack(make())
    change(model, model.subgraphs[0])
    return build.pack(model)


DAMAGE = {
    "version": lambda m, s: setattr(m, "version", 2),
    "negative dimension": lambda m, s: setattr(s.tensors[0], "shape", [1, -4]),
    "huge tensor": lambda m, s: setattr(s.tensors[0], "shape", [2**31 - 1] * 8),
    "element type": lambda m, s: setattr(s.tensors[0], "type", 120),
    "rank 9": lambda m, s: setattr(s.tensors[0], "shape", [1] * 9),
    "data of another size": lambda m, s: setattr(s.tensors[1], "shape", [5, 11]),
    "buffer index": lambda m, s: setattr(s.tensors[1], "buffer", 99),
    "operator code index": lambda m, s: setattr(s.operators[0], "opcodeIndex", 9),
    "input index": lambda m, s: setattr(s.operators[0], "inputs", [0, 77, 2]),
    "input index -2": lambda m, s: setattr(s.operators[0], "inputs", [-2, 1, 2]),
    "reads what is never written": lambda m, s: setattr(s, "inputs", []),
    "written twice": lambda m, s: setattr(s.operators[0], "outputs", [3, 3]),
    "writes a constant": lambda m, s: setattr(s.operators[0], "outputs", [1]),
    "graph output index": lambda m, s: setattr(s, "outputs", [-1]),
    "constant graph input": lambda m, s: setattr(s, "inputs", [0, 1]),
    "no options": lambda m, s: (
        setattr(s.operators[0], "builtinOptions", None),
        setattr(s.operators[0], "builtinOptionsType", 0),
    ),
    "options of another operator": lambda m, s: (
        setattr(s.operators[0], "builtinOptions", schema.AddOptionsT()),
        setattr(s.operators[0], "builtinOptionsType", schema.BuiltinOptions.AddOptions),
    ),
    "unknown activation": lambda m, s: setattr(
        s.operators[0].builtinOptions, "fusedActivationFunction", 99
    ),
    "bias type": lambda m, s: setattr(s.operators[0].builtinOptions, "quantizedBiasType", -128),
    "zero points": lambda m, s: setattr(s.tensors[1].quantization, "zeroPoint", [0, 0, 0]),
    "scales": lambda m, s: setattr(s.tensors[1].quantization, "scale", [0.1, 0.1, 0.1]),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_contradictions(name: str) -> None:
    with pytest.raises(ModelError) as caught:
        read(changed(build.fully_connected, DAMAGE[name]))
    one_sentence(caught.value)


@pytest.mark.parametrize(("make", "field"), [(build.stack, "valuesCount"), (build.unstack, "num")])
def test_the_number_of_parts_must_be_so(make: Callable[[], bytes], field: str) -> None:
    """TFLite Micro believes the option, and reads or writes beyond what there is."""
    with pytest.raises(ModelError, match=r"PACK\) names 5 parts, not [23]"):
        read(changed(make, lambda m, s: setattr(s.operators[0].builtinOptions, field, 5)))


def test_window_options_must_be_positive() -> None:
    for field in ("strideH", "strideW", "dilationHFactor", "dilationWFactor"):
        with pytest.raises(ModelError, match=r"stride|dilation"):
            read(
                changed(
                    build.conv_2d,
                    lambda m, s, f=field: setattr(s.operators[0].builtinOptions, f, 0),
                )
            )


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 7, b"\x89PNG\r\n\x1a\n" + b"x" * 99, b"\0\0\0\0TFL3", b"\xff" * 64, b"RIFF" * 4],
)
def test_other_files(data: bytes) -> None:
    with pytest.raises(ModelError) as caught:
        read(data)
    one_sentence(caught.value)


@pytest.mark.parametrize("data", CORPUS.values(), ids=CORPUS)
def test_every_truncation(data: bytes) -> None:
    for length in range(len(data)):
        with pytest.raises(ModelError):
            read(data[:length])


def shared_table_bomb(count: int) -> bytes:
    """`count` tensors that are all the same table, whose name has 4 * `count` bytes."""
    model = bytearray(build.relu())
    sub = schema.Model.GetRootAs(model, 0).Subgraphs(0)
    field = sub._tab.Pos + sub._tab.Offset(4)
    vector = len(model)
    model += struct.pack("<I", count)
    for i in range(count):
        model += struct.pack("<I", 4 * (count - i))
    model += struct.pack(
        "<iI", -8, 16
    )  # the table: vtable 8 bytes on, name 16 bytes after its field
    model += struct.pack("<6H", 12, 8, 0, 0, 0, 4)
    model += struct.pack("<I", 4 * count) + b"name" * count
    struct.pack_into("<I", model, field, vector - field)
    return bytes(model)


def test_small_file_that_describes_a_gigantic_object() -> None:
    data = shared_table_bomb(30_000)
    tracemalloc.start()
    begin = time.process_time()
    with pytest.raises(ModelError) as caught:
        read(data)  # 3.6 GB of names if believed
    seconds = time.process_time() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "same bytes" in one_sentence(caught.value)
    # Processor time, so that a busy machine does not count; believed, it would take minutes.
    assert seconds < 10 and peak < 100 * len(data) + 1_000_000


# Fuzzing ------------------------------------------------------------------------------------------


def survives(data: bytes) -> None:
    """Only `ModelError` may come out; what the check accepts goes all the way to a plan."""
    try:
        graph = read(data)
        check(graph)
    except ModelError as error:
        assert "\n" not in str(error) and len(str(error)) < 700
        return
    ready = prepare(graph)
    check(ready)
    plan(ready)
    prepare_graph(ready)


WORDS = [0, 1, 2, 4, 8, 127, 128, 255, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF]


@st.composite
def mutants(draw) -> bytes:
    data = bytearray(draw(st.sampled_from(sorted(CORPUS.values()))))
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(data) - 4))
        choice = draw(st.integers(0, 4))
        if choice == 0:
            data[at] = draw(st.integers(0, 255))
        elif choice == 1:
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif choice == 2:
            struct.pack_into("<I", data, at & ~3, draw(st.sampled_from(WORDS)))
        elif choice == 3:
            struct.pack_into("<I", data, at & ~3, draw(st.integers(0, len(data))))
        else:
            struct.pack_into("<H", data, at & ~1, draw(st.integers(0, 64)))
    return bytes(data)


@settings(max_examples=2000)
@given(mutants())
def test_changed_bytes(data: bytes) -> None:
    survives(data)


@settings(max_examples=500)
@given(st.binary(max_size=400), st.booleans())
def test_random_bytes(data: bytes, identified: bool) -> None:
    survives(data[:4] + b"TFL3" + data[8:] if identified else data)


def test_every_byte_of_a_small_model_set_to_extremes() -> None:
    for data in (build.relu(), build.reshape()):
        for at in range(len(data)):
            for value in (0, 255, data[at] ^ 128, (data[at] + 1) % 256):
                survives(data[:at] + bytes([value]) + data[at + 1 :])
