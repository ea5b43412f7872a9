"""Where the installed command begins: it answers `--version` at once and loads the rest only when asked for more."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line given in `sys.argv` and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from gbrain import __version__

        sys.stdout.write(f"gbrain {__version__}\n")
        return
    from gbrain.cli.main import run

    sys.exit(run(sys.argv[1:]))
