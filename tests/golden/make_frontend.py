"""Write tests/golden/frontend.json. Run from the root only when the definition is meant to change:

python -m tests.golden.make_frontend
"""

from __future__ import annotations

import json
from pathlib import Path

from convert.frontend import FrontEnd
from simulate.frontend import features, log_rows
from tests.frontend_inputs import golden_clip

PATH = Path(__file__).with_name("frontend.json")
SPECS = {
    "log_mel": FrontEnd(),
    "mfcc": FrontEnd(kind="mfcc"),
    "telephone": FrontEnd(high_hz=4000.0),
    "htk": FrontEnd(mel_scale="htk", mel_norm="none", mels=20, window_ms=32, hop_ms=10),
}


def main() -> None:
    """Write the file from the NumPy definition."""
    clip = golden_clip()[None]
    entries = {
        name: {
            "hash": fe.hash(),
            "rows": log_rows(clip, fe)[0].tolist()[:8],
            "features": features(clip[:, :2880], fe)[0].tolist()[:8],
        }
        for name, fe in SPECS.items()
    }
    lines = ['{"made_by": "tests/golden/make_frontend.py, front-end version 1"']
    for name, entry in entries.items():
        lines.append(f', "{name}": {{"hash": "{entry["hash"]}"')
        for part in ("rows", "features"):
            rows = ",\n".join(json.dumps(row, separators=(",", ":")) for row in entry[part])
            lines.append(f', "{part}": [\n{rows}]')
        lines.append("}")
    PATH.write_text("\n".join([*lines, "}"]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
