"""Where the parts of a home's embedded server stand."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from gbrain.errors import HomeUnusable
from gbrain.postgres.answer import SOCKET_NAME

STATE = Path("/var/lib/gbrain")
"""Where root's servers keep what their system user must reach."""

_LONGEST_SOCKET_BYTES = 90  # of the 104 that macOS and the 108 that Linux have room for


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """The files of one home. `base` holds the cluster and what is made beside it: the home, or root's own folder."""

    home: Path
    base: Path
    owner_uid: int
    owner_gid: int

    @property
    def data(self) -> Path:
        """The cluster, there only when whole."""
        return self.base / "postgres"

    @property
    def lock(self) -> Path:
        """Held shared by every process that uses the server, alone by the one that stops it: the reference count."""
        return self.home / "server.lock"

    @property
    def start_lock(self) -> Path:
        """Held alone by the process that creates the cluster or starts the server."""
        return self.home / "server.start.lock"

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.home / "server.log"

    @property
    def socket_note(self) -> Path:
        """Names the socket's folder where it is not the usual one."""
        return self.home / "socket-dir"

    @property
    def under_state(self) -> bool:
        """True where root's system user keeps the cluster."""
        return self.base != self.home


def places_of(home: Path) -> Places:
    """The places of an existing home. Raises HomeUnusable where it belongs to another user, root apart."""
    home = Path(os.path.realpath(home))
    owner = os.stat(home)
    if os.geteuid() not in (0, owner.st_uid):
        raise HomeUnusable(f"{home} belongs to another user.", hint="Set GBRAIN_HOME to a folder of your own.")
    base = STATE / home_id(home) if os.geteuid() == 0 == owner.st_uid else home
    return Places(home=home, base=base, owner_uid=owner.st_uid, owner_gid=owner.st_gid)


def home_id(home: Path) -> str:
    """Sixteen hex digits that stand for the real path of a home."""
    return hashlib.sha256(os.fsencode(os.path.realpath(home))).hexdigest()[:16]


def socket_folder(places: Places) -> Path | None:
    """Where to look for the socket of a running server; None where none has settled, or a stranger could have."""
    try:
        noted = Path(os.fsdecode(places.socket_note.read_bytes()))
    except FileNotFoundError:
        usual = _usual_socket_folder(places)
        return usual if _fits(usual) else None
    return noted if _is_private(noted, places.owner_uid) and _is_private(noted.parent, places.owner_uid) else None


def settle_socket_folder(places: Places, runtime: str | None) -> Path:
    """Chooses, makes and notes the folder for the socket of a server about to be started.

    `runtime` is the user's XDG_RUNTIME_DIR. Raises HomeUnusable where the folder in /tmp is not the owner's alone.
    """
    usual = _usual_socket_folder(places)
    if _fits(usual):
        places.socket_note.unlink(missing_ok=True)
        return usual
    folder = _runtime_folder(places, runtime) / f"gbrain-{home_id(places.home)}"
    _make_private(folder, places)
    write_whole(places.socket_note, os.fsencode(folder), places.owner_uid, places.owner_gid)
    return folder


def remove_socket_folder(places: Places) -> None:
    """Removes the noted folder and the note. Nothing happens where the socket lay in the usual place."""
    folder = socket_folder(places)
    if folder is not None and folder != _usual_socket_folder(places):
        shutil.rmtree(folder, ignore_errors=True)
    places.socket_note.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes, uid: int, gid: int) -> None:
    """Puts a file of mode 0600 in place at once. An old file or link of that name is replaced, never followed."""
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    aside.unlink(missing_ok=True)
    fd = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        if os.geteuid() == 0:
            os.fchown(fd, uid, gid)
    aside.replace(path)


def _usual_socket_folder(places: Places) -> Path:
    return places.base / "socket" if places.under_state else places.home


def _fits(folder: Path) -> bool:
    """A comma would make libpq see a list of hosts, and bytes that are not UTF-8 have no place in a conninfo."""
    path = os.fsencode(folder / SOCKET_NAME)
    if len(path) > _LONGEST_SOCKET_BYTES or b"," in path:
        return False
    return path.decode(errors="ignore").encode() == path


def _runtime_folder(places: Places, runtime: str | None) -> Path:
    if runtime and _is_private(Path(runtime), places.owner_uid) and _fits(Path(runtime) / f"gbrain-{'0' * 16}"):
        return Path(runtime)
    folder = Path("/tmp") / f"gbrain-{places.owner_uid}"  # noqa: S108  $TMPDIR is too long a path on macOS
    _make_private(folder, places)
    return folder


def _make_private(folder: Path, places: Places) -> None:
    try:
        os.mkdir(folder, 0o700)
    except FileExistsError:
        pass
    else:
        if os.geteuid() != places.owner_uid:
            os.chown(folder, places.owner_uid, places.owner_gid, follow_symlinks=False)
    if not _is_private(folder, places.owner_uid):
        raise HomeUnusable(
            f"{folder}, needed for the database's socket, is not a folder of its owner alone.",
            hint="Remove it, or set GBRAIN_HOME to a shorter path.",
        )


def _is_private(folder: Path, uid: int) -> bool:
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == uid and not status.st_mode & 0o077
