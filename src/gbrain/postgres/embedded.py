"""The embedded PostgreSQL server of a home: opened by every process that needs it, stopped by the last that leaves."""

from __future__ import annotations

import contextlib
import errno
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from gbrain.errors import CouldNotRun, DatabaseUnusable, DiskFull, HomeUnusable
from gbrain.postgres import cluster, postmaster
from gbrain.postgres.account import alone_in_state
from gbrain.postgres.answer import DATABASE, ROLE
from gbrain.postgres.binaries import remove_unused_copies
from gbrain.postgres.mounts import refuse_network
from gbrain.postgres.paths import Places, places_of, remove_socket_folder, socket_folder
from gbrain.postgres.reference import FileLock
from gbrain.postgres.starting import Starting

_REFERENCE_WITHIN_S = 60.0
_OTHERS_LEAVE_WITHIN_S = 1.0
_GONE_WITHIN_S = 20.0


class EmbeddedServer:
    """A reference to a home's server, which runs at least until it is closed. Closing twice is harmless."""

    def __init__(self, places: Places, starting: Starting) -> None:
        self._places = places
        self._starting = starting
        self._reference = FileLock(places.lock)
        self.conninfo = ""
        """How libpq reaches the brain's database."""

    @classmethod
    def open(
        cls, home: Path, *, say: Callable[[str], None], settings: Mapping[str, str] | None = None
    ) -> EmbeddedServer:
        """Returns when the server of `home` (an existing folder, mode 0700) answers.

        It blocks; a running server costs about 5 ms, a start 0.1 s, the first ever 0.7 s. `say` is given a line for
        what a person should know. `settings` win over the usual ones, for a server this call happens to start.
        Raises DatabaseUnusable, HomeUnusable, DiskFull or PlatformUnsupported.
        """
        with _told_plainly(home):
            places = places_of(home)
            for folder in (places.home, places.base):
                refuse_network(folder)
            server = cls(places, Starting(places, say, settings or {}))
            try:
                server._open()
            except BaseException:
                server.close()
                raise
        return server

    def close(self) -> None:
        """Drops the reference. The last to leave tells the server to stop and does not wait for that."""
        if not self.conninfo and not self._reference.is_held:
            return
        self.conninfo = ""
        if self._reference.take():
            postmaster.stop(self._places.data, self._starting.child)
        self._reference.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        if not self._reference.share(within_s=_REFERENCE_WITHIN_S):
            raise DatabaseUnusable(
                "The embedded database is being destroyed by another process.", hint="Run the command again."
            )
        postmaster.bound_log(self._places)
        self._starting.until_ready()
        self.conninfo = _conninfo(socket_folder(self._places) or self._places.home)


def exists(home: Path) -> bool:
    """True where a whole cluster of this home stands, whether or not its server runs."""
    with _told_plainly(home):
        return home.exists() and cluster.exists(places_of(home))


def destroy(home: Path) -> None:
    """Ends the server and deletes the cluster, its socket's folder, its log, and programs copied for it alone.

    Raises CouldNotRun where other processes use the server. Nothing happens where there is no cluster.
    """
    with _told_plainly(home):
        if not home.exists():
            return
        places = places_of(home)
        reference = FileLock(places.lock)
        try:
            if not reference.take(within_s=_OTHERS_LEAVE_WITHIN_S):
                raise CouldNotRun(
                    f"the brain in {home} is in use by another process",
                    hint="end what runs `gbrain` with this home, then run the command again",
                )
            _remove(places)
        finally:
            reference.release()


def _remove(places: Places) -> None:
    if not postmaster.stop_at_once(places.data, _GONE_WITHIN_S):
        raise DatabaseUnusable(
            f"The server in {places.data} does not stop.", hint=f"End process {postmaster.find(places.data)}."
        )
    remove_socket_folder(places)
    if places.base.exists():
        cluster.remove(places)
    places.log.unlink(missing_ok=True)
    if places.under_state:
        with alone_in_state():
            shutil.rmtree(places.base, ignore_errors=True)
            remove_unused_copies()


@contextlib.contextmanager
def _told_plainly(home: Path) -> Iterator[None]:
    """Turns what the operating system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull(
                f"No space is left for the brain's database: {error}.", hint="Make room and run the command again."
            ) from error
        raise HomeUnusable(
            f"The embedded database of {home} could not be used: {error}.",
            hint="Set GBRAIN_HOME to a folder that can be written, or GBRAIN_DATABASE_URL to a PostgreSQL server.",
        ) from error


def _conninfo(folder: Path) -> str:
    """Host, port, database and role in libpq's words; a value in single quotes may hold anything."""
    host = str(folder).replace("\\", "\\\\").replace("'", "\\'")
    return f"host='{host}' port=5432 dbname={DATABASE} user={ROLE}"
