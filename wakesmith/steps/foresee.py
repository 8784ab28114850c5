"""Before training: can the network run on the chip, and does the scheme fit it?"""

from __future__ import annotations

from pathlib import Path

from convert.frontend import FrontEnd
from train.foresee import check_scheme
from train.keras import start
from train.models import REMEMBERING, ModelSpec
from train.quantization import DistilledInt8, QuantizationSpec
from wakesmith.job import Job
from wakesmith.steps.train import untrained


def run(job: Job, scheme: QuantizationSpec, model: ModelSpec, fe: FrontEnd, base: Path) -> None:
    """Raise if not; writes nothing. The networks of the zoo run, those that remember not with all.

    Whether the layers that a scheme's options name are there, whether a number of bytes is enough,
    and whether a teacher of the user's own can teach, is asked of every network.

    Raises:
        UserError: see `train.foresee.check_scheme`.
    """
    inner = scheme
    own_teacher = False
    if isinstance(scheme, DistilledInt8):
        scheme = scheme.located(base)
        own_teacher = bool(scheme.teacher_file) or scheme.teacher.own_file(base) is not None
        inner = scheme.student
    options = ("layers", "keep_int8", "weight_bytes")
    asked = any(getattr(inner, option, ()) for option in options) or model.name in REMEMBERING
    if model.own_file(base) is None and not asked and not own_teacher:
        return
    job.progress(0, 0, "loading TensorFlow")
    start(0)
    job.progress(0, 0, "looking whether network, scheme and chip fit")
    check_scheme(untrained(job, model, fe, base), scheme)
