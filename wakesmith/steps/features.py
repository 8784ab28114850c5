"""Compute the features of all clips with the firmware's own C, checked against the definition."""

from __future__ import annotations

import numpy as np

from convert.files import write_text
from convert.frontend import FrontEnd
from simulate import frontend as definition
from simulate.hostfrontend import HostFrontEnd
from wakesmith.clips import load_dataset
from wakesmith.job import Job

_BLOCK = 512
_CHECKED = 64


def run(job: Job, fe: FrontEnd) -> None:
    """Write `features.npy`, int8 (clips, frames, width), and `frontend.json`."""
    data = load_dataset(job.inputs["speech"])
    host = HostFrontEnd(fe)
    count, samples = data.pcm.shape
    features = np.empty((count, fe.frames(samples), fe.width), np.int8)
    for start in range(0, count, _BLOCK):
        features[start : start + _BLOCK] = host.features(data.pcm[start : start + _BLOCK])
        job.progress(min(start + _BLOCK, count), count, "computing features")
    sample = np.linspace(0, count - 1, min(count, _CHECKED)).astype(int)
    if not np.array_equal(features[sample], definition.features(data.pcm[sample], fe)):
        raise RuntimeError("The front-end's C differs from its definition on this machine.")
    np.save(job.out / "features.npy", features, allow_pickle=False)
    write_text(job.out / "frontend.json", fe.to_json() + "\n")
