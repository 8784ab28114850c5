"""What an instruction costs: the one assumption between exact counts and emulated time.

Instructions are counted exactly; cycles are not modelled. A count becomes a time by a fixed number
of cycles per instruction for each core, rather too many than too few: the timing tables
of the cores' technical reference manuals give 1 cycle for most instructions, 2 for a load or store
(1 when they follow each other on M3, M4 and M33), 1 to 3 for a taken branch, and our kernels take
1.19 to 1.35 by those tables on an M4. The rest is for flash that is slower than the core.
"""

from __future__ import annotations

from fractions import Fraction

_ASSUMED = {
    "cortex-m0": Fraction(17, 10),
    "cortex-m0plus": Fraction(3, 2),
    "cortex-m3": Fraction(3, 2),
    "cortex-m4f": Fraction(3, 2),
    "cortex-m7f": Fraction(1),
    "cortex-m33f": Fraction(7, 5),
    "cortex-m55": Fraction(7, 5),
}


def cycles_per_instruction(core: str) -> Fraction:
    """The assumption for a core, by its name in `board.toml`.

    Raises:
        KeyError: there is none.
    """
    return _ASSUMED[core]
