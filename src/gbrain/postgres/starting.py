"""How a home's server comes to answer: it does, or is waited for, or is created and started by whoever is first."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import assert_never

from gbrain.errors import CouldNotRun, DatabaseUnusable, DiskFull
from gbrain.postgres import cluster, postmaster
from gbrain.postgres.account import account_of
from gbrain.postgres.answer import Absent, NotYet, Ready, Refused, ask
from gbrain.postgres.binaries import wheel_binaries, within_reach
from gbrain.postgres.paths import Places, settle_socket_folder, socket_folder
from gbrain.postgres.patience import Patience
from gbrain.postgres.reference import FileLock

_OTHERS_LEAVE_WITHIN_S = 10.0
_LEAST_ROOM_BYTES = 1024 * 1024
_NO_SPACE = os.strerror(errno.ENOSPC)


class Starting:
    """One process's way to a server that answers. To be gone by the holder of a reference."""

    def __init__(self, places: Places, say: Callable[[str], None], overrides: Mapping[str, str]) -> None:
        self._places, self._say, self._overrides = places, say, overrides
        self.child: subprocess.Popen[bytes] | None = None
        """The server, where this process started it."""
        self._log_bytes = 0
        self._began = time.monotonic()

    def until_ready(self) -> None:
        """Returns when the server answers. Raises an error that says why it will not."""
        patience = Patience(sign=self._progress, say=self._say, hint=self._hint())
        if self._answers():
            return
        lock = FileLock(self._places.start_lock)
        try:
            while not lock.take():
                if self._answers():
                    return
                patience.pause()
            self._start(patience)
        finally:
            lock.release()

    def _start(self, patience: Patience) -> None:
        """Nobody else starts one meanwhile; an earlier one may still be starting, recovering or stopping."""
        while not self._answers():
            if postmaster.find(self._places.data) is not None:
                self._part_with_the_unreachable()
            elif self.child is None:
                self._launch()
                patience.begin_anew()
            elif self.child.poll() is not None:
                self._judge_the_end(self.child.returncode)
            patience.pause()

    def _answers(self) -> bool:
        folder = socket_folder(self._places)
        match Absent() if folder is None else ask(folder):
            case Ready():
                return True
            case NotYet() | Absent():
                return False
            case Refused(message) if _NO_SPACE in message:
                raise DiskFull(
                    f"The database lets nobody in for want of room: {message}",
                    hint="Make room and run the command again.",
                )
            case Refused(message):
                raise DatabaseUnusable(f"The embedded database let nobody in: {message}", hint=self._hint())
            case other:
                assert_never(other)

    def _launch(self) -> None:
        places = self._places
        account = account_of(places, self._say)
        binaries = within_reach(wheel_binaries(), account)
        cluster.sweep(places)
        if not cluster.exists(places):
            self._say(f"Creating the brain's database in {places.data}.")
            cluster.create(places, account, binaries)
        cluster.require_major(places, binaries)
        cluster.admit(places, account)
        folder = settle_socket_folder(places, os.environ.get("XDG_RUNTIME_DIR"))
        postmaster.disown_strangers(places, account, folder)
        self._log_bytes = _size_bytes(places.log)
        self.child = postmaster.launch(places, account, binaries, folder, self._overrides)

    def _part_with_the_unreachable(self) -> None:
        """A server that is up and whose socket was swept away can be reached by nobody: it makes way for a new one."""
        folder = socket_folder(self._places)
        if postmaster.is_ready(self._places.data) and (folder is None or ask(folder) == Absent()):
            postmaster.stop(self._places.data)

    def _judge_the_end(self, returncode: int) -> None:
        """Our server ended without ever answering. Where remnants of an earlier one kept it from starting, again."""
        said = self._said()
        in_the_way = "pre-existing shared memory block" in said or "already exists" in said
        if not in_the_way or time.monotonic() > self._began + _OTHERS_LEAVE_WITHIN_S:
            raise self._why(said, returncode)
        self.child = None

    def _why(self, said: str, returncode: int) -> CouldNotRun:
        if shutil.disk_usage(self._places.data).free < _LEAST_ROOM_BYTES:
            return DiskFull(
                f"The database could not start: the disk of {self._places.data} is full.",
                hint="Make room and run the command again.",
            )
        return cluster.failure(
            "The database did not start", said or f"it ended with status {returncode} and said nothing", self._hint()
        )

    def _said(self) -> str:
        with self._places.log.open("rb") as log:
            log.seek(self._log_bytes)
            return log.read().decode(errors="replace")

    def _hint(self) -> str:
        return f"Its log is {self._places.log}."

    def _progress(self) -> object:
        places = self._places
        return _size_bytes(places.log), _changed(places.base), _changed(places.data / "postmaster.pid")


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
