"""Several fits, one after the other, of one model: progress counts on, histories are joined."""

from __future__ import annotations

from typing import Any

from train.features import TrainingData
from train.fit import FitSpec, History, Progress, fit
from train.quantization.phases import phase


class Fits:
    """The fits of one scheme.

    Args:
        data: what is fitted to.
        epochs: of all fits together.
        seed: of the order of clips.
        first_epoch: epochs of `data.train` that were used before.
        progress: told of every step, as of one fit of `epochs` epochs.
    """

    def __init__(
        self,
        data: TrainingData,
        epochs: int,
        *,
        seed: int,
        first_epoch: int,
        progress: Progress | None,
    ) -> None:
        self._data = data
        self._epochs = epochs
        self._seed = seed
        self._first = first_epoch
        self._progress = progress
        self._history = History((), 0)

    @property
    def history(self) -> History:
        """Of all fits so far; `kept` is the epoch that the last one kept."""
        return self._history

    def fit(self, model: Any, spec: FitSpec, name: str, **hooks: Any) -> None:
        """The next fit, called `name` in its progress; `hooks` are further arguments of `fit`.

        Raises:
            UserError: the fit has diverged.
        """
        before = self._history.epochs
        done = len(before)
        history = fit(
            model,
            self._data.train,
            self._data.validation,
            spec,
            seed=self._seed,
            first_epoch=self._first + done,
            progress=phase(self._progress, name, before=done, epochs=self._epochs),
            **hooks,
        )
        self._history = History(before + history.epochs, done + history.kept)
