"""What the C emitter hands to builders and simulators: the text, and where everything is."""

from __future__ import annotations

from dataclasses import dataclass

from convert.families import Kernels
from convert.graph import DType
from convert.memory import Buffer


@dataclass(frozen=True)
class CodeSpec:
    """How C is made of a model; the bits are the same with all of it.

    Attributes:
        pack: keep weights in 4 bits where that saves flash (`convert.codebook`).
        kernels: the family of kernels (`convert.families`).
        ram: bytes that the arena may have; 0 for no limit.
    """

    pack: bool = True
    kernels: Kernels = "plain"
    ram: int = 0


@dataclass(frozen=True)
class TensorSlot:
    """Where a graph input, output or state lives in the arena."""

    tensor: int
    name: str
    dtype: DType
    shape: tuple[int, ...]
    offset: int  # bytes into the arena
    nbytes: int


@dataclass(frozen=True)
class LayerSlot:
    """One layer of the generated C and where its output is when its function returns."""

    op_index: int
    kind: str
    function: str  # C symbol
    output: int  # tensor index in the .tflite
    offset: int  # bytes into the arena
    nbytes: int
    dtype: DType
    shape: tuple[int, ...]
    macs: int


@dataclass(frozen=True)
class GeneratedModel:
    """The C of one model and what tools need to know about it.

    `files` are `<prefix>.h` and `<prefix>.c`, to be compiled with `kernels` (file names in
    `firmware/kernels`); the arena is the static array `<prefix>_arena`. `flash_bytes` counts the
    constant arrays, without parameter structs and code. `states` keep their values from one run to
    the next until `<prefix>_reset`, which a model without states does not have; a window of the
    front-end is `steps` runs. `scratch` are (offset, bytes) in the arena that kernels work in;
    `buffers` say what is where in the arena, and when. `whole_arena` is what the arena's size would
    be without layers in stripes.
    """

    prefix: str
    files: dict[str, str]
    layers: tuple[LayerSlot, ...]
    inputs: tuple[TensorSlot, ...]
    outputs: tuple[TensorSlot, ...]
    arena_size: int
    arena_symbol: str
    flash_bytes: int
    macs: int
    kernels: tuple[str, ...]
    model_hash: str
    labels: tuple[str, ...]
    states: tuple[TensorSlot, ...] = ()
    steps: int = 1
    scratch: tuple[tuple[int, int], ...] = ()
    buffers: tuple[Buffer, ...] = ()
    whole_arena: int = 0

    @property
    def header(self) -> str:
        """Name of the header."""
        return f"{self.prefix}.h"
