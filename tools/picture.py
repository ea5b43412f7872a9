"""Draws docs/pictures/demo.svg from what ./demo really prints: `python tools/picture.py FOLDER_OR_BUNDLE …`."""

from __future__ import annotations

import io
import re
import subprocess
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]


def main() -> None:
    """Run the demo on what is named, and keep the part from the first sync on as a picture."""
    done = subprocess.run([ROOT / "demo", *sys.argv[1:]], capture_output=True, text=True, check=True)
    shown = done.stdout[done.stdout.index("$ gbrain sync") :].rstrip()
    console = Console(record=True, width=92, file=io.StringIO())
    for line in shown.splitlines():
        console.print(Text(line, style="bold" if line.startswith("$") else ""), no_wrap=True, overflow="crop")
    drawn = re.sub(r"@font-face \{.*?\}\s*", "", console.export_svg(title="gbrain"), flags=re.DOTALL)
    (ROOT / "docs" / "pictures" / "demo.svg").write_text(drawn)


if __name__ == "__main__":
    main()
