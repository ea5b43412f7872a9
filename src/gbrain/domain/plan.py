"""The planner's decision for one path: what must happen so that the brain holds what the tree says.

Wanted state is the tree; actual state is the page of a path, or the ledger's entry that says why it has none. Nothing
else is consulted: no history, no clock, no order of arrival.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from gbrain.domain.content import Reason
from gbrain.domain.tree import SPECIAL_FILE, UNREADABLE_FILE, TreeEntry

MAX_BLOB_BYTES = 5_000_000
"""A blob above this is never read."""

_STAND_INS = {SPECIAL_FILE: Reason.SPECIAL_FILE, UNREADABLE_FILE: Reason.UNREADABLE}
_SYMLINK, _SUBMODULE = 0o120000, 0o160000


class StoredPage(NamedTuple):
    """What the pages table remembers of a path."""

    path: bytes
    page_id: int
    blob: bytes
    fingerprint: bytes
    slug: str


class StoredEntry(NamedTuple):
    """What the ledger remembers of a path that has no page."""

    path: bytes
    blob: bytes
    mode: int
    fingerprint: bytes
    slug: str | None
    """The slug its page would have, where the path is a file; it keeps its place among its group's slugs."""
    state: str
    """`skipped`, `open` or `acknowledged`."""


@dataclass(frozen=True, slots=True)
class Write:
    """Read the entry's blob, derive it and store what comes out: as a new page, or over the page that is there."""

    entry: TreeEntry
    page: StoredPage | None
    noted: StoredEntry | None


@dataclass(frozen=True, slots=True)
class Drop:
    """The page's path is gone from what is wanted, and what the ledger may have of it stands for nothing."""

    page: StoredPage
    noted: StoredEntry | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """The path cannot be a page, as its mode or size tell: note why, and let go of the page it may have had."""

    entry: TreeEntry
    reason: Reason
    page: StoredPage | None
    noted: StoredEntry | None


@dataclass(frozen=True, slots=True)
class Forget:
    """The ledger's entry has nothing left to stand for."""

    noted: StoredEntry


Decision = Write | Drop | Record | Forget


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside the tree. `full` derives again even what is unchanged, failed and skipped paths among it;
    failures that somebody has acknowledged it leaves alone. `retry` reads again what has failed, acknowledged or not.
    """

    wanted: Callable[[bytes], bool]
    """Whether a file of this path becomes a page."""
    fingerprint: bytes
    is_left_in: Callable[[bytes], bool] | None = None
    """Whether the source's filters leave a path in, of whatever mode; None where there are none."""
    full: bool = False
    retry: bool = False


def is_mass_delete(drops: int, pages: int) -> bool:
    """Whether a plan drops so much of a source that somebody should say that it is meant."""
    return drops > 20 and 2 * drops > pages


def decide(
    entry: TreeEntry | None, page: StoredPage | None, noted: StoredEntry | None, rules: Rules
) -> Decision | None:
    """What to do about one path; None where the brain already holds what the tree says.

    `entry` is None where the tree does not have the path. `page` and `noted` exclude each other but for damage: only
    reading the blob tells which of them is right.
    """
    if entry is None or not _is_taken(entry, rules):
        if page is not None:
            return Drop(page, noted)
        return Forget(noted) if noted is not None else None
    if noted is not None and page is None and _stands(entry, noted, rules):
        return None
    if (reason := refusal_by_kind(entry)) is not None:
        return Record(entry, reason, page, noted)
    is_same = page is not None and (page.blob, page.fingerprint) == (entry.blob, rules.fingerprint)
    if is_same and noted is None and not rules.full:
        return None
    return Write(entry, page, noted)


def refusal_by_kind(entry: TreeEntry) -> Reason | None:
    """Why the entry cannot be read, as mode and size tell; None where it can. An unknown size (-1) refuses nothing."""
    if entry.mode == _SYMLINK:
        return Reason.SYMLINK
    if entry.mode == _SUBMODULE:
        return _STAND_INS.get(entry.blob, Reason.SUBMODULE)
    return Reason.TOO_LARGE if entry.size_bytes > MAX_BLOB_BYTES else None


def _is_taken(entry: TreeEntry, rules: Rules) -> bool:
    # A repository inside is a folder, which `vendor/` is meant to match.
    path = entry.path + b"/" if entry.mode == _SUBMODULE else entry.path
    if rules.is_left_in is not None and not rules.is_left_in(path):
        return False
    return entry.mode in (_SYMLINK, _SUBMODULE) or rules.wanted(entry.path)


def _stands(entry: TreeEntry, noted: StoredEntry, rules: Rules) -> bool:
    if (rules.full and noted.state != "acknowledged") or (rules.retry and noted.state != "skipped"):
        return False
    return (noted.blob, noted.mode, noted.fingerprint) == (entry.blob, entry.mode, rules.fingerprint)


Triple = tuple[TreeEntry | None, StoredPage | None, StoredEntry | None]


def align(entries: list[TreeEntry], pages: list[StoredPage], noted: list[StoredEntry]) -> list[Triple]:
    """Each path that occurs in any of the three, once, with what each of them says of it; in no order."""
    if not pages and not noted:
        return [(entry, None, None) for entry in entries]
    page_of = {page.path: page for page in pages}
    noted_of = {row.path: row for row in noted}
    triples: list[Triple] = [
        (entry, page_of.pop(entry.path, None), noted_of.pop(entry.path, None)) for entry in entries
    ]
    triples += [(None, page, noted_of.pop(page.path, None)) for page in page_of.values()]
    triples += [(None, None, row) for row in noted_of.values()]
    return triples
