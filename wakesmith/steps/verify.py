"""Prove that everything computes the same, and measure the firmware."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulate.backend import last_step
from wakesmith.built import Built
from wakesmith.job import Job
from wakesmith.project import Project
from wakesmith.proving import prove_features, prove_layers, spread_rows
from wakesmith.qemu_check import runs_in_qemu_only, self_test_in_qemu
from wakesmith.results import Proof
from wakesmith.store import write_json

_NOT_EMULATED: dict[str, Any] = {
    "firmware": None,
    "instructions": 0,
    "frontend_instructions": 0,
    "frontend_per_frame": 0,
    "layers": [],
    "functions": {},
    "stack": 0,
}
"""What is known of firmware for a core that the emulator does not have."""


def run(job: Job, project: Project) -> None:
    """Write `verify.json`: proofs, accuracy and cost of the emulated firmware.

    For a board whose core is not emulated, the other back ends are compared, and the firmware's
    self-test runs in QEMU where that has the board.
    """
    built = Built(project, job.inputs)
    some = built.test_rows(project.verify.clips)
    few = spread_rows(some, project.verify.emulated_clips)
    labels = built.data.labels

    job.progress(0, 0, "comparing features")
    names = built.backends
    ears = {n: b for n in names if (b := built.feature_backend(n)) is not None}
    heard, _ = prove_features(ears, built.data.pcm[few])
    proofs = [heard]
    others = [name for name in names if name != "cortex-m"]
    if len(few) < len(some):
        backends = {name: built.backend(name) for name in others}
        proofs.append(prove_layers(backends, built.graph, built.features[some], job.progress).proof)
    backends = {name: built.backend(name) for name in names}
    proofs.append(prove_layers(backends, built.graph, built.features[few], job.progress).proof)

    if "cortex-m" not in names:
        if runs_in_qemu_only(built.image):
            job.progress(0, 0, "self-test in QEMU")
            proofs.append(self_test_in_qemu(built.image))
        write_json(job.out / "verify.json", {"proofs": proofs, **_NOT_EMULATED})
        return
    job.progress(0, 0, "whole clips through the firmware")
    scores = built.emulated.posteriors(built.data.pcm[few])
    proofs.append(_posteriors(built, few, scores))
    profile = built.emulated.profile(built.data.pcm[few[0]])
    right = int(np.count_nonzero(scores.argmax(axis=-1) == labels[few]))
    write_json(
        job.out / "verify.json",
        {
            "proofs": proofs,
            "firmware": {"correct": right, "total": len(few)},
            "instructions": profile.model,
            "frontend_instructions": profile.features,
            "frontend_per_frame": profile.per_frame,
            "layers": [
                {"op_index": cost.op_index, "instructions": cost.instructions, "macs": cost.macs}
                for cost in profile.layers
            ],
            "functions": profile.functions,
            "stack": profile.stack_bytes,
        },
    )


def _posteriors(built: Built, rows: np.ndarray, scores: np.ndarray) -> Proof:
    """Sound in, scores out: the firmware as a whole against the definitions one after the other."""
    output = built.graph.tensors[built.graph.outputs[0]]
    trace = built.backend("reference").run(built.features[rows])
    expected = np.asarray(last_step(trace[output.index], output.shape))
    differing = expected.reshape(scores.shape) != scores
    first = ""
    if differing.any():
        clip, index = (int(i) for i in np.argwhere(differing)[0])
        want, got = int(expected.reshape(scores.shape)[clip, index]), int(scores[clip, index])
        first = f"reference and cortex-m part in the posteriors: clip {clip}, class {index}: "
        first += f"{want} and {got}"
    return Proof(
        what="posteriors from sound",
        backends=("reference", "cortex-m"),
        clips=len(rows),
        compared=int(scores.size),
        mismatches=int(np.count_nonzero(differing)),
        first=first,
    )
