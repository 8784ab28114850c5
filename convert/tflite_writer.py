"""Changes a .tflite: the object API's view of it, and its bytes again.

`convert.tflite_reader.read` comes first. The object API trusts what it reads, so a file goes
through here only after it was read without complaint.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.errors import UnsupportedModelError

_BUFFER_ALIGNMENT = 16  # bytes; the schema demands it of the data of every buffer


def unpack(data: bytes) -> Any:
    """The object API's `ModelT` of a file that `convert.tflite_reader.read` has accepted.

    Raises:
        UnsupportedModelError: constants stand behind the FlatBuffer, as in files over 2 GB.
    """
    schema = _schema()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    if any(buffer.offset > 1 for buffer in model.buffers or ()):
        raise UnsupportedModelError(
            "A .tflite that is to be rewritten must hold its constants inside. Received: one "
            "with constants behind its end. Convert the model again; it is far below 2 GB."
        )
    return model


def pack(model: Any) -> bytes:
    """The bytes of a `ModelT`; the same model gives the same bytes."""
    import flatbuffers

    model.buffers = [_aligned(buffer.data) for buffer in model.buffers]
    builder = flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def new_buffer(model: Any, values: NDArray[np.generic]) -> int:
    """Append a buffer with the values' bytes and return its number.

    The converter lets tensors of equal contents share a buffer, so data is never changed in place.
    """
    buffer = _schema().BufferT()
    buffer.data = values.reshape(-1).view(np.uint8)
    model.buffers.append(buffer)
    return len(model.buffers) - 1


def drop_unused_buffers(model: Any) -> None:
    """Leave out the contents of buffers that no tensor and no metadata names any more.

    Their numbers stay taken, by empty buffers.
    """
    used = {t.buffer for sub in model.subgraphs for t in sub.tensors}
    used |= {entry.buffer for entry in model.metadata or ()}
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None


def new_activation(name: Any, shape: Any, dtype: str, scale: float, zero_point: int) -> Any:
    """A tensor without data, quantized as a whole; `dtype` as the schema has it, e.g. "INT8"."""
    schema = _schema()
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.type = name, shape, tensor_type(dtype)
    tensor.buffer = 0  # the empty one, by definition
    tensor.quantization = schema.QuantizationParametersT()
    tensor.quantization.scale, tensor.quantization.zeroPoint = [scale], [zero_point]
    return tensor


def operator_code(model: Any, kind: str) -> int:
    """The number of an operator's code in the file, appended where it is new."""
    schema = _schema()
    number = getattr(schema.BuiltinOperator, kind)
    for place, code in enumerate(model.operatorCodes):
        if max(code.builtinCode, code.deprecatedBuiltinCode) == number:
            return place
    code = schema.OperatorCodeT()
    code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
    model.operatorCodes.append(code)
    return len(model.operatorCodes) - 1


def new_operator(code: int, inputs: list[int], outputs: list[int]) -> Any:
    """An operator without options."""
    operator = _schema().OperatorT()
    operator.opcodeIndex, operator.inputs, operator.outputs = code, inputs, outputs
    return operator


def tensor_type(name: str) -> int:
    """The schema's number of an element type, e.g. "INT4"."""
    number: int = getattr(_schema().TensorType, name)
    return number


def custom_code(name: str) -> Any:
    """An operator code for a custom operator."""
    schema = _schema()
    code = schema.OperatorCodeT()
    code.builtinCode = code.deprecatedBuiltinCode = schema.BuiltinOperator.CUSTOM
    code.customCode = name
    code.version = 1
    return code


def bytes_tensor(name: str, buffer: int, size: int) -> Any:
    """A constant vector of uint8 without quantization."""
    tensor = _schema().TensorT()
    tensor.name, tensor.buffer, tensor.shape = name, buffer, [size]
    tensor.type = tensor_type("UINT8")
    return tensor


def operator(code: int, inputs: list[int], outputs: list[int]) -> Any:
    """An operator without options."""
    made = _schema().OperatorT()
    made.opcodeIndex, made.inputs, made.outputs = code, inputs, outputs
    return made


def _schema() -> Any:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    return schema


@lru_cache(maxsize=1)
def _aligned_class() -> Any:
    """A buffer table that writes its data at a multiple of 16 bytes."""
    schema = _schema()

    class AlignedBuffer(schema.BufferT):  # type: ignore[name-defined]
        def Pack(self, builder: Any) -> Any:
            if self.data is None:
                return super().Pack(builder)
            content = np.asarray(self.data, np.uint8).tobytes()
            builder.StartVector(1, len(content), _BUFFER_ALIGNMENT)
            builder.head = builder.Head() - len(content)
            builder.Bytes[builder.Head() : builder.Head() + len(content)] = content
            vector = builder.EndVector()
            schema.BufferStart(builder)
            schema.BufferAddData(builder, vector)
            return schema.BufferEnd(builder)

    return AlignedBuffer


def _aligned(data: NDArray[np.uint8] | None) -> Any:
    made = _aligned_class()()
    made.data = data
    return made


QuantPair = tuple[float, int]
"""Scale and zero point."""


class Model:
    """A new file, tensor by tensor and operator by operator.

    model = Model("made by hand")
    x = model.tensor("x", (1, 4), "int8", (0.1, 0))
    y = model.tensor("y", (1, 4), "int8", (0.1, 0))
    model.op("RELU", (x,), y)
    data = model.finish(x, y)
    """

    def __init__(self, description: str) -> None:
        schema = _schema()
        self._model = schema.ModelT()
        self._model.version = 3
        self._model.description = description
        self._model.buffers = [schema.BufferT()]
        self._model.operatorCodes = []
        self._codes: dict[tuple[str, int], int] = {}
        self._graph = schema.SubGraphT()
        self._graph.name = "main"
        self._graph.tensors, self._graph.operators = [], []
        self._model.subgraphs = [self._graph]

    def tensor(
        self,
        name: str,
        shape: tuple[int, ...],
        dtype: str,
        quant: QuantPair | None = None,
        *,
        data: NDArray[np.generic] | None = None,
        variable: bool = False,
    ) -> int:
        """Add a tensor and return its number; `dtype` as of NumPy, `data` makes it a constant."""
        schema = _schema()
        made = schema.TensorT()
        made.name, made.shape, made.isVariable = name, list(shape), variable
        made.type = tensor_type(dtype.upper())
        made.buffer = 0 if data is None else new_buffer(self._model, np.ascontiguousarray(data))
        if quant is not None:
            made.quantization = schema.QuantizationParametersT()
            made.quantization.scale = [quant[0]]
            made.quantization.zeroPoint = [quant[1]]
        self._graph.tensors.append(made)
        return len(self._graph.tensors) - 1

    def op(
        self,
        kind: str,
        inputs: tuple[int, ...],
        output: int,
        options: str = "",
        version: int = 1,
        **values: Any,
    ) -> None:
        """Add an operator; `values` are fields of its `options` table, enumerations by name."""
        schema = _schema()
        made = schema.OperatorT()
        made.opcodeIndex = self._code(kind, version)
        made.inputs, made.outputs = list(inputs), [output]
        if options:
            made.builtinOptionsType = getattr(schema.BuiltinOptions, options)
            made.builtinOptions = getattr(schema, f"{options}T")()
            for name, value in values.items():
                if isinstance(value, str):
                    value = getattr(schema.ActivationFunctionType, value)
                setattr(made.builtinOptions, name, value)
        self._graph.operators.append(made)

    def finish(self, source: int, result: int) -> bytes:
        """The file, with one input and one output."""
        self._graph.inputs, self._graph.outputs = [source], [result]
        return pack(self._model)

    def _code(self, kind: str, version: int) -> int:
        if (kind, version) not in self._codes:
            schema = _schema()
            code = schema.OperatorCodeT()
            code.builtinCode = getattr(schema.BuiltinOperator, kind)
            code.deprecatedBuiltinCode = min(code.builtinCode, 127)
            code.version = version
            self._codes[kind, version] = len(self._model.operatorCodes)
            self._model.operatorCodes.append(code)
        return self._codes[kind, version]
