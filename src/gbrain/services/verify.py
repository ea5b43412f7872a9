"""Verification: every page derived again at the bookmark and held against what is stored at one moment."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from gbrain.domain.outcome import Code, Trouble
from gbrain.domain.source import Source, SourceState
from gbrain.domain.verification import (
    Expected,
    Finding,
    FullEntry,
    FullPage,
    content_findings,
    structure_findings,
)
from gbrain.git.blobs import BlobReader
from gbrain.git.problems import Problem
from gbrain.git.repository import Repository
from gbrain.services.acquiring import acquired_for
from gbrain.services.context import SyncContext
from gbrain.services.planning import plan_afresh
from gbrain.services.selecting import fingerprint_of, rules_of
from gbrain.services.troubles import trouble_of
from gbrain.services.windows import windows
from gbrain.services.writing import BATCH_BYTES
from gbrain.spool.spool import Spool, ToWrite
from gbrain.store import faults, models, segments, sources, verify
from gbrain.store.connection import ANSWER_SECONDS, Connection, no_answer

MAX_FINDINGS = 1000
"""Findings beyond these are counted, not kept."""

_PIECE = 500
_STRAY_TIMES = 10
"""How much longer than others the question for stray rows may take: it looks at all there is."""


@dataclass(slots=True, kw_only=True)
class Report:
    """What verifying one source found. `cannot` says why it could not be done, and how to mend that."""

    source_id: str
    commit: str | None = None
    pages_checked: int = 0
    pages_derived: int = 0
    findings_count: int = 0
    findings: list[Finding] = field(default_factory=list)
    cannot: Trouble | None = None

    @property
    def hint(self) -> str | None:
        """What to do about it; None where nothing is wrong."""
        if self.cannot is not None:
            return self.cannot.hint
        return f"gbrain sync --source {self.source_id} --full" if self.findings_count else None

    def note(self, findings: Iterator[Finding] | Sequence[Finding]) -> None:
        """Count the findings, and keep the first of them."""
        for finding in findings:
            self.findings_count += 1
            if len(self.findings) < MAX_FINDINGS:
                self.findings.append(finding)


class CannotVerify(Exception):
    """There is nothing to hold the rows against. `code` and `hint` are None where a sync is all it takes."""

    def __init__(self, why: str, *, code: Code | None = None, hint: str | None = None) -> None:
        super().__init__(f"cannot verify: {why}")
        self.code = code
        self.hint = hint


async def verify_source(context: SyncContext, source: Source, *, sample: int | None) -> Report:
    """Verify one source, or, with `sample`, all of its structure and the contents of that many of its pages."""
    report = Report(source_id=source.id)
    try:
        await _verify(context, source, report, sample)
    except CannotVerify as cannot:
        hint = cannot.hint or f"gbrain sync --source {source.id}"
        report.cannot = Trouble(code=cannot.code or Code.NO_COMMIT, message=str(cannot), hint=hint)
    except Exception as error:
        report.cannot = trouble_of(error, source.id, context.ran_out_of_room)
    return report


async def stray_rows(context: SyncContext) -> dict[str, int]:
    """Rows that belong to no source or page at all, by table. Raises DatabaseUnusable where that takes too long."""
    try:
        async with verify.snapshot(context.pool, times=_STRAY_TIMES) as conn:
            return await verify.stray_rows(conn)
    except faults.TOOK_TOO_LONG as error:
        raise no_answer(_STRAY_TIMES * ANSWER_SECONDS) from error


async def _verify(context: SyncContext, source: Source, report: Report, sample: int | None) -> None:
    async with verify.snapshot(context.pool) as conn:
        state = await sources.one(conn, source.id)
        if state is None or state.bookmark is None:
            raise CannotVerify("it has no bookmark yet")
        report.commit = state.bookmark.commit
        repository = await _repository(context, state)
        rules = rules_of(source, full=True)
        with Spool() as spool:
            await plan_afresh(spool, repository.list_tree(state.bookmark.tree), rules)
            chosen = _chosen(spool.totals()[0], sample)
            async with repository.blobs() as blobs:
                checker = _Checker(context, conn, source.id, rules.fingerprint, blobs, report)
                await checker.check_paths(spool, chosen)
        await checker.check_texts()
        await checker.check_words()
        await checker.check_counts()
        await checker.check_pending()


async def _repository(context: SyncContext, state: SourceState) -> Repository:
    """The repository, if it still has the bookmark's tree and the rows are a whole run's."""
    source, bookmark = state.source, state.bookmark
    if source.path is not None and source.host_id != context.machine_id:
        hint = f"run this on {source.host_name}: gbrain sources verify {source.id}"
        raise CannotVerify(f"its path belongs to another host ({source.host_name})", code=Code.OTHER_HOST, hint=hint)
    if not state.settled:
        raise CannotVerify("a run is half in: under way, or cut off")
    if bookmark is None or bookmark.fingerprint != fingerprint_of(source):
        raise CannotVerify("its rows were derived under other settings or by another version")
    acquired = await acquired_for(context, source, pull=False, look=False)
    if isinstance(acquired, Problem):
        raise CannotVerify(
            f"its repository cannot be read: {acquired.message}",
            code=Code(acquired.code),
            hint=acquired.hint if acquired.code != "no_commit" else None,
        )
    if not await acquired.repository.has_tree(bookmark.tree):
        raise CannotVerify(f"the repository no longer has commit {bookmark.commit[:10]} whole")
    return acquired.repository


def _chosen(items: int, sample: int | None) -> Callable[[int], bool]:
    """Which items of the plan have their contents derived, by number."""
    if sample is None or sample >= items:
        return lambda number: True
    numbers = set(random.sample(range(items), sample))
    return numbers.__contains__


@dataclass(slots=True)
class _Waiting:
    """Paths whose blobs are to be derived together."""

    items: list[tuple[ToWrite, FullPage | None, FullEntry | None]] = field(default_factory=list)
    size_bytes: int = 0


class _Checker:
    """Checks one source on one connection, which sees one moment."""

    def __init__(
        self,
        context: SyncContext,
        conn: Connection,
        source_id: str,
        fingerprint: bytes,
        blobs: BlobReader,
        report: Report,
    ) -> None:
        self._context, self._conn, self._source_id = context, conn, source_id
        self._fingerprint, self._blobs, self._report = fingerprint, blobs, report
        self._chunks = self._open = self._acknowledged = self._pages = 0
        self._editions: list[tuple[bytes, int]] = []

    async def check_paths(self, spool: Spool, chosen: Callable[[int], bool]) -> None:
        """Every path of the tree, the pages and the ledger: presence and structure, then contents of those chosen."""
        number = 0
        waiting = _Waiting()
        stored = verify.pages(self._conn, self._source_id), verify.entries(self._conn, self._source_id)
        async with aclosing(windows(_pieces(spool), *stored)) as pieces:
            async for wanted, pages, entries in pieces:
                page_of, entry_of = {row.path: row for row in pages}, {row.path: row for row in entries}
                await self._count(pages, entries)
                for item in wanted:
                    page, entry = page_of.pop(item.path, None), entry_of.pop(item.path, None)
                    self._report.pages_checked += 1
                    self._report.note([*structure_findings(_expected(item), page, entry, self._fingerprint)])
                    if item.action == "write" and chosen(number):
                        waiting.items.append((item, page, entry))
                        waiting.size_bytes += item.size_bytes
                    number += 1
                    if waiting.size_bytes >= BATCH_BYTES or len(waiting.items) >= _PIECE:
                        await self._check_contents(waiting)
                        waiting = _Waiting()
                for page in page_of.values():
                    self._report.note([*structure_findings(None, page, None, self._fingerprint)])
                for entry in entry_of.values():
                    self._report.note([*structure_findings(None, None, entry, self._fingerprint)])
        await self._check_contents(waiting)

    async def check_texts(self) -> None:
        """Every text: its hash, and that a place needs it."""
        async for piece in verify.texts(self._conn, self._source_id):
            for text in piece:
                for code, is_wrong in (
                    ("text_damaged", not text.is_intact),
                    ("text_orphaned", not text.is_used),
                ):
                    if is_wrong:
                        self._report.note([Finding(code=code, path=None, detail=f"text {text.hash.hex()[:16]}")])

    async def check_words(self) -> None:
        """The index of words: that its parts are as they were written, and that each page is in one of them."""
        damage = await segments.damaged(self._conn, self._source_id)
        for segment in damage.segments:
            self._report.note([Finding(code="lexemes_differ", path=None, detail=f"segment {segment}")])
        for path, edition in self._editions:
            if edition not in damage.sound:
                self._report.note([Finding(code="lexemes_differ", path=path, detail="not in the index")])

    async def check_counts(self) -> None:
        """The counts that status shows."""
        kept = await verify.kept_counts(self._conn, self._source_id)
        found = verify.KeptCounts(self._pages, self._chunks, self._open, self._acknowledged)
        if kept != found:
            pairs = zip(found._fields, kept, found, strict=True)
            wrong = [f"{name} {had} instead of {really}" for name, had, really in pairs if had != really]
            self._report.note([Finding(code="count_differs", path=None, detail=", ".join(wrong))])

    async def check_pending(self) -> None:
        """What is kept of each model in use: how much lacks its vector, and that all of that is in its backlog."""
        for model in await models.counted(self._conn):
            found = await models.audit(self._conn, model.id, self._source_id)
            if found.kept != found.lacking:
                detail = f"{model.name}: {found.kept:,} instead of {found.lacking:,}"
                self._report.note([Finding(code="pending_differs", path=None, detail=detail)])
            if found.unlisted:
                texts = "1 text" if found.unlisted == 1 else f"{found.unlisted:,} texts"
                self._report.note([Finding(code="backlog_missing", path=None, detail=f"{model.name}: {texts}")])

    async def _count(self, pages: list[FullPage], entries: list[FullEntry]) -> None:
        self._pages += len(pages)
        self._editions += [(page.path, page.edition) for page in pages]
        self._chunks += await verify.count_places(self._conn, [page.page_id for page in pages])
        self._open += sum(entry.state == "open" for entry in entries)
        self._acknowledged += sum(entry.state == "acknowledged" for entry in entries)

    async def _check_contents(self, waiting: _Waiting) -> None:
        items = waiting.items
        if not items:
            return
        blobs = await self._blobs.read([item.blob for item, _, _ in items])
        whole = [(item.path, blob) for (item, _, _), blob in zip(items, blobs, strict=True) if blob is not None]
        derived = await self._context.derivers.derive(whole, in_processes=True)
        ids = [page.page_id for _, page, _ in items if page is not None]
        places, links = await verify.places_of(self._conn, self._source_id, ids), await verify.links_of(self._conn, ids)
        answers = iter(derived)
        for (item, page, entry), blob in zip(items, blobs, strict=True):
            if blob is None:
                raise CannotVerify(f"the repository lacks blob {item.blob.hex()[:10]}")
            of_page = page.page_id if page else 0
            found = content_findings(item.path, next(answers), page, entry, places[of_page], links[of_page])
            self._report.note([*found])
            self._report.pages_derived += 1


async def _pieces(spool: Spool) -> AsyncGenerator[list[ToWrite], None]:
    for piece in spool.writing(_PIECE):
        yield piece


def _expected(item: ToWrite) -> Expected:
    return Expected(path=item.path, blob=item.blob, mode=item.mode, slug=item.slug, reason=item.reason)
