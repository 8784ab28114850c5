"""Before training: can the network run on the chip, and does the scheme fit it?"""

from __future__ import annotations

from pathlib import Path

from convert.frontend import FrontEnd
from train.foresee import check_scheme
from train.keras import start
from train.models import ModelSpec
from train.quantization import QuantizationSpec
from wakesmith.job import Job
from wakesmith.steps.train import untrained


def run(job: Job, scheme: QuantizationSpec, model: ModelSpec, fe: FrontEnd, base: Path) -> None:
    """Raise if not; writes nothing. The networks of the zoo run with every scheme.

    Whether the layers that a scheme's options name are there is asked of every network.

    Raises:
        UserError: see `train.foresee.check_scheme`.
    """
    inner = getattr(scheme, "student", scheme)
    if model.own_file(base) is None and not getattr(inner, "layers", ()):
        return
    job.progress(0, 0, "loading TensorFlow")
    start(0)
    job.progress(0, 0, "looking whether network, scheme and chip fit")
    check_scheme(untrained(job, model, fe, base), scheme)
