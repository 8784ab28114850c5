"""int8 with weights that are pruned, clustered, or both: what the three schemes share.

The order is: prune in float, with the share of zeros rising; then choose levels; then calibrate and
fine-tune with int8 arithmetic, masks fixed and levels following. In the end masks and levels are
written into the weights, so that the conversion is that of `qat_int8`, and what is promised is
looked for in the converted file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from convert.export import check_weights
from train.features import TrainingData
from train.fit import Progress
from train.keras import start
from train.quantization.base import Quantized
from train.quantization.calibration import enough_clips
from train.quantization.clusters import Clustered, Clustering, cluster
from train.quantization.fits import Fits
from train.quantization.gates import Gates, install
from train.quantization.kernels import Kernel, choose, kernels, positive_norms
from train.quantization.masks import Masks, Pruning
from train.quantization.promises import proven_notes
from train.quantization.tfmot_int8 import quantization_aware
from train.quantization.tuning import FineTuned


@dataclass(frozen=True)
class ShapedInt8(FineTuned):
    """Options that the three schemes have in common, besides those of `FineTuned`.

    Attributes:
        epochs: of the fine-tuning with int8 arithmetic.
        learning_rate: highest rate in it.
        depthwise: prune or cluster depthwise kernels, too.
        first_layer: prune or cluster the first kernel, too.
        last_layer: prune or cluster the last kernel, too.
    """

    epochs: int = 6
    learning_rate: float = 3e-4
    depthwise: bool = False
    first_layer: bool = True
    last_layer: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.pruning()
        self.clustering()

    def pruning(self) -> Pruning | None:
        """How to prune, None for not at all."""
        return None

    def clustering(self) -> Clustering | None:
        """How to cluster, None for not at all."""
        return None

    def quantize(
        self,
        model: Any,
        data: TrainingData,
        *,
        seed: int = 0,
        first_epoch: int = 0,
        progress: Progress | None = None,
    ) -> Quantized:
        """See `Scheme.quantize`.

        Raises:
            ModelError: too few calibration clips, weights that are not finite, or a converted file
                that does not hold what the scheme promises.
            UnsupportedModelError: a layer that tfmot cannot quantize, or no kernel to work on.
            UserError: a fine-tuning has diverged.
        """
        clips = enough_clips(data.calibration[: self.calibration_clips])
        check_weights(model)
        start(seed)
        gates = install(quantization_aware(model))
        every = kernels(gates)
        chosen = choose(
            every,
            depthwise=self.depthwise,
            first_layer=self.first_layer,
            last_layer=self.last_layer,
        )
        pruning, clustering = self.pruning(), self.clustering()
        fits = Fits(
            data,
            self.epochs + (pruning.epochs if pruning else 0),
            seed=seed,
            first_epoch=first_epoch,
            progress=progress,
        )
        if pruning is not None:
            self._prune(gates, chosen, pruning, fits, data.train.size)
        self._fine_tune(gates, chosen, pruning, clustering, fits, clips)
        return self._convert(gates, every, chosen, fits)

    def _prune(
        self,
        gates: Gates,
        chosen: Sequence[Kernel],
        pruning: Pruning,
        fits: Fits,
        clips: int,
    ) -> None:
        """Prune in float: every gate is off, but the masks are there."""
        steps = math.ceil(clips / self.batch)
        ramp = pruning.ramp_epochs
        # The last ramp step of a single epoch is before its end, so that the model is still fitted.
        last = ramp * steps if ramp < pruning.epochs else max(1, steps // 2)
        masks = Masks(chosen, pruning, last)
        gates.set_mode("off", ("input", "weight", "activation"))
        fits.fit(
            gates.model,
            self.fit_spec(pruning.epochs, pruning.learning_rate),
            "pruning",
            after_step=masks.follow,
            keep_from=min(ramp, pruning.epochs - 1),
        )
        gates.set_mode("train")
        gates.fix_input()

    def _fine_tune(
        self,
        gates: Gates,
        chosen: Sequence[Kernel],
        pruning: Pruning | None,
        clustering: Clustering | None,
        fits: Fits,
        clips: NDArray[np.int8],
    ) -> None:
        clustered: tuple[Clustered, ...] = ()
        if clustering is not None:
            positive_norms(chosen)
            clustered = cluster(chosen, clustering, keep_zero=pruning is not None)
        gates.calibrate(clips)

        def move_levels(step: int) -> None:
            for one in clustered:
                one.follow()

        fits.fit(
            gates.model,
            self.fit_spec(),
            "fine-tuning as int8",
            before_validation=gates.follow_weights,
            after_step=move_levels,
        )
        gates.follow_weights()
        for one in clustered:
            one.settle()
        for kernel in chosen:
            kernel.settle()

    def _convert(
        self,
        gates: Gates,
        every: Sequence[Kernel],
        chosen: Sequence[Kernel],
        fits: Fits,
    ) -> Quantized:
        tflite, reference = gates.convert()
        notes = proven_notes(
            tflite, every, chosen, pruning=self.pruning(), clustering=self.clustering()
        )
        return Quantized(tflite, reference, gates.model, self.runs_on, fits.history, notes)
