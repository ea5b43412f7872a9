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


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncOptions:
    """What a caller may ask of a sync."""

    full: bool = False
    pull: bool = True
    retry_failed: bool = False
    """Read again what has failed, acknowledged or not."""
    skip_failed: bool = False
    """Acknowledge what has failed."""
    dry_run: bool = False
    """Change nothing, and say what would change."""
    allow_mass_delete: bool = False
    """Carry out a plan that would drop most of a source."""
    timeout: timedelta | None = None
    """How long a source may take from its start."""

    @property
    def seconds(self) -> float | None:
        """The same in seconds."""
        return None if self.timeout is None else self.timeout.total_seconds()
