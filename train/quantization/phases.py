"""Progress of schemes that fit more than once."""

from __future__ import annotations

from dataclasses import replace

from train.fit import Progress, Step


def phase(
    progress: Progress | None, name: str, *, before: int = 0, epochs: int | None = None
) -> Progress | None:
    """A callback for one of several fits that tells what the whole is doing.

    Args:
        progress: the caller's, or None.
        name: what this fit does, e.g. "training the teacher".
        before: epochs of fits before this one that count together with it.
        epochs: of all fits that count together; None: this fit stands alone.
    """
    if progress is None:
        return None
    told = progress

    def tell(step: Step) -> None:
        told(
            replace(
                step,
                phase=step.phase or name,
                epoch=before + step.epoch,
                epochs=step.epochs if epochs is None else epochs,
            )
        )

    return tell
