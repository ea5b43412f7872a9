"""Errors of the database, which no surface knows, as errors that a person can act on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from gbrain.app.brain import Brain
from gbrain.errors import DiskFull
from gbrain.postgres.pool import unusable
from gbrain.store import faults


@contextmanager
def plainly(brain: Brain) -> Iterator[None]:
    """Within the block what the database does not answer is raised as DatabaseUnusable or DiskFull."""
    try:
        yield
    except faults.ANY as error:
        if isinstance(error, faults.DISK_FULL) or (isinstance(error, faults.UNREACHABLE) and brain.ran_out_of_room()):
            raise DiskFull("no space left for the brain's database", hint="make space, then ask again") from error
        raise unusable(error) from error
