"""A sync in a process of its own, for a server that goes on answering: it may take an hour, a core and a pool."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Mapping
from typing import Any

import orjson

from gbrain.app.settings import Settings

_COMMAND = (sys.executable, "-P", "-c", "from gbrain.entry import main; main()")
_SECONDS_TO_STOP = 4.0
_SIDE_BY_SIDE = asyncio.Semaphore(2)
"""So many syncs run at once; others wait for their turn."""


class SyncFailed(Exception):
    """The command could not answer: what it said of that, by `code`, `message` and `hint`."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(error["message"])
        self.error = error


async def sync_in_child(settings: Settings, source_id: str, *, timeout_s: int | None) -> dict[str, Any]:
    """The row of the source as `gbrain sync --source --json` tells it; raises SyncFailed where there is none.

    Cancelling it ends the sync in order: what is committed stays, and the next goes on from there.
    """
    words = ["--home", str(settings.home), "sync", "--source", source_id, "--json", "--progress", "none"]
    if timeout_s is not None:
        words += ["--timeout", str(timeout_s)]
    async with _SIDE_BY_SIDE:
        document = await _answer(settings, words)
    if "error" in document:
        raise SyncFailed(document["error"])
    row: dict[str, Any] = document["sources"][0]
    return row


async def _answer(settings: Settings, words: list[str]) -> dict[str, Any]:
    """The command's document. Its telling, which is nobody's here, goes nowhere."""
    child = await asyncio.create_subprocess_exec(
        *_COMMAND,
        *words,
        env=os.environ | ({"GBRAIN_DATABASE_URL": settings.database_url} if settings.database_url else {}),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        out, _ = await child.communicate()
    except BaseException:
        await asyncio.shield(_stop(child))
        raise
    try:
        document: dict[str, Any] = orjson.loads(out)
    except orjson.JSONDecodeError as error:
        raise RuntimeError(f"a sync ended with {child.returncode} and no document") from error
    return document


async def _stop(child: asyncio.subprocess.Process) -> None:
    """Let it end in order, and end it where it does not."""
    with contextlib.suppress(ProcessLookupError):
        child.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(_SECONDS_TO_STOP):
            await child.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        await child.wait()
