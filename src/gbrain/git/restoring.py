"""Takes out of a mirror what a fetch in vain has brought: a remote that never sends a whole would fill the disk."""

from __future__ import annotations

import os
from pathlib import Path


class State:
    """What a mirror holds before a fetch into `ref`. Whoever makes and restores it holds the mirror's lock."""

    def __init__(self, folder: Path, ref: str) -> None:
        self._objects = folder / "objects"
        self._ref = folder / ref
        self._shallow = folder / "shallow"
        self._files = self._stored()
        self._was = _content(self._ref), _content(self._shallow)

    def restore(self) -> None:
        """Removes what came since, unless the ref has moved to it: then the fetch did its work before it failed."""
        ref, shallow = self._was
        if _content(self._ref) != ref:
            return
        for path in self._stored() - self._files:
            path.unlink(missing_ok=True)
        if shallow is None:
            self._shallow.unlink(missing_ok=True)
        elif _content(self._shallow) != shallow:
            self._shallow.write_bytes(shallow)

    def _stored(self) -> set[Path]:
        return {Path(place, name) for place, _, names in os.walk(self._objects) for name in names}


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
