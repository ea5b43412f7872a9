"""Reads the progress lines that git writes to standard error under `--progress`."""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(
    r"(?:remote: )?(?P<phase>[A-Z][a-z]+ [a-z ]+): +"
    r"(?:(?P<percent>\d+)% \((?P<done>\d+)/(?P<total>\d+)\)|(?P<count>\d+))"
    r"(?:, (?P<size>\d+(?:\.\d+)?) (?P<unit>bytes?|KiB|MiB|GiB))?"
)
_UNITS = {"byte": 1, "bytes": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
_KEPT_BYTES = 1 << 16
_OF_THE_REMOTE = ("remote:", "Receiving")
"""How the lines begin that a remote can bring about for as long as it likes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchProgress:
    """How far a fetch has come. None where git does not say."""

    phase: str
    """Git's words for it: `Receiving objects`, `Resolving deltas`, `Counting objects`, …"""
    done: int
    total: int | None
    received_bytes: int | None


def parse_progress(line: str) -> FetchProgress | None:
    """The progress a line tells of, or None where it tells something else."""
    match = _LINE.match(line)
    if match is None:
        return None
    size = int(float(match["size"]) * _UNITS[match["unit"]]) if match["size"] else None
    total = int(match["total"]) if match["total"] else None
    return FetchProgress(
        phase=match["phase"], done=int(match["done"] or match["count"]), total=total, received_bytes=size
    )


class ProgressLines:
    """Takes standard error as it comes, and keeps apart what is progress and what git has to say."""

    def __init__(self) -> None:
        self.said = ""
        """All lines that are no progress, up to 64 KB."""
        self.local_steps = 0
        """How often git told how far it has come with what is here already."""
        self._rest = ""

    def take(self, text: str) -> list[FetchProgress]:
        """The progress among the lines that `text` completes."""
        *lines, self._rest = re.split(r"[\r\n]", self._rest + text)
        self._rest = self._rest[-_KEPT_BYTES:]
        return [progress for line in lines if (progress := self._read(line)) is not None]

    def finish(self) -> str:
        """All that git said."""
        self._read(self._rest)
        self._rest = ""
        return self.said

    def _read(self, line: str) -> FetchProgress | None:
        progress = parse_progress(line)
        if progress is not None and not line.startswith(_OF_THE_REMOTE):
            self.local_steps += 1
        if progress is None and line.strip() and len(self.said) < _KEPT_BYTES:
            self.said += line[:_KEPT_BYTES] + "\n"
        return progress
