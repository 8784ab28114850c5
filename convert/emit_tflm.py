"""What the TFLite Micro runtime of the firmware is compiled from, for one model.

The application finds sizes, scales, labels and hash in `model.h`, whichever runtime stands behind
it, so the header of the interpreter-free C goes along; its functions do not. `firmware/tflm` is the
runtime itself.
"""

from __future__ import annotations

from convert import cwriter
from convert.emit_array import emit_array
from convert.errors import SpecError, UnsupportedModelError
from convert.generated import GeneratedModel

PREFIX = "model"
"""The names that firmware/tflm uses begin with it."""


def emit_tflm(
    tflite: bytes, generated: GeneratedModel, *, arena_size: int, measured: str
) -> dict[str, str]:
    """Header, model array, op resolver and labels: file name -> text.

    Args:
        tflite: the model, with operators that TFLite Micro has.
        generated: the interpreter-free C of the same file, made with the prefix "model".
        arena_size: bytes of tensor arena.
        measured: how that was found out, one sentence that goes on after "Bytes of tensor arena, ".

    Raises:
        ModelError: the file is damaged.
        UnsupportedModelError: TFLite Micro does not have one of the operators, or the model has
            resource variables, for which the runtime sets no memory aside.
        SpecError: another prefix, another model, or `arena_size` is not positive.
    """
    array = emit_array(tflite, arena_size=arena_size, prefix=PREFIX, measured=measured)
    if generated.prefix != PREFIX or generated.model_hash != array.model_hash:
        raise SpecError(
            f"The C must be of the same model, with the prefix {PREFIX}. Received: prefix "
            f"{generated.prefix!r}, model {generated.model_hash[:12]} and {array.model_hash[:12]}."
        )
    if "VAR_HANDLE" in array.operators:
        raise UnsupportedModelError(
            "A model for the TFLite Micro runtime must keep no resource variables. Received: "
            'VAR_HANDLE. Choose runtime = "c", which runs it.'
        )
    files = {generated.header: generated.files[generated.header], **array.files}
    if generated.labels:
        files[f"{PREFIX}_labels.c"] = "\n".join(
            [
                cwriter.banner(generated.model_hash),
                f'#include "{generated.header}"\n',
                cwriter.label_array(f"{PREFIX}_labels", generated.labels),
            ]
        )
    return files
