"""As whom the server runs: the owner of the home, or, where that is root, the system user `gbrain`.

PostgreSQL refuses to run as root. What its system user must reach lies under a folder of root's of its own, so that no
permission of any other folder has to change.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

from gbrain.errors import DatabaseUnusable, HomeUnusable
from gbrain.postgres.paths import STATE, Places

_SYSTEM_USER = "gbrain"
_ELSEWHERE = "Set GBRAIN_DATABASE_URL to a PostgreSQL server, or run gbrain as a user other than root."


class Switch(TypedDict, total=False):
    """The arguments of `subprocess` that change the user; empty where it stays."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The operating system's user of a server."""

    name: str
    uid: int
    gid: int

    @property
    def is_other(self) -> bool:
        """True where it is not the user this process runs as."""
        return self.uid != os.geteuid()

    def switch(self) -> Switch:
        """What to give to `subprocess` to run a program as this account, with no group but its own."""
        return Switch(user=self.uid, group=self.gid, extra_groups=[]) if self.is_other else Switch()


def account_of(places: Places, say: Callable[[str], None]) -> Account:
    """The account for the server of a home, made on first use where it must be; so are its folders.

    Raises DatabaseUnusable where the system user cannot be made.
    """
    if not places.under_state:
        return _account(_entry(places.owner_uid))
    with alone_in_state():
        account = _account(_system_user(say))
        _make_folder(places.base, 0o750, 0, account.gid)
        _make_folder(places.base / "socket", 0o700, account.uid, account.gid)
    return account


def user_name(uid: int) -> str:
    """The name the operating system has for a user. Raises DatabaseUnusable where it has none."""
    return _entry(uid).pw_name


@contextlib.contextmanager
def alone_in_state() -> Iterator[None]:
    """Makes root's state folder and keeps every other process of every home out of it meanwhile."""
    with contextlib.suppress(FileExistsError):
        STATE.mkdir()
        STATE.chmod(0o755)
    status = os.lstat(STATE)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != 0 or status.st_mode & 0o022:
        raise HomeUnusable(f"{STATE} is not a folder that root alone can change.", hint=_ELSEWHERE)
    fd = os.open(STATE, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _account(entry: pwd.struct_passwd) -> Account:
    return Account(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def _entry(uid: int) -> pwd.struct_passwd:
    try:
        return pwd.getpwuid(uid)
    except KeyError:
        raise DatabaseUnusable(
            f"The user id {uid} has no name on this system, and PostgreSQL needs one.",
            hint="Add the user to /etc/passwd, or set GBRAIN_DATABASE_URL to a PostgreSQL server.",
        ) from None


def _system_user(say: Callable[[str], None]) -> pwd.struct_passwd:
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(_SYSTEM_USER)
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd is None:
        raise DatabaseUnusable("PostgreSQL does not run as root, and there is no `useradd` here.", hint=_ELSEWHERE)
    words = ["--system", "--user-group", "--shell", "/usr/sbin/nologin", "--no-create-home", _SYSTEM_USER]
    made = subprocess.run([useradd, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    if made.returncode != 0:
        raise DatabaseUnusable(f"`useradd {' '.join(words)}` failed: {made.stderr.strip()}", hint=_ELSEWHERE)
    say(f"Made the system user {_SYSTEM_USER}: PostgreSQL does not run as root.")
    return pwd.getpwnam(_SYSTEM_USER)


def _make_folder(folder: Path, mode: int, uid: int, gid: int) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    os.chown(folder, uid, gid, follow_symlinks=False)
    folder.chmod(mode)
