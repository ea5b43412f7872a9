"""Syncs through the app layer, dry ones too, by looks at folders that permissions bind even where they are root's."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg

from gbrain.app.brain import open_brain, reach_database
from gbrain.app.settings import read_settings
from gbrain.app.syncing import Synced, Watching, run_sync, run_watch
from gbrain.domain.events import Event
from gbrain.domain.outcome import Result
from gbrain.domain.steps import Probe, no_probe
from gbrain.domain.sync_options import SyncOptions
from gbrain.errors import NotFound
from gbrain.services.registry import add_source, remove_source
from gbrain.services.source_settings import Told
from support.commands import BrainCommand
from support.driven import children_of
from support.driver import DRIVER

_POWERS = "-dac_override,-dac_read_search"
_SETPRIV = shutil.which("setpriv")
_BINDING = (_SETPRIV, f"--bounding-set={_POWERS}", f"--inh-caps={_POWERS}") if _SETPRIV else ()
WITHOUT_POWERS: tuple[str, ...] = _BINDING if os.geteuid() == 0 else ()
"""What a command line begins with whose program is to be bound by permissions."""
IS_BOUND = os.geteuid() != 0 or bool(WITHOUT_POWERS)
"""Whether permissions bind what is started so; not for root where `setpriv` is missing."""
_LOOK = "gbrain.git.folder_child"


def sync(
    environ: Mapping[str, str],
    *,
    options: SyncOptions,
    source: str | None = None,
    fast_path: bool = True,
    probe: Probe = no_probe,
    parallel: int = 1,
    emit: Callable[[Event], None] = lambda event: None,
) -> list[Result]:
    """Sync one source, or all where none is named, in this process; its looks at folders are bound by permissions."""

    async def work(conninfo: str) -> list[Result]:
        async with open_brain(settings, conninfo, connections=parallel + 1) as brain:
            synced = await run_sync(
                brain,
                options,
                named=source,
                here=Path("/"),
                all_sources=source is None,
                parallel=parallel,
                workers=1,
                fetch_slots=8,
                emit=emit,
                probe=probe,
                use_fast_path=fast_path,
            )
            return synced.results

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo, _bound():
        return asyncio.run(work(conninfo))


def watch(
    environ: Mapping[str, str], *, ended: Callable[[Synced], None], until: Callable[[Event], bool], within_s: float = 60
) -> None:
    """Watch all sources in this process until an event is as wanted."""

    async def work(conninfo: str) -> None:
        task = asyncio.current_task()
        assert task is not None

        def emit(event: Event) -> None:
            if until(event):
                task.cancel()

        watching = Watching(interval=timedelta(hours=1), ended=ended, resting=lambda sources: None)
        async with asyncio.timeout(within_s), open_brain(settings, conninfo, connections=2) as brain:
            with suppress(asyncio.CancelledError):
                await run_watch(
                    brain,
                    SyncOptions(),
                    watching,
                    named=None,
                    here=Path("/"),
                    all_sources=True,
                    parallel=1,
                    workers=1,
                    fetch_slots=8,
                    emit=emit,
                )
            task.uncancel()

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        asyncio.run(work(conninfo))


def renew(environ: Mapping[str, str], source_id: str, told: Told) -> None:
    """Remove a source, where there is one, and register it anew: nothing of it is in then."""

    async def work(conninfo: str) -> None:
        async with open_brain(settings, conninfo, connections=1) as brain:
            with suppress(NotFound):
                await brain.ask(lambda conn: remove_source(conn, source_id, settings.home / "mirrors"))
            await brain.ask(lambda conn: add_source(conn, source_id, told, allow_private_hosts=False))

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        asyncio.run(work(conninfo))


def start(brain: BrainCommand) -> subprocess.Popen[bytes]:
    """A sync of all sources as a process of its own, in small pieces."""
    return subprocess.Popen(
        [*WITHOUT_POWERS, sys.executable, DRIVER, "--batch-items", "2"],
        env=brain.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def kill_in_its_look(process: subprocess.Popen[bytes], *, after_s: float, whom: str) -> None:
    """Kill a sync, the child that looks for it, or both, a moment after the look began; nothing where it has ended."""
    until = time.monotonic() + 60
    while not (looking := children_of(process.pid, _LOOK)) and process.poll() is None:
        assert time.monotonic() < until, "the sync does not come to look at the folder"
        time.sleep(0.001)
    time.sleep(after_s)
    for pid in looking if whom in ("child", "both") else []:
        _kill(os.killpg, pid)
    if whom in ("sync", "both"):
        _kill(os.kill, process.pid)


@contextmanager
def ended(*processes: subprocess.Popen[bytes]) -> Iterator[None]:
    """See that they are gone with the block."""
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.communicate()


def everything(brain: BrainCommand) -> dict[str, Any]:
    """All rows of all tables with the transactions that wrote them, the sequences, and all files of the home."""
    found: dict[str, Any] = {}
    with psycopg.connect(brain.url or "") as conn:
        for (table,) in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'gbrain'").fetchall():
            query = f"SELECT x.xmin::text, x::text FROM gbrain.{table} AS x ORDER BY 2"
            found[table] = conn.execute(query.encode()).fetchall()
        for (name,) in conn.execute("SELECT sequencename FROM pg_sequences WHERE schemaname = 'gbrain'").fetchall():
            found[name] = conn.execute(f"SELECT last_value FROM gbrain.{name}".encode()).fetchall()
    for folder, _, files in os.walk(brain.home):
        for name in files:
            status = os.stat(os.path.join(folder, name))
            # Git marks an object that is asked for again as fresh, wherever it lies; its name is its content.
            changed = 0 if "/objects/" in folder else status.st_mtime_ns
            found[os.path.join(folder, name)] = status.st_size, changed
    return found


@contextmanager
def _bound() -> Iterator[None]:
    with ExitStack() as stack:
        if WITHOUT_POWERS:
            program = (*WITHOUT_POWERS, sys.executable, "-P", "-m", _LOOK)
            stack.enter_context(mock.patch("gbrain.git.folder._PROGRAM", program))
        yield


def _kill(how: Callable[[int, int], None], pid: int) -> None:
    with suppress(ProcessLookupError):
        how(pid, signal.SIGKILL)
