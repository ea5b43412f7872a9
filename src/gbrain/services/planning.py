"""Making a run's plan: what differs between the tree and the rows, who was renamed, and every slug that follows."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from functools import partial
from itertools import islice

from gbrain.domain.content import Reason
from gbrain.domain.plan import MAX_BLOB_BYTES, Rules, align, decide
from gbrain.domain.renames import pair
from gbrain.domain.slugs import base_slug, settle
from gbrain.domain.tree import TreeChange, TreeEntry
from gbrain.git.blobs import BlobReader
from gbrain.services.aside import aside
from gbrain.services.windows import windows
from gbrain.spool.spool import Spool
from gbrain.store import plan as stored
from gbrain.store.connection import Pool

PIECE = 1000

Looked = Callable[[int], Awaitable[None]]
"""Told, and waited for, after each piece: of how many paths were compared so far."""


async def _nothing(paths: int) -> None:
    """Nobody wants to know."""


async def plan_whole(
    spool: Spool,
    pool: Pool,
    source_id: str,
    entries: AsyncGenerator[list[TreeEntry], None],
    rules: Rules,
    looked: Looked = _nothing,
) -> None:
    """Compare the whole tree with all rows of the source; `looked` is told how far it is.

    A run that was cut off may have left a group half settled. Of the pages of a group all but one have a suffix, so
    that those are doubted; paths of the ledger may share a slug with a page meanwhile, so that all of those are.
    """
    rows = windows(entries, stored.stored_pages(pool, source_id), stored.stored_entries(pool, source_id))
    any_stored = False
    compared = 0
    async with aclosing(rows):
        async for tree, pages, noted in rows:
            triples = align(tree, pages, noted)
            spool.add(decision for triple in triples if (decision := decide(*triple, rules)) is not None)
            of_pages = [page.slug for _, page, _ in triples if page is not None]
            of_ledger = [entry.slug for _, _, entry in triples if entry is not None and entry.slug]
            any_stored = any_stored or bool(of_pages or of_ledger)
            compared += len(triples)
            await looked(compared)
            spool.doubt(of_ledger + [slug for slug in of_pages if "~" in slug])
    await _settle(spool, pool, source_id, any_stored=any_stored)


async def plan_changes(
    spool: Spool,
    pool: Pool,
    source_id: str,
    changes: AsyncGenerator[list[TreeChange], None],
    rules: Rules,
    blobs: BlobReader,
    looked: Looked = _nothing,
) -> None:
    """Compare only the paths in which the bookmark's tree and the new one differ: for a settled source."""
    compared = 0
    async with aclosing(changes):
        async for piece in changes:
            for some in _pieces(piece):
                pages, entries = await stored.stored_at(pool, source_id, [change.path for change in some])
                triples = align([change.after for change in some if change.after is not None], pages, entries)
                spool.add(decision for triple in triples if (decision := decide(*triple, rules)) is not None)
                compared += len(some)
                await looked(compared)
    await _ask_sizes(spool, blobs)
    await _settle(spool, pool, source_id, any_stored=True)


async def plan_afresh(spool: Spool, entries: AsyncGenerator[list[TreeEntry], None], rules: Rules) -> None:
    """The plan for a brain that has nothing of the source yet: what a first sync would do."""
    async with aclosing(entries):
        async for piece in entries:
            spool.add(decision for entry in piece if (decision := decide(entry, None, None, rules)) is not None)
    await _settle_newcomers(spool)


async def _ask_sizes(spool: Spool, blobs: BlobReader) -> None:
    after = b""
    while rows := spool.unsized(after, PIECE):
        sizes = await blobs.sizes([blob for _, blob in rows])
        known = [(path, max(size, 0)) for (path, _), size in zip(rows, sizes, strict=True)]
        spool.set_sizes(known)
        for path, size in known:
            if size > MAX_BLOB_BYTES:
                spool.refuse(path, Reason.TOO_LARGE)
        after = rows[-1][0]


async def _settle(spool: Spool, pool: Pool, source_id: str, *, any_stored: bool) -> None:
    if spool.may_hold_renames:
        await aside(lambda: _pair_renames(spool))
    if not any_stored:
        await _settle_newcomers(spool)
        return
    await aside(spool.index_groups)
    after = ""
    while bases := spool.touched_bases(after, PIECE):
        members = await stored.group_members(pool, source_id, [base for base, _ in bases])
        await aside(partial(_settle_groups, spool, bases, members))
        after = bases[-1][0]


def _pair_renames(spool: Spool) -> None:
    groups = spool.movable()
    while some := list(islice(groups, PIECE)):
        spool.rename(renamed for vanished, new in some for renamed in pair(vanished, new))


def _settle_groups(spool: Spool, bases: list[tuple[str, bool]], members: list[stored.Member]) -> None:
    groups = _Groups.of(members)
    for base, contested in bases:
        if contested or base in groups.by_base:
            _settle_group(spool, base, groups.by_base.get(base, []))


async def _settle_newcomers(spool: Spool) -> None:
    """Settle the slugs where every path is new."""
    await aside(spool.index_groups)
    after = ""
    while bases := spool.touched_bases(after, PIECE):
        contested = [base for base, is_contested in bases if is_contested]
        await aside(partial(_settle_groups, spool, [(base, True) for base in contested], []))
        after = bases[-1][0]


@dataclass(frozen=True, slots=True)
class _Groups:
    by_base: dict[str, list[stored.Member]]

    @classmethod
    def of(cls, members: Iterable[stored.Member]) -> _Groups:
        by_base: dict[str, list[stored.Member]] = {}
        for member in members:
            by_base.setdefault(member.slug.partition("~")[0], []).append(member)
        return cls(by_base)


def _settle_group(spool: Spool, base: str, members: list[stored.Member]) -> None:
    """Decide the slugs of one group anew and plan what follows: new slugs, and who must step aside for them."""
    leaving, joining = spool.leaving(base), spool.joining(base)
    staying = [member for member in members if member.path not in leaving and base_slug(member.path) == base]
    slugs = settle({member.path for member in staying} | {path.path for path in joining})
    holders = {member.slug: member for member in members if member.page_id is not None}
    for path, _ in joining:
        spool.set_slug(path, slugs[path])
    changing = [member for member in staying if slugs[member.path] != member.slug]
    for member in changing:
        if not spool.set_slug(member.path, slugs[member.path]):
            spool.reslug(member.path, member.page_id, member.slug, slugs[member.path])
    # Only a page that the plan changes can be told to let go, so that all changes come before.
    for path, page_id in [*joining, *((member.path, member.page_id) for member in changing)]:
        _free(spool, holders, slugs[path], page_id)


def _free(spool: Spool, holders: dict[str, stored.Member], slug: str, taker: int | None) -> None:
    holder = holders.get(slug)
    if holder is not None and holder.page_id is not None and holder.page_id != taker:
        spool.release(holder.page_id)


def _pieces(changes: list[TreeChange]) -> Iterable[list[TreeChange]]:
    return (changes[start : start + PIECE] for start in range(0, len(changes), PIECE))
