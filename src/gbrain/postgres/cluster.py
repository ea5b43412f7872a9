"""A database cluster: made aside and renamed when whole, with its settings and its rule of who is let in."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from gbrain.errors import CouldNotRun, DatabaseUnusable, DiskFull
from gbrain.postgres.account import Account, user_name
from gbrain.postgres.answer import DATABASE, ROLE
from gbrain.postgres.binaries import Binaries
from gbrain.postgres.paths import Places, write_whole

SETTINGS: Mapping[str, str] = {
    # No TCP: the socket's folder and the operating system's user are the whole of the access rule.
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    # The socket's name depends on it, and a configuration in the data folder could say otherwise.
    "port": "5432",
    # Durable: a bookmark that was reported is on disk. Giving this up gains nothing that can be measured.
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    # The log is for what goes wrong: no text of a page in it, no word of a healthy server's checkpoints.
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_checkpoints": "off",
    # Recovery tells that it moves, well within the minute after which it would be given up.
    "log_startup_progress_interval": "5s",
}
"""What every start gives to the server on its command line; it wins over files in the data folder.

None is for speed: of those tried (`benchmarks/settings.py`) none gained more on a sync's load than runs differ.
"""

_SMALL_SHARED_MEMORY_BYTES = 512 * 1024 * 1024
_INITDB_DEADLINE_S = 300.0
_LAST_WRITES_S, _PAUSE_S = 5.0, 0.02


def exists(places: Places) -> bool:
    """True where a whole cluster stands in its place."""
    return (places.data / "PG_VERSION").exists()


def create(places: Places, account: Account, binaries: Binaries) -> None:
    """Makes the cluster with an empty database in it. To be called by the holder of the start lock.

    Raises DiskFull or DatabaseUnusable, and leaves nothing half made in the cluster's place.
    """
    aside = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=places.base))
    try:
        if account.is_other:
            os.chown(aside, account.uid, account.gid)
        locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        initdb = ["-D", str(aside), "-U", ROLE, "--auth=peer", "--no-instructions", *locale]
        _run([str(binaries.program("initdb")), *initdb], account)
        single = ["--single", "-D", str(aside), "-c", "exit_on_error=on", "-c", "log_checkpoints=off", "template1"]
        _run([str(binaries.program("postgres")), *single], account, f"CREATE DATABASE {DATABASE}")
        aside.rename(places.data)
        _sync_folder(places.base)
    except BaseException:
        _remove_at_last(aside)
        raise


def remove(places: Places) -> None:
    """Deletes the cluster; a kill in between leaves either all of it or, in its place, nothing."""
    if places.data.exists():
        places.data.rename(tempfile.mkdtemp(prefix="postgres.gone-", dir=places.base))
    sweep(places)


def sweep(places: Places) -> None:
    """Removes what killed creations and removals left. To be called by the holder of the start lock.

    The `initdb` of a killed creation may still be writing: what it adds meanwhile goes the next time.
    """
    for pattern in ("postgres.new-*", "postgres.gone-*"):
        for leftover in places.base.glob(pattern):
            shutil.rmtree(leftover, ignore_errors=True)


def require_major(places: Places, binaries: Binaries) -> None:
    """Raises DatabaseUnusable where the cluster was made by another major version of PostgreSQL."""
    major = (places.data / "PG_VERSION").read_text().strip()
    if major != binaries.major:
        raise DatabaseUnusable(
            f"The brain's database in {places.data} is of PostgreSQL {major}; this gbrain brings {binaries.major}.",
            hint="`gbrain export` with the gbrain that made it, then here `gbrain destroy`, `gbrain import` and "
            "`gbrain sync --all`: pages are derived from git and come back.",
        )


def admit(places: Places, account: Account) -> None:
    """Lets the home's owner and root in as the brain's role, by what the kernel says of the socket's other end."""
    names = {user_name(places.owner_uid), user_name(0)}
    who = "".join(f'brain "{name}" {ROLE}\n' for name in sorted(names))
    write_whole(places.data / "pg_ident.conf", who.encode(), account.uid, account.gid)
    rule = f"local all {ROLE} peer map=brain\n"
    write_whole(places.data / "pg_hba.conf", rule.encode(), account.uid, account.gid)


def arguments(socket_folder: Path, overrides: Mapping[str, str]) -> list[str]:
    """The words that give the server its settings; `overrides` win."""
    quoted = str(socket_folder).replace('"', '""')
    folder = {"unix_socket_directories": f'"{quoted}"', "dynamic_shared_memory_type": dynamic_shared_memory()}
    settings = {**SETTINGS, **folder, **overrides}
    return [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]


def dynamic_shared_memory(memory: Path = Path("/dev/shm")) -> str:  # noqa: S108
    """`posix`, or `mmap` where /dev/shm is as small as containers have it: an index build would fail there."""
    try:
        return "mmap" if shutil.disk_usage(memory).total < _SMALL_SHARED_MEMORY_BYTES else "posix"
    except FileNotFoundError:
        return "posix"


def environment() -> dict[str, str]:
    """All that the server and `initdb` see of ours: no secret, and no variable that would change what they do."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def failure(what: str, output: str, hint: str | None = None) -> CouldNotRun:
    """The error for a program that ended badly: DiskFull where its output says so, else the line that matters."""
    if "No space left on device" in output:
        return DiskFull(f"{what}: no space left on the disk.", hint="Make room and run the command again.")
    lines = [line for line in output.splitlines() if line.strip()] or ["it said nothing"]
    grave = [line for line in lines if "FATAL:" in line or "PANIC:" in line or "error:" in line]
    return DatabaseUnusable(f"{what}: {(grave or lines)[-1].strip()}", hint=hint)


def _run(command: list[str], account: Account, statement: str = "") -> None:
    done = subprocess.run(
        command,
        input=statement.encode(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        cwd="/",
        env=environment(),
        timeout=_INITDB_DEADLINE_S,
        **account.switch(),
    )
    if done.returncode != 0:
        raise failure("The brain's database could not be created", done.stdout.decode(errors="replace"))


def _remove_at_last(folder: Path) -> None:
    """Delete it, again as long as it comes back: what `initdb` has started may write for a moment after its own end."""
    deadline = time.monotonic() + _LAST_WRITES_S
    while folder.exists() and time.monotonic() < deadline:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(_PAUSE_S)


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
