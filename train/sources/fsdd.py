"""Free Spoken Digit Dataset (Jackson and contributors): English digits, 8 kHz, CC BY-SA 4.0."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from convert.errors import SpecError
from train.sources.base import Context, Item
from train.sources.public import PublicSource

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True, kw_only=True)
class FsddSource(PublicSource):
    """FSDD v1.0.10: 3,000 clips, six speakers (george, jackson, lucas, nicolas, theo, yweweler).

    Its published division (takes 0 to 4 test) mixes speakers, so it is not used: name
    `test_speakers`, or leave the division to `hashed`.
    """

    kind: Literal["fsdd"] = "fsdd"

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`.

        Raises:
            UserError: it cannot be fetched.
            SpecError: the folder does not hold the set.
        """
        from train.download import FSDD, obtain

        root = obtain(FSDD, self, context)
        items = []
        for path in sorted(root.rglob("*.wav")):
            match = re.fullmatch(r"(\d)_([A-Za-z]+)_(\d+)", path.stem)
            if match:
                name = path.relative_to(root).as_posix()
                items.append(Item(DIGITS[int(match[1])], match[2], name, path))
        if not items:
            raise SpecError(
                f"FSDD must have clips named as 7_jackson_32.wav. Received: none in {root}."
            )
        return items
