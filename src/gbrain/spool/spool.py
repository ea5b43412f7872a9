"""The plan of one run, in a private database."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.resources import files
from itertools import groupby
from operator import itemgetter
from types import TracebackType
from typing import Any, NamedTuple, Self

from gbrain.domain.content import Reason
from gbrain.domain.plan import Decision, Drop, Forget, Record, StoredEntry, StoredPage, Write
from gbrain.domain.slugs import base_of, base_slug
from gbrain.domain.tree import TreeEntry
from gbrain.errors import PathTwice
from gbrain.spool.private import Private

EMPTY_BLOBS = (
    bytes.fromhex("e69de29bb2d1d6434b8b29ae775ad8c2e48c5391"),
    bytes.fromhex("473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813"),
)
"""The ids of nothing at all, in SHA-1 and in SHA-256 repositories."""

_HEAD = re.compile(r"(?:^--.*\n)*^-- name: ([a-z_]+)\n", re.MULTILINE)


class ToClear(NamedTuple):
    """What must go before anything is written: a page, a ledger row, or a page's hold on its slug."""

    path: bytes
    action: str
    page_id: int | None
    releases: bool
    old_path: bytes | None


class ToWrite(NamedTuple):
    """A path to be read ('write'), to be noted in the ledger ('record'), or to get another slug ('reslug')."""

    path: bytes
    action: str
    blob: bytes
    mode: int
    size_bytes: int
    reason: str | None
    page_id: int | None
    is_noted: bool
    renamed: bool
    slug: str | None


class Joining(NamedTuple):
    """A path that becomes a member of a slug group; `page_id` is that of the page renamed to it."""

    path: bytes
    page_id: int | None


class Spool:
    """Decisions go in; pairing and slugs are settled in place; ordered pieces come out. One run owns one."""

    def __init__(self) -> None:
        self._db = Private()
        self._run("create")
        self._run("create_doubts")
        self._has_drops = False
        self._has_new = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._db.__exit__(kind, error, at)

    def add(self, decisions: Iterable[Decision]) -> None:
        """Take decisions in, in any order, each path once; raises PathTwice for a tree in which one is there twice."""
        rows = [row for decision in decisions for row in _rows(decision)]
        self._has_drops = self._has_drops or any(row[1] == "drop" for row in rows)
        self._has_new = self._has_new or any(row[1] == "write" and row[6] is None for row in rows)
        try:
            self._many("insert", rows)
        except sqlite3.IntegrityError as error:
            raise PathTwice(
                "the repository's tree holds a path twice: it is damaged", hint="run `git fsck` in the repository"
            ) from error

    @property
    def may_hold_renames(self) -> bool:
        """Whether paths have both vanished and appeared."""
        return self._has_drops and self._has_new

    def doubt(self, slugs: Iterable[str]) -> None:
        """Have the groups of these slugs settled again, whether or not one of their paths differs."""
        self._many("doubt", [(base_of(slug),) for slug in slugs])

    def movable(self) -> Iterator[tuple[list[bytes], list[bytes]]]:
        """Vanished and new paths of each blob that has both; the caller says with `rename` which became which."""
        self._run("index_blobs")
        self._run("collect_movable", (*EMPTY_BLOBS, *EMPTY_BLOBS))
        for _, rows in groupby(self._read("movable"), key=itemgetter(0)):
            sides: tuple[list[bytes], list[bytes]] = [], []
            for _, side, path in rows:
                sides[side].append(path)
            yield sides

    def rename(self, pairs: Iterable[tuple[bytes, bytes]]) -> None:
        """Make each (vanished, new) pair one renamed page."""
        pairs = list(pairs)
        self._many("rename", pairs)
        self._many("unplan", [(old, "drop") for old, _ in pairs])

    def index_groups(self) -> None:
        """Prepare for all that settling slugs asks, once all decisions, doubts and renames are in."""
        for name in ("index_joins", "index_leaves", "index_pages", "create_touched", "collect_touched"):
            self._run(name)

    def touched_bases(self, after: str, limit: int) -> list[tuple[str, bool]]:
        """The next bases, in order, whose group a path joins or leaves, and whether it is contested among these."""
        return [(base, bool(contested)) for base, contested in self._read("touched_bases", (after, limit))]

    def joining(self, base: str) -> list[Joining]:
        """The paths that become members of the group."""
        return [Joining(*row) for row in self._read("joining", (base,))]

    def leaving(self, base: str) -> set[bytes]:
        """The paths that stop being members of the group."""
        return {path for (path,) in self._read("leaving", (base,))}

    def set_slug(self, path: bytes, slug: str) -> bool:
        """Settle the slug of a path that is to be written; False where the plan does not write it."""
        return self._run("set_slug", (path, slug)).rowcount > 0

    def reslug(self, path: bytes, page_id: int | None, old_slug: str, slug: str) -> None:
        """Plan a change of nothing but the slug."""
        self._run("reslug", (path, page_id, old_slug, slug))

    def release(self, page_id: int) -> None:
        """Have a page let go of its slug before anybody takes it, unless the page is dropped anyway."""
        self._run("release", (page_id,))

    def unsized(self, after: bytes, limit: int) -> list[tuple[bytes, bytes]]:
        """The next (path, blob) to be read whose size git has not told yet."""
        return list(self._read("unsized", (after, limit)))

    def set_sizes(self, sizes: Iterable[tuple[bytes, int]]) -> None:
        """Note the sizes of blobs to be read."""
        self._many("set_size", [(size, path) for path, size in sizes])

    def refuse(self, path: bytes, reason: Reason) -> None:
        """Turn a path to be read into one to be noted."""
        self._run("record_write", (path, reason.value))

    def totals(self) -> tuple[int, int]:
        """How many items there are, and how many bytes must be read."""
        [(items, size_bytes)] = self._read("totals")
        return items, size_bytes

    def drops(self) -> int:
        """How many pages go for what the tree has, or has no more, in their place; renamed ones do not."""
        [(drops,)] = self._read("drops")
        return int(drops)

    def rewrites(self) -> int:
        """How many pages are to be read again where they stand."""
        [(rewrites,)] = self._read("rewrites")
        return int(rewrites)

    def clearing(self, limit: int) -> Iterator[list[ToClear]]:
        """What goes first, in lists of at most `limit`."""
        key: tuple[bytes, str] = (b"", "")
        while rows := [ToClear(*row) for row in self._read("clearing", (*key, limit))]:
            yield rows
            key = rows[-1].path, rows[-1].action

    def writing(self, limit: int) -> Iterator[list[ToWrite]]:
        """What is written, in byte order of path, in lists of at most `limit`."""
        key: tuple[bytes, str] = (b"", "")
        while rows := [ToWrite(*row) for row in self._read("writing", (*key, limit))]:
            yield rows
            key = rows[-1].path, rows[-1].action

    def _run(self, name: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        return self._db.run(_sql()[name], values)

    def _read(self, name: str, values: Sequence[object] = ()) -> Iterator[Any]:
        return self._db.read(_sql()[name], values)

    def _many(self, name: str, rows: Sequence[Sequence[object]]) -> None:
        self._db.many(_sql()[name], rows)


def _rows(decision: Decision) -> list[tuple[object, ...]]:
    match decision:
        case Write(entry, page, noted):
            return [_kept("write", entry, None, page, noted)]
        case Record(entry, reason, page, noted) if reason in (Reason.SYMLINK, Reason.SUBMODULE):
            rows = [_row(entry.path, "record", entry, reason, noted=noted, leaves=noted.slug if noted else None)]
            return [*rows, *(_rows(Drop(page)) if page else [])]
        case Record(entry, reason, page, noted):
            return [_kept("record", entry, reason, page, noted)]
        case Drop(page, noted):
            values = _row(page.path, "drop", None, None, page=page, leaves=page.slug)
            return [(*values[:2], page.blob, *values[3:]), *(_rows(Forget(noted)) if noted else [])]
        case Forget(noted):
            return [_row(noted.path, "forget", None, None, noted=noted, leaves=noted.slug)]


def _kept(
    action: str, entry: TreeEntry, reason: Reason | None, page: StoredPage | None, noted: StoredEntry | None
) -> tuple[object, ...]:
    """A row of a path that is a file in the new tree, and so a member of a slug group before, after, or both.

    It changes its group where the rule for bases is another than when its slug was made.
    """
    had, base = page.slug if page else noted.slug if noted else None, base_slug(entry.path)
    if had and base_of(had) == base:
        return _row(entry.path, action, entry, reason, page=page, noted=noted, slug=had)
    return _row(entry.path, action, entry, reason, page=page, noted=noted, joins=base, leaves=had, slug=base)


def _row(
    path: bytes,
    action: str,
    entry: TreeEntry | None,
    reason: Reason | None,
    *,
    page: StoredPage | None = None,
    noted: StoredEntry | None = None,
    joins: str | None = None,
    leaves: str | None = None,
    slug: str | None = None,
) -> tuple[object, ...]:
    blob, mode, size = (entry.blob, entry.mode, entry.size_bytes) if entry else (None, None, None)
    of_page = (page.page_id, page.slug) if page else (None, None)
    return (
        *(path, action, blob, mode, size, reason.value if reason else None),
        *(of_page[0], noted is not None, of_page[1], slug, joins, base_of(leaves) if leaves else None),
    )


@cache
def _sql() -> dict[str, str]:
    text = files("gbrain.spool").joinpath("spool.sql").read_text(encoding="utf-8")
    _, *parts = _HEAD.split(text)
    return dict(zip(parts[::2], parts[1::2], strict=True))
