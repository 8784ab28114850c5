"""Arabic Speech Commands (Ghandoura, Hjabo, Al Dakkak 2021): 40 words, 30 speakers, CC BY 4.0."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from train.sources.base import Context, Item
from train.sources.folder import folder_items
from train.sources.public import PublicSource

SPEAKER = r"^(?P<speaker>\d+)_NO_\d+$"


@dataclass(frozen=True, kw_only=True)
class ArabicCommandsSource(PublicSource):
    """Arabic Speech Commands: 12,000 clips of one second at 16 kHz, as `<word>/00000001_NO_01.wav`.

    Where the set's own `validation_list.txt` and `testing_list.txt` lie beside the words they are
    the published division; otherwise speakers are hashed.
    """

    kind: Literal["arabic_commands"] = "arabic_commands"

    def items(self, context: Context) -> list[Item]:
        """See `Source.items`.

        Raises:
            UserError: it cannot be fetched.
            SpecError: the folder does not hold the set.
        """
        from train.download import ARABIC_COMMANDS, obtain

        root = obtain(ARABIC_COMMANDS, self, context)
        if (root / "dataset").is_dir():
            root = root / "dataset"
        lists = ("validation_list.txt", "testing_list.txt")
        if (root / lists[0]).is_file() and (root / lists[1]).is_file():
            return folder_items(root, SPEAKER, *lists)
        return folder_items(root, SPEAKER)
