"""The .tflite as C, and the generated op resolver."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from convert.emit_array import GeneratedArray, emit_array
from convert.errors import ModelError, SpecError, UnsupportedModelError
from convert.tflm_ops import RESOLVER_METHODS
from tests import tflite_builder as build
from tests.convert.compile_c import compile_c
from tests.public_models import PUBLIC

LABELS = ("yes", "نعم", '"*/ ??/\n')
# Stands in for TFLite Micro, so that the C++ header can be checked without its sources.
STAND_IN = """\
#pragma once
enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };
namespace tflite {
template <unsigned int tOpCount>
class MicroMutableOpResolver {
  public:
    unsigned int count = 0;
%s
};
}
"""


def made(**keywords) -> GeneratedArray:
    return emit_array(build.conv_2d(), arena_size=1234, labels=LABELS, **keywords)


def test_c_files_compile_and_hold_the_model(tmp_path: Path) -> None:
    data = build.conv_2d()
    generated = made(prefix="kws")
    main = """\
#include <stdint.h>
#include <stdio.h>
#include "kws_data.h"
int main(void)
{
    if ((uintptr_t)kws_data % 16 != 0) {
        return 1;
    }
    fwrite(kws_data, 1, sizeof kws_data, stdout);
    fprintf(stderr, "%s %d %d", KWS_DATA_HASH, KWS_TFLM_ARENA_SIZE, KWS_DATA_LABELS);
    for (int i = 0; i < KWS_DATA_LABELS; i++) {
        fprintf(stderr, "|%s", kws_data_labels[i]);
    }
    return 0;
}
"""
    c_files = {n: t for n, t in generated.files.items() if not n.endswith("_ops.h")}
    program = compile_c(tmp_path, {**c_files, "main.c": main}, link=True)
    done = subprocess.run([program], capture_output=True, check=True)
    assert done.stdout == data
    head, *labels = done.stderr.decode().split("|")
    assert head == f"{generated.model_hash} 1234 3"
    assert tuple(labels) == LABELS


def test_header_compiles_as_cpp(tmp_path: Path) -> None:
    header = made().files["model_data.h"]
    use = '#include "model_data.h"\nint first() { return model_data[0]; }\n'
    compile_c(tmp_path, {"model_data.h": header, "use.cpp": use}, standard="c++17")


def test_resolver_registers_what_is_used(tmp_path: Path) -> None:
    """Against a stand-in for TFLite Micro's header: syntax, count and names, not its behaviour."""
    x, h, y = (build.TensorSpec(n, (1, 4)) for n in "xhy")
    ops = [build.OpSpec("RELU", (0,), (1,)), build.OpSpec("TANH", (1,), (2,))]
    generated = emit_array(build.build_model(ops, [x, h, y]), arena_size=64)
    assert generated.operators == ("RELU", "TANH")
    text = generated.files["model_ops.h"]
    assert re.findall(r"resolver\.(\w+)\(", text) == ["AddRelu", "AddTanh"]
    methods = "\n".join(
        f"    TfLiteStatus {m}() {{ return count++ < tOpCount ? kTfLiteOk : kTfLiteError; }}"
        for m in RESOLVER_METHODS.values()
    )
    main = """\
#include "model_ops.h"
int main()
{
    model_op_resolver resolver;
    const bool first = model_register_ops(resolver) == kTfLiteOk;
    return first && resolver.count == 2 && model_register_ops(resolver) == kTfLiteError ? 0 : 1;
}
"""
    files = {
        "tensorflow/lite/micro/micro_mutable_op_resolver.h": STAND_IN % methods,
        "model_ops.h": text,
        "main.cpp": main,
    }
    program = compile_c(tmp_path, files, standard="c++17", link=True)
    assert subprocess.run([program], check=False).returncode == 0


def test_same_model_same_text_and_no_labels_no_array() -> None:
    assert made() == made()
    bare = emit_array(build.relu(), arena_size=1)
    assert all("labels" not in text for text in bare.files.values())


@pytest.mark.parametrize("path", PUBLIC)
def test_public_models(path, tmp_path: Path) -> None:
    generated = emit_array(path.read_bytes(), arena_size=1000)
    compile_c(tmp_path, {n: t for n, t in generated.files.items() if "_data." in n})


def test_refusals() -> None:
    with pytest.raises(SpecError, match="identifier"):
        made(prefix="a b")
    with pytest.raises(SpecError, match="positive"):
        emit_array(build.relu(), arena_size=0)
    with pytest.raises(ModelError):
        emit_array(b"no model", arena_size=1)
    tensors = [build.TensorSpec("x", (1,)), build.TensorSpec("y", (1,))]
    custom = build.build_model([build.OpSpec("CUSTOM:Mine", (0,), (1,))], tensors)
    with pytest.raises(UnsupportedModelError, match="CUSTOM:Mine"):
        emit_array(custom, arena_size=1)
