"""Which models a target can run: `check` names what is in the way and a way out.

`python -m convert.supported` prints docs/SUPPORTED_OPS.md, which is made of the same docstrings as
the messages (see `convert.constraints`).
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable
from typing import Literal

from convert.constraints import Verdict
from convert.errors import UnsupportedModelError
from convert.graph import Graph, Op, shown
from convert.passes import prepare
from convert.rules import COMMON_CONSTRAINTS, MODEL_CONSTRAINTS, RULES
from convert.tflm_ops import RESOLVER_METHODS

Target = Literal["c", "tflm"]

# What to do about operators that models made elsewhere often have.
_OTHER_ACTIVATION = "Use ReLU or ReLU6 there and train again."
_INSTEAD: dict[str, str] = {
    **dict.fromkeys(
        ("GELU", "RELU_0_TO_1", "RELU_N1_TO_1"),
        _OTHER_ACTIVATION,
    ),
    "BATCH_MATMUL": "Flatten the input before the layer, or use a convolution of kernel 1.",
    "WHILE": "Use convolutions over time instead of the recurrent layer.",
    "AUDIO_SPECTROGRAM": "Export the network without the features before it.",
    "MFCC": "Export the network without the features before it.",
    "CAST": "Export the network with float32 inputs and quantize again.",
    **dict.fromkeys(
        ("BATCH_TO_SPACE_ND", "SPACE_TO_BATCH_ND"),
        "Export with a batch size of 1 (`Input(..., batch_size=1)`), which keeps dilation inside "
        "the convolution.",
    ),
    "DIV": "Multiply by the inverse, or fold scaling into the layer before.",
}


def check(graph: Graph, target: Target = "c") -> None:
    """Raise unless `target` can run the graph.

    Args:
        graph: a verified graph, before or after `convert.passes.prepare` (what a pass removes or
            rewrites is not held against the model).
        target: "c" for interpreter-free C and the reference interpreter, "tflm" for TFLite Micro
            (operators only: its interpreter checks the rest itself).

    Raises:
        UnsupportedModelError: the message names the operator, its index, its output tensor, what
            must hold, what was received and what to do.
    """
    if target == "c":
        graph = prepare(graph)
        for model_constraint in MODEL_CONSTRAINTS:
            valid, detail = model_constraint(graph)
            if not valid:
                raise UnsupportedModelError(_message("", model_constraint, detail))
    check_kinds(graph, target)
    for op in graph.ops:
        if target == "c":
            _check_operator(graph, op)
        elif op.kind == "DEPTHWISE_CONV_2D" and -1 in op.inputs[2:]:
            raise UnsupportedModelError(
                f"{_place(graph, op)}: TFLite Micro crashes on a bias that is absent as -1. "
                "Received: inputs "
                f"{op.inputs}. Leave the third input out, or give the layer a bias of zeros."
            )


def check_kinds(graph: Graph, target: Target = "c") -> None:
    """Raise unless `target` knows every kind of operator, whatever the element types.

    Args:
        graph: a verified graph after `convert.passes.prepare`; float32 ones can be asked, too.
        target: as for `check`.

    Raises:
        UnsupportedModelError: as of `check`.
    """
    known = RULES if target == "c" else RESOLVER_METHODS
    unknown = [op for op in graph.ops if op.kind not in known]
    if unknown:
        others = sorted({op.kind for op in unknown[1:]} - {unknown[0].kind})
        more = f" and, further on, {', '.join(others[:5])}" if others else ""
        choice = ", ".join(sorted(known)) if target == "c" else "those that TFLite Micro has"
        raise UnsupportedModelError(
            f"{_place(graph, unknown[0])}: operators must be among {choice}. "
            f"Received: {unknown[0].kind}{more}. "
            f"{_INSTEAD.get(unknown[0].kind, 'Replace the layer that makes it.')}"
        )


def check_quantized(graph: Graph) -> None:
    """Raise if operators of a model that was to become int8 throughout have stayed float.

    Args:
        graph: what the converter gave.

    Raises:
        UnsupportedModelError: names these operators, and what to do about the first.
    """

    def is_float(index: int) -> bool:
        tensor = graph.tensors[index]
        return tensor.dtype == "float32" and tensor.data is None

    floats = [
        op
        for op in graph.ops
        if op.kind not in ("QUANTIZE", "DEQUANTIZE")
        and any(is_float(i) for i in (*op.inputs, *op.outputs) if i != -1)
    ]
    if floats:
        others = sorted({op.kind for op in floats[1:]} - {floats[0].kind})
        more = f" and, further on, {', '.join(others[:5])}" if others else ""
        raise UnsupportedModelError(
            f"{_place(graph, floats[0])}: every operator of a full-int8 model must compute in "
            f"int8. Received: {floats[0].kind} in float32{more}. "
            f"{_INSTEAD.get(floats[0].kind, 'Replace the layer that makes it.')}"
        )


def _check_operator(graph: Graph, op: Op) -> None:
    for constraint in (_has_arity, _has_types, *COMMON_CONSTRAINTS, *RULES[op.kind].constraints):
        valid, detail = constraint(graph, op)
        if not valid:
            raise UnsupportedModelError(_message(_place(graph, op) + ": ", constraint, detail))


def _has_arity(graph: Graph, op: Op) -> Verdict:
    """Every required input is there, and there is one output.

    Export the model again; the file contradicts itself.
    """
    rule = RULES[op.kind]
    least = len(rule.inputs) - rule.optional
    enough = least <= len(op.inputs) and not any(
        index == -1 and position not in rule.absent
        for position, index in enumerate(op.inputs[:least])
    )
    if rule.variadic:
        fits = enough and -1 not in op.inputs
    else:
        fits = enough and len(op.inputs) <= len(rule.inputs)
    return fits and len(op.outputs) == 1, f"inputs {op.inputs[:20]}, outputs {op.outputs[:20]}"


def _has_types(graph: Graph, op: Op) -> Verdict:
    """Inputs and outputs have the element types in the table above.

    Convert the model to full int8.
    """
    rule = RULES[op.kind]
    wanted = rule.inputs * len(op.inputs) if rule.variadic else rule.inputs
    pairs = [*zip(op.inputs, wanted, strict=False), (op.outputs[0], rule.output)]
    for index, types in pairs:
        if index != -1 and graph.tensors[index].dtype not in types:
            tensor = graph.tensors[index]
            return False, (
                f'{tensor.dtype} for tensor {index} "{shown(tensor.name)}", which must be '
                f"{' or '.join(types)}"
            )
    return True, ""


def _place(graph: Graph, op: Op) -> str:
    """How messages name an operator: index, kind and output tensor."""
    inside = bool(op.outputs) and 0 <= op.outputs[0] < len(graph.tensors)
    name = shown(graph.tensors[op.outputs[0]].name) if inside else ""
    return f'Operator {op.index} ({shown(op.kind)}, output "{name}")'


def _paragraphs(function: Callable[..., Verdict]) -> tuple[str, str]:
    """What must hold and the way out, each on one line, from the docstring."""
    rule, way_out = inspect.cleandoc(function.__doc__ or "").split("\n\n")
    return " ".join(rule.split()), " ".join(way_out.split())


def _message(place: str, function: Callable[..., Verdict], detail: str) -> str:
    rule, way_out = _paragraphs(function)
    return f"{place}{rule.removesuffix('.')}. Received: {detail}. {way_out}"


def page() -> str:
    """The text of docs/SUPPORTED_OPS.md."""
    lines = [
        "# Supported operators",
        "",
        "Made by `python -m convert.supported`; a test compares. Each rule is one function in",
        "`convert/constraints*.py`, and what an error message says is what stands here.",
        "",
        "What interpreter-free C and the reference interpreter take (SQUEEZE and EXPAND_DIMS count",
        "as RESHAPE; VAR_HANDLE and CALL_ONCE name variables that begin with zeros; an operator",
        "with several outputs counts as one for each of them):",
        "",
        "| operator | inputs | output |",
        "|---|---|---|",
    ]
    for kind, rule in RULES.items():
        names = [" or ".join(types) for types in rule.inputs]
        first_optional = len(names) - rule.optional
        names = [
            f"[{n}]" if i >= first_optional or i in rule.absent else n for i, n in enumerate(names)
        ]
        runs = [(name, len(list(run))) for name, run in itertools.groupby(names)]
        listed = ", ".join(f"{n} x {name}" if n > 2 else ", ".join([name] * n) for name, n in runs)
        listed += ", ..." if rule.variadic else ""
        lines.append(f"| {kind} | {listed} | {' or '.join(rule.output)} |")
    lines += ["", "Inputs in brackets are optional.", "", "## Every model", ""]
    lines += [_item(f) for f in MODEL_CONSTRAINTS]
    lines += ["", "## Every operator", ""]
    lines += [_item(f) for f in (_has_arity, _has_types, *COMMON_CONSTRAINTS)]
    for kind, rule in RULES.items():
        lines += ["", f"## {kind}", ""]
        lines += [_item(f) for f in rule.constraints]
    return "\n".join(lines) + "\n"


def _item(function: Callable[..., Verdict]) -> str:
    rule, way_out = _paragraphs(function)
    return f"- {rule} *{way_out}*"


if __name__ == "__main__":
    print(page(), end="")
