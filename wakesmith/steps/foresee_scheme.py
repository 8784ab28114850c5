"""Before anything is collected or trained: can a scheme make something of the network?"""

from __future__ import annotations

from pathlib import Path

from convert.files import write_text
from convert.frontend import FrontEnd
from train.foresee import check_scheme
from train.keras import start
from train.models import ModelSpec, build_model
from train.quantization import DistilledInt8, QuantizationSpec
from wakesmith.job import Job


def run(
    job: Job,
    scheme: QuantizationSpec,
    model: ModelSpec,
    fe: FrontEnd,
    samples: int,
    classes: int,
    base: Path,
) -> None:
    """Write `fits.txt` when it can.

    Raises:
        UserError: see `train.foresee.check_scheme`.
    """
    job.progress(0, 0, "loading TensorFlow")
    start(0)
    job.progress(0, 0, f"looking whether {scheme.scheme} can run")
    network = build_model(model, (fe.frames(samples), fe.width), classes, folder=base)
    if isinstance(scheme, DistilledInt8):
        scheme = scheme.located(base)
    check_scheme(network, scheme)
    write_text(job.out / "fits.txt", f"{scheme.scheme}\n")
