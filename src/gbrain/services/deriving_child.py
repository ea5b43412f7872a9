"""The program of a deriving process: batches in on standard input, pages out on standard output, till input ends.

What is to be written goes over the pipe as rows of COPY. What is to be compared goes as plain tuples: named ones are
pickled and made again several times slower, and there are hundreds of thousands of them.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import Any

from gbrain.children.answering import answer_all
from gbrain.domain.content import Chunk, Derived, Link, LinkKind, PageContent, PageKind, Reason, Refused
from gbrain.store.encoded import EncodedPage, encode_page

Item = tuple[bytes, bytes]
"""A path and the blob that stands there."""

_KINDS = {kind.value: kind for kind in LinkKind}


def derive_all(items: Sequence[Item]) -> list[Derived]:
    """What each blob holds, in order, here and now."""
    from gbrain.chunking.derive import derive

    return [derive(path, blob) for path, blob in items]


def encode_all(items: Sequence[Item], page_ids: Sequence[int]) -> list[EncodedPage | Refused]:
    """The same as rows of the pages with these ids."""
    pairs = zip(page_ids, derive_all(items), strict=True)
    return [one if isinstance(one, Refused) else encode_page(page_id, one) for page_id, one in pairs]


def packed(derived: Sequence[Derived]) -> bytes:
    """Pages as bytes for the other process."""
    return pickle.dumps([_plain(one) for one in derived], protocol=5)


def unpacked(data: bytes) -> list[Derived]:
    """The pages that were packed."""
    return [_named(one) for one in pickle.loads(data)]  # noqa: S301 - from our own child


def main() -> None:
    """Answer until the parent is done."""
    answer_all(answered)


def answered(question: bytes) -> bytes:
    """A batch's pages, packed; as rows where the question says which pages' they are."""
    items, page_ids = pickle.loads(question)  # noqa: S301 - from our parent
    if page_ids is None:
        return packed(derive_all(items))
    return pickle.dumps(encode_all(items, page_ids), protocol=5)


def _plain(derived: Derived) -> tuple[Any, ...]:
    match derived:
        case Refused(reason, detail):
            return reason.value, detail
        case PageContent():
            chunks = [tuple(chunk) for chunk in derived.chunks]
            links = [(link.kind.value, link.target, link.line) for link in derived.links]
            return derived.kind.value, derived.title, derived.front_matter, derived.body_line, chunks, links


def _named(plain: tuple[Any, ...]) -> Derived:
    if len(plain) == 2:
        return Refused(Reason(plain[0]), plain[1])
    kind, title, front_matter, body_line, chunks, links = plain
    return PageContent(
        kind=PageKind(kind),
        title=title,
        front_matter=front_matter,
        body_line=body_line,
        chunks=tuple(tuple.__new__(Chunk, chunk) for chunk in chunks),
        links=tuple(tuple.__new__(Link, (_KINDS[kind], target, line)) for kind, target, line in links),
    )


if __name__ == "__main__":
    main()
