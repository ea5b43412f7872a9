"""The command run within the test's own process: all of it but the start of an interpreter."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from gbrain import logs
from gbrain.cli.answer import tell_as_events
from gbrain.cli.main import run
from support.commands import BrainCommand, Completed


@dataclass(frozen=True)
class Inside:
    """Runs command lines here; what they write to the descriptors is caught."""

    capture: pytest.CaptureFixture[bytes]
    patch: pytest.MonkeyPatch

    def run(self, brain: BrainCommand, *arguments: str, code: int | None = 0, cwd: Path | None = None) -> Completed:
        """Run to the end in the command's environment; the exit code must be `code`, unless that is None."""
        self.capture.readouterr()
        with self.patch.context() as patch:
            for name in os.environ.keys() - brain.env().keys():
                patch.delenv(name)
            for name, value in brain.env().items():
                patch.setenv(name, value)
            if cwd is not None:
                patch.chdir(cwd)
            returned = run([*arguments])
        tell_as_events(False)
        logs.tell_as_events(False)
        out, err = (text.decode("utf-8", "surrogateescape") for text in self.capture.readouterr())
        assert code is None or returned == code, f"exit {returned}, not {code}\n{out}\n{err}"
        return Completed(code=returned, out=out, err=err)
