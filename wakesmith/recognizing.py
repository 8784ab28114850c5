"""What `wakesmith recognize` does: clips through the firmware, in an emulated core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from simulate.recognizer import Recognizer
from train.audio import fit_length, read_clip
from wakesmith.built import open_built


def recognize_clips(
    project: Path,
    clips: Sequence[Path],
    *,
    out: Path | None,
    top: int,
    say: Callable[[str], object],
) -> None:
    """Send clips to the firmware as its UART would bring them and print its answers.

    Args:
        project: project file.
        clips: WAV or FLAC files of any rate.
        out: build folder.
        top: words to print per clip.
        say: prints a line.

    Raises:
        UserError: the project is not built, or a clip cannot be used.
    """
    built = open_built(project, out)
    heard = [(path, fit_length(read_clip(path).pcm, built.project.samples)) for path in clips]
    recognizer = Recognizer(built.image)
    labels = built.data.classes
    for path, pcm in heard:
        answer = recognizer.recognize(pcm)
        # The model's output is a softmax with scale 1/256 and zero point -128.
        ranked = sorted(enumerate(answer.scores), key=lambda pair: (-pair[1], pair[0]))
        words = ", ".join(f"{labels[i]} {(q + 128) / 256:.1%}" for i, q in ranked[:top])
        say(f"{path}: {words}" if len(heard) > 1 else words)
