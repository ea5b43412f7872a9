"""A sync through the app layer: called in process by tests, or run as a program that kills or stops itself on the way.

    python tests/support/driver.py [--source ID] [--full] [--slow-path] [--batch-items N] [--never-doubt]
        [--kill STEP | --stop STEP | --stop-in-copy] [--of ID] [--nth K]

It strikes at the K-th time (1 unless told) that a source (any unless told) passes the step. With --never-doubt it
believes in its lease for ever: nothing but the fence in the database stops it then. Where it lives to see its end it
prints a list of rows as JSON. Home and database come from the environment, as the command takes them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest import mock

import psycopg

from gbrain.app.brain import open_brain, reach_database
from gbrain.app.settings import read_settings
from gbrain.app.syncing import run_sync
from gbrain.app.verifying import run_verify
from gbrain.domain.outcome import Result
from gbrain.domain.steps import Probe, Step, no_probe
from gbrain.domain.sync_options import SyncOptions
from gbrain.services.leasing import LeaseKeeper
from gbrain.services.registry import change_source
from gbrain.services.source_settings import Told
from gbrain.services.verify import Report

DRIVER = str(Path(__file__))


def sync(
    environ: Mapping[str, str],
    *,
    source: str | None = None,
    full: bool = False,
    fast_path: bool = True,
    probe: Probe = no_probe,
) -> list[Result]:
    """Sync one source, or all where none is named; the rows."""

    async def work(conninfo: str) -> list[Result]:
        async with open_brain(settings, conninfo, connections=2) as brain:
            synced = await run_sync(
                brain,
                SyncOptions(full=full, allow_mass_delete=True),
                named=source,
                here=Path("/"),
                all_sources=source is None,
                parallel=1,
                workers=1,
                fetch_slots=4,
                emit=lambda event: None,
                probe=probe,
                use_fast_path=fast_path,
            )
            return synced.results

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        return asyncio.run(work(conninfo))


def change(environ: Mapping[str, str], source_id: str, told: Told) -> None:
    """Give a source other settings."""

    async def work(conninfo: str) -> None:
        async with open_brain(settings, conninfo, connections=1) as brain:
            await brain.ask(lambda conn: change_source(conn, source_id, told, allow_private_hosts=False))

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        asyncio.run(work(conninfo))


def verify(environ: Mapping[str, str]) -> tuple[list[Report], dict[str, int]]:
    """Verify all sources, whole: a report each, and the stray rows by table."""

    async def work(conninfo: str) -> tuple[list[Report], dict[str, int]]:
        async with open_brain(settings, conninfo, connections=2) as brain:
            return await run_verify(brain, named=None, here=Path("/"), all_sources=True, sample=None)

    settings = read_settings(environ)
    with reach_database(settings, lambda text: None) as conninfo:
        return asyncio.run(work(conninfo))


@contextmanager
def pieces_of(items: int) -> Iterator[None]:
    """Everything that streams in pieces does so in pieces of this many, batches included."""
    names = (
        "gbrain.services.writing.BATCH_ITEMS",
        "gbrain.services.planning.PIECE",
        "gbrain.store.plan.PIECE",
        "gbrain.git.repository.LIST_LENGTH",
    )
    patches = [mock.patch(name, items) for name in names]
    for patch in patches:
        patch.start()
    try:
        yield
    finally:
        for patch in patches:
            patch.stop()


def striking(signal_number: int, at: Step, *, of: str | None, nth: int) -> Probe:
    """A probe that sends this process the signal at the nth time the step is passed."""
    left = nth

    def probe(source_id: str, step: Step) -> None:
        nonlocal left
        if step is at and of in (None, source_id):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal_number)

    return probe


def stop_in_copy(nth: int) -> None:
    """Have this process stop itself in the nth COPY, when the server has some of it and awaits the rest."""
    write = psycopg.AsyncCopy.write
    left = nth

    async def stopping(copy: Any, piece: Any) -> None:
        nonlocal left
        await write(copy, piece)
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGSTOP)

    psycopg.AsyncCopy.write = stopping  # type: ignore[method-assign]


def never_doubt() -> None:
    """Have this process hold its leases without a look at any clock, or at what became of them."""

    async def neither_renew_nor_look(keeper: LeaseKeeper) -> None:
        await asyncio.Event().wait()

    LeaseKeeper._trust = 1e6  # type: ignore[method-assign, assignment]
    LeaseKeeper.run = neither_renew_nor_look  # type: ignore[method-assign]


def main() -> None:
    """Sync as the arguments say."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--source")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--slow-path", action="store_true")
    parser.add_argument("--batch-items", type=int, default=1000)
    parser.add_argument("--never-doubt", action="store_true")
    parser.add_argument("--kill", type=Step)
    parser.add_argument("--stop", type=Step)
    parser.add_argument("--stop-in-copy", action="store_true")
    parser.add_argument("--of")
    parser.add_argument("--nth", type=int, default=1)
    asked = parser.parse_args()
    probe = no_probe
    if asked.kill:
        probe = striking(signal.SIGKILL, asked.kill, of=asked.of, nth=asked.nth)
    if asked.stop:
        probe = striking(signal.SIGSTOP, asked.stop, of=asked.of, nth=asked.nth)
    if asked.stop_in_copy:
        stop_in_copy(asked.nth)
    if asked.never_doubt:
        never_doubt()
    with pieces_of(asked.batch_items):
        fast_path = not asked.slow_path
        results = sync(os.environ, source=asked.source, full=asked.full, fast_path=fast_path, probe=probe)
    json.dump([_row(result) for result in results], sys.stdout)


def _row(result: Result) -> dict[str, Any]:
    trouble = result.trouble
    return {
        "source_id": result.source_id,
        "status": result.status.value,
        "error_code": trouble.code.value if trouble else None,
        "error": trouble.message if trouble else None,
        **asdict(result.counts),
    }


if __name__ == "__main__":
    main()
