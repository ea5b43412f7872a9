"""How a source's run ended: values closed by `match`, and the words the contract has for them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import timedelta
from enum import StrEnum


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What was committed: pages by what happened to them, ledger rows by kind, distinct texts that came and went."""

    added: int = 0
    modified: int = 0
    renamed: int = 0
    deleted: int = 0
    failed: int = 0
    skipped: int = 0
    chunks_created: int = 0
    chunks_deleted: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(**{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)})


class SyncStatus(StrEnum):
    """What a sync that worked amounts to."""

    FIRST_SYNC = "first_sync"
    SYNCED = "synced"
    UP_TO_DATE = "up_to_date"
    DRY_RUN = "dry_run"


class Code(StrEnum):
    """Why a source's row is not `ok`."""

    FETCH_FAILED = "fetch_failed"
    FETCH_TIMEOUT = "fetch_timeout"
    AUTH_FAILED = "auth_failed"
    REMOTE_GONE = "remote_gone"
    BRANCH_GONE = "branch_gone"
    NOT_A_REPOSITORY = "not_a_repository"
    PATH_MISSING = "path_missing"
    OTHER_HOST = "other_host"
    NO_COMMIT = "no_commit"
    MASS_DELETE = "mass_delete"
    LEASE_HELD = "lease_held"
    LEASE_LOST = "lease_lost"
    TIMEOUT = "timeout"
    DISABLED = "disabled"
    DATABASE = "database"
    DISK_FULL = "disk_full"
    INTERNAL = "internal"


CODE_MEANINGS = {
    Code.FETCH_FAILED: "The remote could not be fetched from.",
    Code.FETCH_TIMEOUT: "Nothing of the fetch moved for `fetch_stall`, or nothing of use came for five times that.",
    Code.AUTH_FAILED: "The remote did not let git in.",
    Code.REMOTE_GONE: "The remote says that there is no such repository.",
    Code.BRANCH_GONE: "The remote does not have the branch.",
    Code.NOT_A_REPOSITORY: "There is no repository there that git can read.",
    Code.PATH_MISSING: "The path is not there, or may not be entered.",
    Code.OTHER_HOST: "The path belongs to another host.",
    Code.NO_COMMIT: "There is no commit to take in.",
    Code.MASS_DELETE: "The plan would drop more than half of the source, and more than 20 pages.",
    Code.LEASE_HELD: "Another process is syncing the source.",
    Code.LEASE_LOST: "The lease was lost, or the source was changed or removed meanwhile.",
    Code.TIMEOUT: "The source's time (`--timeout`) was over. What was committed stays.",
    Code.DISABLED: "The source is disabled.",
    Code.DATABASE: "The database refused, failed or did not answer.",
    Code.DISK_FULL: "There is no room.",
    Code.INTERNAL: "A defect of gbrain.",
}
"""Each code in a sentence, for the reference."""


class Status(StrEnum):
    """The status of a source's row."""

    OK = "ok"
    PARTIAL = "partial"
    REFUSED = "refused"
    ERROR = "error"
    BUSY = "busy"
    SKIPPED = "skipped"


REMOTE_CODES = {Code.FETCH_FAILED, Code.FETCH_TIMEOUT, Code.AUTH_FAILED, Code.REMOTE_GONE, Code.BRANCH_GONE}
"""The codes of a fetch that did not work."""


def status_of(code: Code | None, *, has_bookmark: bool, all_sources: bool) -> Status:
    """The status that follows from an error code; a failed fetch is an error only while nothing is in yet."""
    match code:
        case None:
            return Status.OK
        case Code.TIMEOUT:
            return Status.PARTIAL
        case Code.MASS_DELETE:
            return Status.REFUSED
        case Code.LEASE_HELD:
            return Status.BUSY
        case Code.DISABLED:
            return Status.SKIPPED
        case Code.OTHER_HOST if all_sources:
            return Status.SKIPPED
        case _ if code in REMOTE_CODES and has_bookmark:
            return Status.PARTIAL
        case _:
            return Status.ERROR


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why a row is not `ok`, and what to do."""

    code: Code
    message: str
    hint: str


MAX_PLANNED_PATHS = 1000
"""Paths of a dry run beyond these are counted, not kept."""


@dataclass(slots=True, kw_only=True)
class Planned:
    """The paths that a sync would touch, each with what would happen to it: `added`, `modified` and so on."""

    paths: list[tuple[bytes, str]] = field(default_factory=list)
    count: int = 0

    def note(self, path: bytes, action: str) -> None:
        """Count the path, and keep it if there are not too many."""
        self.count += 1
        if len(self.paths) < MAX_PLANNED_PATHS:
            self.paths.append((path, action))


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One source's row. `trouble` may stand beside `sync_status`: a failed fetch does not keep local news out."""

    source_id: str
    name: str
    status: Status
    sync_status: SyncStatus | None = None
    trouble: Trouble | None = None
    from_revision: str | None = None
    to_revision: str | None = None
    counts: Counts = field(default_factory=Counts)
    failures_open: int = 0
    acknowledged: int = 0
    """How many failures were open and were let be known."""
    duration: timedelta = timedelta()
    planned: Planned | None = None
    """What a dry run found; None of any other."""


def exit_code(results: list[Result], *, all_sources: bool) -> int:
    """The command's exit code: 1 if anything needs attention, 5 if the one source asked for is held, else 0."""
    if not all_sources and any(result.status is Status.BUSY for result in results):
        return 5
    bad = {Status.PARTIAL, Status.REFUSED, Status.ERROR}
    return 1 if any(result.status in bad or result.failures_open for result in results) else 0
