"""What every service is handed by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from gbrain.domain.events import Event
from gbrain.domain.steps import Probe
from gbrain.services.deriving import Derivers
from gbrain.services.leasing import LeaseKeeper
from gbrain.services.progress import Board
from gbrain.store.connection import Pool


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncContext:
    """A wired brain, as far as bringing sources in needs it."""

    pool: Pool
    keeper: LeaseKeeper
    derivers: Derivers
    mirrors: Path
    machine_id: str
    fetch_stall: timedelta
    allow_private_hosts: bool
    use_fast_path: bool
    ran_out_of_room: Callable[[], bool]
    """Asked when the database breaks off: whether that was for want of room."""
    board: Board
    emit: Callable[[Event], None]
    probe: Probe
