"""What firmware needs beside model and front-end: settings of its detector, and its self-test."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from convert.detector import Detector, DetectorPlan
from convert.emit_detector import emit_detector
from convert.emit_selftest import emit_selftest
from convert.errors import ModelError
from convert.frontend import FrontEnd
from convert.graph import Graph
from simulate.selftest import self_test


def detector_plan(
    graph: Graph,
    labels: Sequence[str],
    fe: FrontEnd,
    *,
    words: Collection[str] | None = None,
    detect: Detector | None = None,
) -> DetectorPlan:
    """The detector's integers for a model.

    Args:
        graph: the model.
        labels: of its outputs.
        fe: its front-end.
        words: the labels that make events; all of them unless told.
        detect: settings; the defaults unless told.

    Raises:
        ModelError: the model's output is not int8 with one scale.
        SpecError: the settings do not go with the model.
    """
    output = graph.tensors[graph.outputs[0]]
    quant = output.quant
    if output.dtype != "int8" or quant is None or len(quant.scale) != 1:
        raise ModelError(
            f"A model that listens must give int8 with one scale. Received: {output.dtype}."
        )
    return (detect or Detector()).plan(
        labels,
        labels if words is None else words,
        hop_ms=fe.hop_ms,
        scale=float(quant.scale[0]),
        zero_point=int(quant.zero_point[0]) if quant.zero_point else 0,
    )


def listening_sources(
    graph: Graph,
    labels: Sequence[str],
    fe: FrontEnd,
    samples: int,
    *,
    words: Collection[str] | None = None,
    detect: Detector | None = None,
    vectors: bool = True,
) -> dict[str, str]:
    """C files for `firmware.application.build_application`: file name -> text.

    Args:
        graph: the model.
        labels: of its outputs.
        fe: its front-end.
        samples: of its window.
        words: as for `detector_plan`.
        detect: as for `detector_plan`.
        vectors: store inputs and answers for `selftest`.

    Raises:
        ModelError: as for `detector_plan`.
        SpecError: as for `detector_plan`.
    """
    plan = detector_plan(graph, labels, fe, words=words, detect=detect)
    test = self_test(graph, fe, samples) if vectors else None
    return {**emit_detector(plan), **emit_selftest(test)}
