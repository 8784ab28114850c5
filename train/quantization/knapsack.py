"""Which layer gets which method: the least noise that fits into a number of bytes, exactly.

Few layers and three methods each: dynamic programming over partial choices, of which only those are
kept that no other one beats in bytes and in noise. Kellerer, Pferschy, Pisinger, "Knapsack
Problems" (2004), chapter 11 (multiple choice), with Nemhauser and Ullmann's dominance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from convert.codebook import KERNEL_BYTES, pays
from convert.errors import SpecError
from train.quantization.low_bit import LOG_CODES, METHODS, Method


@dataclass(frozen=True)
class Candidate:
    """A layer with what each method would cost.

    Attributes:
        name: of the layer.
        kind: of the operator, e.g. "CONV_2D"; the C packs the logarithmic weights of a kind all
            or not at all.
        rows: of weights, each of which begins at a byte.
        length: weights of a row.
        noise: method -> noise power over signal power, of the methods that are allowed.
    """

    name: str
    kind: str
    rows: int
    length: int
    noise: Mapping[Method, float]

    def nbytes(self, method: Method) -> int:
        """Flash for the weights, and for the table of "log4"."""
        if method == "int8":
            return self.rows * self.length
        packed = self.rows * ((self.length + 1) // 2)
        return packed + (LOG_CODES if method == "log4" else 0)


@dataclass(frozen=True)
class Choice:
    """A method for each layer, with its flash bytes and its noise, summed over layers."""

    methods: tuple[tuple[str, Method], ...]
    nbytes: int
    noise: float


@dataclass(frozen=True)
class _Part:
    """A choice for the layers of one kind so far.

    Attributes:
        saving: bytes that log4 saves, up to where more makes no difference; -1 without log4.
        int8: whether some layer stays int8.
    """

    choice: Choice
    saving: int = -1
    int8: bool = False


def best_mix(candidates: Sequence[Candidate], budget: int) -> Choice:
    """The choice with the least sum of noise among those of at most `budget` bytes.

    Powers of noises that do not depend on each other add up, so the sum stands for the noise of
    the logits when all layers are rounded. Of equal sums the one with fewer bytes is taken.

    Args:
        candidates: the layers.
        budget: bytes for weights and tables.

    Raises:
        SpecError: even the smallest choice is larger.
    """
    whole = [Choice((), 0, 0.0)]
    for kind in dict.fromkeys(one.kind for one in candidates):
        parts = [_Part(Choice((), 0, 0.0))]
        for candidate in candidates:
            if candidate.kind == kind:
                parts = _kept([_with(p, candidate, m) for p in parts for m in _allowed(candidate)])
        # Logarithmic weights that save too little stay int8 in the C: no choice at all.
        sound = [
            p.choice for p in parts if p.saving < 0 or pays(kind, p.saving, all_packed=not p.int8)
        ]
        joined = [_Part(_joined(a, b)) for a in whole for b in sound]
        whole = [part.choice for part in _kept(joined)]
    if not whole:
        raise SpecError(
            "Logarithmic weights must save more than the code that unpacks them. Received: log4 "
            "demanded for layers too small. Choose int4 for these layers."
        )
    fitting = [c for c in whole if c.nbytes <= budget]
    if not fitting:
        smallest = min(c.nbytes for c in whole)
        raise SpecError(
            f"The weights must fit into {budget} bytes. Received: a model whose smallest mix takes "
            f"{smallest}. Raise weight_bytes (or weight_share), allow more layers 4 bits, or "
            "choose a smaller model."
        )
    best = min(fitting, key=lambda c: (c.noise, c.nbytes))
    order = [one.name for one in candidates]
    return Choice(
        tuple(sorted(best.methods, key=lambda pair: order.index(pair[0]))), best.nbytes, best.noise
    )


def _allowed(candidate: Candidate) -> tuple[Method, ...]:
    return tuple(method for method in METHODS if method in candidate.noise)


def _with(part: _Part, candidate: Candidate, method: Method) -> _Part:
    before, saving = part.choice, part.saving
    choice = Choice(
        (*before.methods, (candidate.name, method)),
        before.nbytes + candidate.nbytes(method),
        before.noise + candidate.noise[method],
    )
    if method == "log4":
        saved = max(candidate.nbytes("int8") - candidate.nbytes("log4"), 0)
        saving = min(max(saving, 0) + saved, KERNEL_BYTES[candidate.kind][1] + 1)
    return _Part(choice, saving, part.int8 or method == "int8")


def _joined(a: Choice, b: Choice) -> Choice:
    return Choice((*a.methods, *b.methods), a.nbytes + b.nbytes, a.noise + b.noise)


def _kept(parts: list[_Part]) -> list[_Part]:
    """Those that no other one beats: fewer or equal bytes, less or equal noise, else alike."""
    kept: list[_Part] = []
    least: dict[tuple[int, bool], float] = {}
    for one in sorted(parts, key=lambda p: (p.choice.nbytes, p.choice.noise)):
        alike = one.saving, one.int8
        if one.choice.noise < least.get(alike, float("inf")):
            least[alike] = one.choice.noise
            kept.append(one)
    return kept
