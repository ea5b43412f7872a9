"""Where the installed command begins: it answers `--version` at once and loads the rest only when asked for more."""

from __future__ import annotations

import gc
import itertools
import signal
import sys
from types import FrameType

_TOO_EARLY = {
    130: ("interrupted", "interrupted before anything was begun", "run the command again"),
    143: ("terminated", "terminated before anything was begun", "run the command again"),
}


def main() -> None:
    """Run the command line given in `sys.argv` and exit with its code."""
    if sys.argv[1:] == ["--version"]:
        from gbrain import __version__

        sys.stdout.write(f"gbrain {__version__}\n")
        return
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    """The command's code; a signal while its parts are still being loaded is answered here."""
    signal.signal(signal.SIGTERM, _terminate)
    gc.disable()  # until the work begins: looking through what is loaded takes a tenth of the start
    try:
        from gbrain.cli.main import run
    except KeyboardInterrupt:
        return _too_early(130, arguments)
    except _Terminated:
        return _too_early(143, arguments)
    return run(arguments)


class _Terminated(BaseException):
    """The process was asked to end."""


def _terminate(number: int, frame: FrameType | None) -> None:
    raise _Terminated


def _too_early(exit_code: int, arguments: list[str]) -> int:
    code, message, hint = _TOO_EARLY[exit_code]
    error = f'{{"code":"{code}","message":"{message}","hint":"{hint}"}}'
    if "--progress=json" in arguments or ("--progress", "json") in itertools.pairwise(arguments):
        sys.stderr.write(f'{{"event":"error",{error[1:]}\n')
    else:
        sys.stderr.write(f"error: {message}; {hint}\n")
    if "--json" in arguments:
        sys.stdout.write(f'{{"schema_version":1,"error":{error}}}\n')
    return exit_code
