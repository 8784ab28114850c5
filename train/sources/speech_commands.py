"""Speech Commands v0.02 (Warden 2018): 35 English words, 16 kHz, CC BY 4.0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from train.sources.base import Context, Item
from train.sources.folder import folder_items
from train.sources.public import PublicSource

SPEAKER = r"^(?P<speaker>[^_]+)_nohash_\d+$"


@dataclass(frozen=True, kw_only=True)
class SpeechCommandsSource(PublicSource):
    """Speech Commands v0.02: 105,829 clips. The speaker is in the file name.

    The published division is that of `validation_list.txt` and `testing_list.txt`. Background
    recordings lie in `_background_noise_` (a folder for noise and silence; see docs/DATA.md).
    """

    kind: Literal["speech_commands"] = "speech_commands"

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`.

        Raises:
            UserError: it cannot be fetched.
            SpecError: the folder does not hold the set.
        """
        from train.download import SPEECH_COMMANDS, obtain

        root = obtain(SPEECH_COMMANDS, self, context)
        lists = ("validation_list.txt", "testing_list.txt")
        if (root / lists[0]).is_file() and (root / lists[1]).is_file():
            return folder_items(root, SPEAKER, *lists)
        return folder_items(root, SPEAKER)
