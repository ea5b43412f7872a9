"""The home folder: configuration, embedded database and mirrors, for its owner's eyes only."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from gbrain.errors import DiskFull, HomeUnusable


def make_home(home: Path) -> None:
    """Make the home, 0700, with its mirrors folder; refuse one that another user owns."""
    try:
        _refuse_strange(home)
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        (home / "mirrors").mkdir(mode=0o700, exist_ok=True)
        status = home.stat()
    except OSError as error:
        if error.errno == 28:
            raise DiskFull(f"no space left to make the home folder {home}", hint="make space there") from error
        raise HomeUnusable(
            f"cannot make the home folder {home}: {error.strerror}", hint="set GBRAIN_HOME to a folder of your own"
        ) from error
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        raise HomeUnusable(f"the home folder {home} belongs to another user", hint="set GBRAIN_HOME to one of your own")
    if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
        home.chmod(0o700)


def _refuse_strange(home: Path) -> None:
    """A folder that others may look into and that holds what is not ours is not a home, and its mode is not changed."""
    if not home.is_dir() or not stat.S_IMODE(home.stat().st_mode) & 0o077:
        return
    if any(home.iterdir()) and not any((home / name).exists() for name in ("mirrors", "server.lock", "config.toml")):
        raise HomeUnusable(
            f"{home} is open to others and holds files that are not gbrain's",
            hint="set GBRAIN_HOME to a folder of its own",
        )
