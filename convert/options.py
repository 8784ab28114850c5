"""Options of operators, one frozen class for each kind that has any; see `convert.graph`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

# "tanh" and "sign_bit" can be read, but `convert.supported` refuses them.
Activation = Literal["none", "relu", "relu6", "relu_n1_to_1", "tanh", "sign_bit"]
Padding = Literal["same", "valid"]


@dataclass(frozen=True)
class Conv2D:
    """Options of CONV_2D."""

    padding: Padding
    stride: tuple[int, int]  # height, width
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = "none"
    int32_sums: bool = False  # with int16 values and no bias: sums of 32 instead of 64 bits


@dataclass(frozen=True)
class DepthwiseConv2D:
    """Options of DEPTHWISE_CONV_2D."""

    padding: Padding
    stride: tuple[int, int]
    multiplier: int
    dilation: tuple[int, int] = (1, 1)
    activation: Activation = "none"


@dataclass(frozen=True)
class TransposeConv:
    """Options of TRANSPOSE_CONV."""

    padding: Padding
    stride: tuple[int, int]
    activation: Activation = "none"


@dataclass(frozen=True)
class Pool2D:
    """Options of MAX_POOL_2D and AVERAGE_POOL_2D."""

    padding: Padding
    stride: tuple[int, int]
    window: tuple[int, int]
    activation: Activation = "none"


@dataclass(frozen=True)
class FullyConnected:
    """Options of FULLY_CONNECTED."""

    activation: Activation = "none"
    keep_dims: bool = False
    int32_sums: bool = False  # as in CONV_2D


@dataclass(frozen=True)
class Add:
    """Options of ADD."""

    activation: Activation = "none"


@dataclass(frozen=True)
class Sub:
    """Options of SUB."""

    activation: Activation = "none"


@dataclass(frozen=True)
class Mul:
    """Options of MUL."""

    activation: Activation = "none"


@dataclass(frozen=True)
class Concatenation:
    """Options of CONCATENATION."""

    axis: int
    activation: Activation = "none"


@dataclass(frozen=True)
class Pack:
    """Options of PACK: the inputs become the indices of a new dimension."""

    axis: int


@dataclass(frozen=True)
class Part:
    """Options of SPLIT, SPLIT_V and UNPACK, and which of the outputs is meant.

    A file's operator has all outputs, and number -1; `convert.passes` makes one operator of each of
    the `count` outputs. The axis is the option of UNPACK; the others have it as an input.
    """

    axis: int = 0
    number: int = -1
    count: int = 0


@dataclass(frozen=True)
class LeakyRelu:
    """Options of LEAKY_RELU: the slope below 0."""

    alpha: float


@dataclass(frozen=True)
class Softmax:
    """Options of SOFTMAX."""

    beta: float = 1.0


@dataclass(frozen=True)
class Mean:
    """Options of MEAN, SUM, REDUCE_MAX and REDUCE_MIN; the axes are the second input."""

    keep_dims: bool


@dataclass(frozen=True)
class Lstm:
    """Options of UNIDIRECTIONAL_SEQUENCE_LSTM; a clip of 0 is none."""

    activation: Activation
    cell_clip: float = 0.0
    projection_clip: float = 0.0
    time_major: bool = False
    diagonal: bool = False  # recurrent weights are vectors


@dataclass(frozen=True)
class Svdf:
    """Options of SVDF: `rank` filters are summed into each unit."""

    rank: int
    activation: Activation = "none"


@dataclass(frozen=True)
class StridedSlice:
    """Options of STRIDED_SLICE: bit masks over dimensions; `other` is set by any rarer one."""

    begin_mask: int = 0
    end_mask: int = 0
    shrink_mask: int = 0
    other: bool = False


@dataclass(frozen=True)
class Resize:
    """Options of RESIZE_NEAREST_NEIGHBOR; the size is the second input."""

    align_corners: bool = False
    half_pixel_centers: bool = False


@dataclass(frozen=True)
class MirrorPad:
    """Options of MIRROR_PAD: whether the outermost values are repeated, too."""

    symmetric: bool = False


@dataclass(frozen=True)
class Gather:
    """Options of GATHER; the indices are the second input."""

    axis: int = 0
    batch_dims: int = 0


@dataclass(frozen=True)
class Block:
    """Options of DEPTH_TO_SPACE and SPACE_TO_DEPTH: rows and columns of a block."""

    size: int


@dataclass(frozen=True)
class VarHandle:
    """Options of VAR_HANDLE: the variable's name, with that of its container."""

    name: str


@dataclass(frozen=True)
class CallOnce:
    """Options of CALL_ONCE: number of the subgraph that runs before the first inference."""

    subgraph: int


@dataclass(frozen=True)
class NoOptions:
    """For operators without options (RESHAPE, PAD, RELU, QUANTIZE, LOGISTIC, ...)."""


Options = (
    Conv2D
    | DepthwiseConv2D
    | TransposeConv
    | Pool2D
    | FullyConnected
    | Add
    | Sub
    | Mul
    | Concatenation
    | Pack
    | Part
    | LeakyRelu
    | Softmax
    | Mean
    | Lstm
    | Svdf
    | StridedSlice
    | Resize
    | MirrorPad
    | Gather
    | Block
    | VarHandle
    | CallOnce
    | NoOptions
)
