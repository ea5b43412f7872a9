"""Holding what is stored of a path against what is derived from it anew: pure comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from gbrain.domain.content import Link, PageContent, Refused, skips
from gbrain.domain.passages import head_of, passage_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is not as a fresh sync would have it. `path` is None where it is not about one path."""

    code: str
    path: bytes | None
    detail: str


class FullPage(NamedTuple):
    """A page as it is stored, the ids of its chunks and links apart."""

    path: bytes
    page_id: int
    blob: bytes
    fingerprint: bytes
    slug: str
    kind: str
    title: str
    front_matter: dict[str, Any] | None
    body_line: int
    edition: int


class FullEntry(NamedTuple):
    """A ledger row as it is stored."""

    path: bytes
    blob: bytes
    mode: int
    fingerprint: bytes
    slug: str | None
    reason: str
    detail: str
    state: str


class Place(NamedTuple):
    """A chunk's place as it is stored; `text_hash` is None where its text is not there."""

    ordinal: int
    text_hash: bytes | None
    headings: list[str]
    first_line: int
    last_line: int
    passage: bytes | None


class StoredLink(NamedTuple):
    """A link as it is stored."""

    ordinal: int
    kind: str
    target: str
    line: int


class Expected(NamedTuple):
    """What a fresh sync would know of a path before it reads the blob."""

    path: bytes
    blob: bytes
    mode: int
    slug: str | None
    reason: str | None
    """Set where the path cannot be read, as its mode or size tell."""


def structure_findings(
    expected: Expected | None, page: FullPage | None, entry: FullEntry | None, fingerprint: bytes
) -> Iterator[Finding]:
    """What mode, blob, slug and presence tell, without reading the blob."""
    path = (expected or page or entry or Expected(b"", b"", 0, None, None)).path
    if expected is None:
        if page is not None:
            yield Finding(code="page_orphaned", path=path, detail="the tree has no such page")
        if entry is not None:
            yield Finding(code="ledger_orphaned", path=path, detail="the tree has no such path to explain")
        return
    if page is None and entry is None:
        yield Finding(code="page_missing", path=path, detail="neither stored nor explained")
    if page is not None and entry is not None:
        yield Finding(code="ledger_orphaned", path=path, detail="has a page and a reason why it has none")
    for row in (page, entry):
        if row is not None and (row.blob, row.fingerprint, row.slug) != (expected.blob, fingerprint, expected.slug):
            names = _differing(
                blob=row.blob != expected.blob,
                fingerprint=row.fingerprint != fingerprint,
                slug=row.slug != expected.slug,
            )
            yield Finding(code="page_differs" if row is page else "ledger_differs", path=path, detail=names)
    if entry is not None:
        names = _differing(mode=entry.mode != expected.mode, state=(entry.state == "skipped") != skips(entry.reason))
        if names:
            yield Finding(code="ledger_differs", path=path, detail=names)
    if expected.reason is not None:
        if page is not None:
            yield Finding(code="page_orphaned", path=path, detail=f"cannot be a page: {expected.reason}")
        elif entry is not None and entry.reason != expected.reason:
            yield Finding(code="ledger_differs", path=path, detail=f"{entry.reason} instead of {expected.reason}")


def content_findings(
    path: bytes,
    derived: PageContent | Refused,
    page: FullPage | None,
    entry: FullEntry | None,
    places: list[Place],
    links: list[StoredLink],
) -> Iterator[Finding]:
    """What the blob, derived again, tells of the stored page or of the reason why there is none."""
    match derived:
        case Refused(reason, detail):
            if page is not None:
                yield Finding(code="page_orphaned", path=path, detail=f"cannot be a page: {reason.value}")
            elif entry is not None and (entry.reason, entry.detail) != (reason.value, detail):
                yield Finding(code="ledger_differs", path=path, detail=f"{entry.reason} instead of {reason.value}")
        case PageContent():
            if page is None:
                if entry is not None:
                    yield Finding(code="page_missing", path=path, detail=f"noted as {entry.reason}, but can be read")
                return
            yield from _page_findings(path, derived, page)
            yield from _chunk_findings(path, derived, places)
            yield from _link_findings(path, derived.links, links)


def _page_findings(path: bytes, content: PageContent, page: FullPage) -> Iterator[Finding]:
    names = _differing(
        kind=page.kind != content.kind.value,
        title=page.title != content.title,
        front_matter=page.front_matter != content.front_matter,
        body_line=page.body_line != content.body_line,
    )
    if names:
        yield Finding(code="page_differs", path=path, detail=names)


def _chunk_findings(path: bytes, content: PageContent, places: list[Place]) -> Iterator[Finding]:
    chunks = content.chunks
    if [place.ordinal for place in places] != list(range(len(chunks))):
        yield Finding(code="chunks_differ", path=path, detail=f"{len(places)} places instead of {len(chunks)}")
        return
    for chunk, place in zip(chunks, places, strict=True):
        names = _differing(
            text=place.text_hash != chunk.text_hash,
            headings=tuple(place.headings) != chunk.headings,
            lines=(place.first_line, place.last_line) != (chunk.first_line, chunk.last_line),
            passage=place.passage != passage_hash(head_of(content.title, chunk.headings), chunk.text),
        )
        if names:
            yield Finding(code="chunks_differ", path=path, detail=f"chunk {place.ordinal}: {names}")


def _link_findings(path: bytes, links: tuple[Link, ...], stored: list[StoredLink]) -> Iterator[Finding]:
    wanted = [(number, link.kind.value, link.target, link.line) for number, link in enumerate(links)]
    if wanted != [tuple(link) for link in stored]:
        yield Finding(code="links_differ", path=path, detail=f"{len(stored)} stored, {len(wanted)} derived")


def _differing(**fields: bool) -> str:
    return ", ".join(name for name, differs in fields.items() if differs)
