"""What a caller may ask of a sync."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


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
    embed: bool = True
    """Embed what comes in."""
    timeout: timedelta | None = None
    """How long a source may take from its start."""

    @property
    def seconds(self) -> float | None:
        """The same in seconds."""
        return None if self.timeout is None else self.timeout.total_seconds()
