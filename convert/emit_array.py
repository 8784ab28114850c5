"""The model for TFLite Micro: the .tflite as a C array, and an op resolver with what it uses.

    files = emit_array(tflite_bytes, arena_size=22820, labels=("yes", "no"))

gives `model_data.h`, `model_data.c` (C99) and `model_ops.h` (C++, for TFLite Micro's interpreter).
The arena size is measured, not guessed: `simulate.tflm.arena_size` asks the tflite-micro
interpreter. It holds for reference kernels on a 64-bit host; pointers of a 32-bit target take less,
optimised kernels (CMSIS-NN) may ask for scratch memory on top.
"""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from convert import cwriter
from convert.errors import SpecError
from convert.graph import Graph
from convert.supported import check
from convert.tflite_reader import read
from convert.tflm_ops import RESOLVER_METHODS

ARRAY_ALIGNMENT = 16  # bytes; TFLite Micro reads int32 and int64 constants in place
ON_THE_HOST = (
    "as TFLite Micro's interpreter measured them with reference kernels on a 64-bit host. "
    "Optimised kernels may need scratch memory on top."
)


@dataclass(frozen=True)
class GeneratedArray:
    """Files by name, and what the report says about them."""

    files: dict[str, str]
    operators: tuple[str, ...]  # kinds used, sorted
    model_hash: str
    arena_size: int

    @property
    def header(self) -> str:
        """Name of the C header."""
        return next(name for name in self.files if name.endswith("_data.h"))


def emit_array(
    data: bytes,
    *,
    arena_size: int,
    labels: Sequence[str] = (),
    prefix: str = "model",
    measured: str = ON_THE_HOST,
) -> GeneratedArray:
    """Print a .tflite as C.

    Args:
        data: the whole .tflite; it must be readable and have only operators that TFLite Micro has.
        arena_size: bytes of tensor arena that the interpreter needs.
        labels: names of the classes, any text, in the order of the output.
        prefix: stands before every name; a C identifier.
        measured: how the arena's size was found out, for the header's comment.

    Raises:
        ModelError: the file is damaged.
        UnsupportedModelError: TFLite Micro does not have one of the operators.
        SpecError: `prefix` is no C identifier or `arena_size` is not positive.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", prefix):
        raise SpecError(
            "A prefix must be a C identifier that starts with a letter. "
            f"Received: {ascii(prefix)[:60]}."
        )
    if arena_size <= 0:
        raise SpecError(f"The arena size must be positive. Received: {arena_size}.")
    graph = read(data)
    check(graph, target="tflm")
    banner = cwriter.banner(graph.model_hash)
    files = {
        f"{prefix}_data.h": _header(prefix, data, arena_size, labels, banner, measured),
        f"{prefix}_data.c": _source(prefix, data, labels, banner),
        f"{prefix}_ops.h": _resolver(prefix, graph, banner),
    }
    return GeneratedArray(files, _kinds(graph), graph.model_hash, arena_size)


def _kinds(graph: Graph) -> tuple[str, ...]:
    return tuple(sorted({op.kind for op in graph.ops}))


def _header(
    prefix: str, data: bytes, arena_size: int, labels: Sequence[str], banner: str, measured: str
) -> str:
    about = f"Bytes of tensor arena, {measured} The array given to the interpreter must be aligned "
    about += "to 16 bytes."
    upper = prefix.upper()
    lines = [
        "#include <stdint.h>",
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
        cwriter.comment("SHA-256 of the .tflite, and its length in bytes."),
        f"#define {upper}_DATA_HASH {cwriter.string_literal(hashlib.sha256(data).hexdigest())}",
        f"#define {upper}_DATA_SIZE {len(data)}",
        "",
        cwriter.comment("\n".join(textwrap.wrap(about, 90))),
        f"#define {upper}_TFLM_ARENA_SIZE {arena_size}",
        "",
        cwriter.comment(f"The .tflite, aligned to {ARRAY_ALIGNMENT} bytes; const, so in flash."),
        f"extern const uint8_t {prefix}_data[{upper}_DATA_SIZE];",
    ]
    if labels:
        lines += [
            "",
            cwriter.comment("Names of the classes (UTF-8) in the order of the output."),
            f"#define {upper}_DATA_LABELS {len(labels)}",
            f"extern const char *const {prefix}_data_labels[{upper}_DATA_LABELS];",
        ]
    lines += ["", "#ifdef __cplusplus", "}", "#endif"]
    return banner + "\n" + cwriter.guarded(f"{prefix}_data.h", "\n".join(lines))


def _source(prefix: str, data: bytes, labels: Sequence[str], banner: str) -> str:
    attribute = f"{prefix.upper()}_DATA_ALIGNED"
    parts = [
        banner,
        f'#include "{prefix}_data.h"\n',
        cwriter.align_macro(attribute, ARRAY_ALIGNMENT),
        cwriter.array(
            "uint8_t",
            f"{prefix}_data",
            np.frombuffer(data, np.uint8),
            qualifiers="const",
            attribute=attribute,
        ),
    ]
    if labels:
        parts.append(cwriter.label_array(f"{prefix}_data_labels", labels))
    return "\n".join(parts)


def _resolver(prefix: str, graph: Graph, banner: str) -> str:
    """C++: a resolver type of the right size and a function that fills it."""
    kinds = _kinds(graph)
    upper = prefix.upper()
    calls = " ||\n        ".join(
        f"resolver.{RESOLVER_METHODS[kind]}() != kTfLiteOk" for kind in kinds
    )
    body = f"""\
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

{cwriter.comment("How many different operators the model uses.")}
#define {upper}_OPS {len(kinds)}

using {prefix}_op_resolver = tflite::MicroMutableOpResolver<{upper}_OPS>;

{cwriter.comment("Registers these operators only, so that the linker leaves the others out.")}
inline TfLiteStatus {prefix}_register_ops({prefix}_op_resolver &resolver)
{{
    if ({calls}) {{
        return kTfLiteError;
    }}
    return kTfLiteOk;
}}
"""
    return banner + "\n" + cwriter.guarded(f"{prefix}_ops.h", body)
