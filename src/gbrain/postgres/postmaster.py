"""The process of a server: launched, found, told to stop, and its lock files mended when they name a stranger."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from gbrain.postgres.account import Account
from gbrain.postgres.answer import SOCKET_NAME
from gbrain.postgres.binaries import Binaries
from gbrain.postgres.cluster import arguments, environment
from gbrain.postgres.paths import Places, write_whole

_LARGEST_LOG_BYTES = 10 * 1024 * 1024
_STATUS_LINE = 7
_HEEDED_WITHIN_S = 0.2

_running: list[subprocess.Popen[bytes]] = []  # kept so that none is reaped, or warned about, before it has ended


def launch(
    places: Places, account: Account, binaries: Binaries, socket_folder: Path, overrides: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Starts the server in a session of its own, its words going to the log. It does not answer yet."""
    command = [str(binaries.program("postgres")), "-D", str(places.data), *arguments(socket_folder, overrides)]
    log = _open_log(places)
    try:
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd="/",
            env=environment(),
            start_new_session=True,
            **account.switch(),
        )
    finally:
        os.close(log)
    _running[:] = [other for other in _running if other.poll() is None] + [child]
    return child


def find(data: Path) -> int | None:
    """The process id of the live server of this data folder. Its pid file is a hint, the kernel decides."""
    pid = _named_in(data / "postmaster.pid")
    return pid if pid is not None and _serves(pid, data) else None


def is_ready(data: Path) -> bool:
    """True where the server of this folder says in its pid file that it takes connections."""
    return _status(data) == "ready"


def stop(data: Path, child: subprocess.Popen[bytes] | None = None) -> None:
    """Tells the server to stop, fast, and returns when it has heard; `child` serves until it has a pid file."""
    pid = find(data)
    if pid is None:
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGINT)
    # From here on the server lets nobody in, so that whoever asks next cannot take the dying for the living.
    deadline = time.monotonic() + _HEEDED_WITHIN_S
    while find(data) == pid and _status(data) != "stopping" and time.monotonic() < deadline:
        time.sleep(0.0005)


def stop_at_once(data: Path, within_s: float) -> bool:
    """Ends the server without saving anything, and waits until it is gone; False where it is still there."""
    deadline = time.monotonic() + within_s
    while (pid := find(data)) is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGQUIT)
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.005)
    return True


def disown_strangers(places: Places, account: Account, socket_folder: Path) -> None:
    """Lets a server start although its lock files name a live process that has nothing to do with it.

    To be called by the holder of the start lock, when `find` finds nothing. PostgreSQL refuses to start when the
    process named there lives and is not its parent; so ours is written there instead. The files stay, for PostgreSQL
    looks up in them whether the shared memory of an earlier server is still in use.
    """
    for file in (places.data / "postmaster.pid", socket_folder / f"{SOCKET_NAME}.lock"):
        with contextlib.suppress(FileNotFoundError):
            content = file.read_bytes()
            pid = _named_in(file)
            if pid is None:
                file.unlink()
            elif _lives(pid):
                rest = content.partition(b"\n")[2]
                write_whole(file, b"%d\n%b" % (os.getpid(), rest), account.uid, account.gid)


def bound_log(places: Places) -> None:
    """Empties the log when it has grown beyond 10 MB. The server, which appends to it, goes on."""
    with contextlib.suppress(FileNotFoundError):
        if places.log.stat().st_size > _LARGEST_LOG_BYTES:
            os.truncate(places.log, 0)


def _open_log(places: Places) -> int:
    log = os.open(places.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    if os.geteuid() == 0:
        os.fchown(log, places.owner_uid, places.owner_gid)
    return log


def _named_in(lock_file: Path) -> int | None:
    try:
        pid = abs(int(lock_file.read_bytes().partition(b"\n")[0]))
    except (OSError, ValueError):
        return None
    return pid or None


def _status(data: Path) -> str:
    try:
        lines = (data / "postmaster.pid").read_text(errors="replace").splitlines()
    except FileNotFoundError:
        return ""
    return lines[_STATUS_LINE].strip() if len(lines) > _STATUS_LINE else ""


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True


def _serves(pid: int, data: Path) -> bool:
    """A server works in its data folder. One that has ended and was not waited for yet works nowhere."""
    if sys.platform == "linux":
        try:
            program = Path(f"/proc/{pid}/comm").read_text().strip()
            return program == "postgres" and os.path.samefile(f"/proc/{pid}/cwd", data)
        except OSError:
            return False
    command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
    listed = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60).stdout
    return b"postgres" in listed and b" -D " + os.fsencode(data) + b" " in listed
