"""A shell in which the blocks of a page are run one after the other, as by somebody who pastes them."""

from __future__ import annotations

import select
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_DEADLINE_S = 120
_LOOP = 'while IFS= read -r block; do source "$block" <"$block.typed" >"$block.said" 2>&1; echo $?; done'


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """How a block ended, and what it said on both streams."""

    code: int
    text: str


class Shell:
    """A `bash -euo pipefail` that keeps its folder and its variables from block to block.

    It has no terminal of its own: what a program would ask there it reads from what is `typed`.
    """

    def __init__(self, folder: Path, *, home: Path, environ: Mapping[str, str], enter: Sequence[str] = ()) -> None:
        """`folder` is for the blocks; `enter` are the words of a command that runs the shell somewhere else."""
        folder.mkdir()
        self._folder = folder
        self._blocks = 0
        self._process = subprocess.Popen(
            [*enter, "bash", "-euo", "pipefail", "-c", _LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=home,
            env=dict(environ),
            start_new_session=True,
            text=True,
        )

    def run(self, text: str, *, typed: str = "", may_fail: bool = False) -> Said:
        """Run a block to its end. The first command that fails ends the shell, unless it `may_fail`."""
        self._blocks += 1
        block = self._folder / f"{self._blocks:02}"
        block.write_text(f"set {'+' if may_fail else '-'}e\n{text}")
        block.with_suffix(".typed").write_text(typed)
        assert self._process.stdin is not None
        self._process.stdin.write(f"{block}\n")
        self._process.stdin.flush()
        return Said(code=self._code(text), text=block.with_suffix(".said").read_text())

    def close(self) -> None:
        """End the shell."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_DEADLINE_S)
        finally:
            self._process.send_signal(signal.SIGKILL)
            self._process.stdout.close()

    def _code(self, text: str) -> int:
        out = self._process.stdout
        assert out is not None
        ready, _, _ = select.select([out], [], [], _DEADLINE_S)
        assert ready, f"not done after {_DEADLINE_S} s:\n{text}"
        line = out.readline()
        return int(line) if line else self._process.wait(_DEADLINE_S)
