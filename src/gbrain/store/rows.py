"""What one write batch holds, as values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from gbrain.domain.content import Reason
from gbrain.domain.lease import Lease
from gbrain.domain.source import Bookmark
from gbrain.domain.steps import Step
from gbrain.store.encoded import EncodedPage


@dataclass(frozen=True, slots=True, kw_only=True)
class PageRow:
    """A page to be stored: a new one under an id drawn for it, or over the one that has the id."""

    page_id: int
    is_new: bool
    renamed: bool
    path: bytes
    blob: bytes
    slug: str
    content: EncodedPage


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerRow:
    """Why a path has no page. Without a reason: what the ledger had of the path goes."""

    path: bytes
    blob: bytes = b""
    mode: int = 0
    slug: str | None = None
    reason: Reason | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlugRow:
    """A page, or a path of the ledger where there is none, whose slug alone changes; `release` sets it aside."""

    page_id: int | None
    path: bytes
    slug: str
    release: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """What one transaction writes of one source. `removed` holds (page id, whether its path went from the tree)."""

    items: int
    removed: Sequence[tuple[int, bool]] = ()
    slugs: Sequence[SlugRow] = ()
    pages: Sequence[PageRow] = ()
    ledger: Sequence[LedgerRow] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write at all."""
        return not (self.removed or self.slugs or self.pages or self.ledger)

    @property
    def only_adds(self) -> bool:
        """Whether all it does is to add pages that were not there."""
        return not (self.removed or self.slugs or self.ledger) and all(page.is_new for page in self.pages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The bookmark's move from what the run began with to what it leaves."""

    before: Bookmark | None
    after: Bookmark
    committed_at: datetime
    settings_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    """What all batches of a run have in common. `limit` bounds each wait behind the proof."""

    source_id: str
    run_id: int
    lease: Lease
    fingerprint: bytes
    limit: timedelta
    probe: Callable[[Step], None]
