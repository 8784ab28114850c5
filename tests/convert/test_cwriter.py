"""Printed C: any text may come in, and the compiler must read back what was meant."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convert import cwriter
from tests.convert.compile_c import compile_c

NASTY = [
    "yes",
    "",
    "نعم",
    "日本語 😀",
    'quote " and back\\slash',
    "trigraph ??/ ??= ??)",
    "*/ int injected; /*",
    "/* // /*/ **/",
    "line\nbreak\r\ttab\0nul",
    "digits after \x01234",
    "%s %n \\x41 \\u0041",
    "ends with backslash \\",
    "‮bidi‬",
    "\udc80 lone surrogate",
    "int",
    "_Reserved",
    "__double",
    "7up",
    "é",
]


def unescaped(literal: str) -> bytes:
    """What a C compiler makes of a literal with our kinds of escapes."""
    inner = literal[1:-1].encode("ascii")
    return re.sub(
        rb"\\([0-7]{3}|.)",
        lambda m: bytes([int(m[1], 8)]) if len(m[1]) == 3 else m[1],
        inner,
    )


@settings(max_examples=500)
@given(st.text())
def test_any_text_is_safe(text: str) -> None:
    name = cwriter.identifier(text)
    assert re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", name) and "__" not in name
    assert name not in cwriter._KEYWORDS
    literal = cwriter.string_literal(text)
    assert literal.isascii() and "??" not in literal
    assert unescaped(literal) == text.encode("utf-8", "replace")
    comment = cwriter.comment(text)
    assert comment.startswith("/*") and comment.endswith("*/")
    inner = comment[2:-2]
    assert "*/" not in inner and "/*" not in inner and "??" not in inner
    assert all(c == "\n" or c.isprintable() for c in inner)
    assert not any(line.endswith("\\") for line in inner.split("\n"))


@settings(max_examples=100)
@given(st.lists(st.text(max_size=4), max_size=20))
def test_identifiers_are_distinct(texts: list[str]) -> None:
    names = cwriter.identifiers(texts)
    assert len({n.lower() for n in names}) == len(texts)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,62}", n) for n in names)


def test_identifier_examples() -> None:
    assert cwriter.identifier("hey computer!") == "hey_computer"
    assert cwriter.identifier("café") == "cafe"
    assert cwriter.identifier("7up") == "x_7up"
    assert cwriter.identifier("while") == "x_while"
    assert cwriter.identifier("نعم", "label") == "label"
    assert cwriter.identifiers(["a", "A", "a!"]) == ("a", "A_2", "a_3")
    assert cwriter.macro("kws model") == "KWS_MODEL"


def test_integers_at_the_ends() -> None:
    assert cwriter.integer(-(2**31)) == "(-2147483647 - 1)"
    assert cwriter.integer(2**31) == "2147483648u"
    assert cwriter.integer(2**63) == "9223372036854775808ULL"
    for value in (2**64, -(2**63) - 1):
        with pytest.raises(ValueError, match="64 bits"):
            cwriter.integer(value)


@settings(max_examples=300)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_read_back(value: float) -> None:
    text = cwriter.float32(value)
    assert text.endswith("f") and ("." in text or "e" in text)
    assert np.float32(text[:-1]) == np.float32(value)


def test_floats_that_c_cannot_write() -> None:
    for value in (float("nan"), float("inf"), 1e39):
        with pytest.raises(ValueError, match="finite"):
            cwriter.float32(value)


def test_arrays_wrap_and_refuse_nonsense() -> None:
    text = cwriter.array("int8_t", "w", np.arange(-128, 128))
    assert max(map(len, text.splitlines())) <= 100
    assert [int(v) for v in re.findall(r"-?\d+(?=,)", text)] == list(range(-128, 128))
    with pytest.raises(ValueError, match="one element"):
        cwriter.array("int8_t", "w", [])
    with pytest.raises(ValueError, match="identifier"):
        cwriter.array("int8_t", "w;", [1])
    with pytest.raises(ValueError, match="one label"):
        cwriter.label_array("labels", [])


def test_version_is_that_of_the_project() -> None:
    project = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    assert f'version = "{cwriter.VERSION}"' in project


def test_compiler_reads_back_what_was_meant(tmp_path: Path) -> None:
    """Comments, labels and arrays of every kind in one program that prints them."""
    arrays = {
        "int8_t": [-128, -1, 0, 127],
        "uint8_t": [0, 255],
        "int16_t": [-32768, 32767],
        "int32_t": [-(2**31), 2**31 - 1],
        "uint32_t": [0, 2**31, 2**32 - 1],
        "int64_t": [-(2**63), -(2**31) - 1, 2**32, 2**63 - 1],
        "uint64_t": [0, 2**63, 2**64 - 1],
    }
    floats = [0.0, -0.0, 1.0, 0.1, 3.4028235e38, 1e-45, 123456789.0]
    parts = [
        cwriter.banner("0" * 64, *NASTY),
        "#include <inttypes.h>\n#include <stdint.h>\n#include <stdio.h>\n#include <string.h>\n",
        cwriter.align_macro("DATA_ALIGNED", 16),
        *(cwriter.comment(text) for text in NASTY),
        *(cwriter.array(kind, f"a_{kind}", v) for kind, v in arrays.items()),
        cwriter.array("uint8_t", "aligned", [1, 2, 3], attribute="DATA_ALIGNED"),
        "static const float floats[] = {\n"
        + cwriter.wrapped([*map(cwriter.float32, floats)])
        + "};",
        cwriter.label_array("labels", NASTY, qualifiers="static"),
        "static const size_t sizes[] = {"
        + ", ".join(f"sizeof({cwriter.string_literal(t)})" for t in NASTY)
        + "};",
        *(
            f"static const int32_t {n} = {i};"
            for i, n in enumerate(cwriter.identifiers([*NASTY, "while", "a", "A"]))
        ),
        "int main(void)\n{\n    size_t i;\n    size_t k;",
    ]
    for kind in arrays:
        form = f"PRI{'u' if kind[0] == 'u' else 'd'}{kind.strip('uint_')}"
        parts.append(
            f"    for (i = 0; i < sizeof a_{kind} / sizeof a_{kind}[0]; i++)"
            f' printf("%" {form} "\\n", a_{kind}[i]);'
        )
    parts += [
        '    for (i = 0; i < sizeof floats / sizeof floats[0]; i++) printf("%.9g\\n", floats[i]);',
        '    printf("%d\\n", (int)((uintptr_t)aligned % 16));',
        "    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {",
        '        for (k = 0; k + 1 < sizes[i]; k++) printf("%02x", (unsigned char)labels[i][k]);',
        '        printf("\\n");\n    }',
        *(
            f"    if ({n} != {i}) return 1;"
            for i, n in enumerate(cwriter.identifiers([*NASTY, "while", "a", "A"]))
        ),
        "    return 0;\n}\n",
    ]
    program = compile_c(tmp_path, {"main.c": "\n".join(parts)}, link=True)
    out = subprocess.run([program], capture_output=True, text=True, check=True).stdout.split("\n")
    expected = [str(v) for values in arrays.values() for v in values]
    assert out[: len(expected)] == expected
    out = out[len(expected) :]
    assert [float(np.float32(v)) for v in out[: len(floats)]] == [
        float(np.float32(v)) for v in floats
    ]
    assert out[len(floats)] == "0"
    read_back = [bytes.fromhex(line) for line in out[len(floats) + 1 : -1]]
    assert read_back == [t.encode("utf-8", "replace") for t in NASTY]
