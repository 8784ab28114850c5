"""What `wakesmith recognize --stream` does: the events of recordings."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from train.audio import read_clip
from wakesmith.built import open_built
from wakesmith.hearing import Hearing


def recognize_streams(
    project: Path, recordings: Sequence[Path], *, out: Path | None, say: Callable[[str], object]
) -> None:
    """Print the words that the firmware detects, with their times, as this machine computes them.

    Args:
        project: project file.
        recordings: WAV or FLAC files of any rate and length.
        out: build folder.
        say: prints a line.

    Raises:
        UserError: the project is not built, or a recording cannot be used.
    """
    hearing = Hearing(open_built(project, out))
    heard = [(path, read_clip(path).pcm) for path in recordings]
    for path, pcm in heard:
        if len(heard) > 1:
            say(f"{path}:")
        events = [result.event for result in hearing.stream(pcm) if result.event]
        for event in events:
            # The model's output is a softmax with scale 1/256.
            say(f"{event.milliseconds / 1000:8.2f} s  {event.label} {event.score / 256:.1%}")
        if not events:
            say("no word")
