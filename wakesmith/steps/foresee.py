"""Before training: can a network of the user's own run on the chip?"""

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
    """Raise if it cannot; writes nothing. The networks of the zoo can.

    Raises:
        UserError: see `train.foresee.check_scheme`.
    """
    if model.own_file(base) is None or "c" not in scheme.runs_on:
        return
    job.progress(0, 0, "loading TensorFlow")
    start(0)
    job.progress(0, 0, "looking whether the network fits the chip")
    check_scheme(untrained(job, model, fe, base), scheme)
