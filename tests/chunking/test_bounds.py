"""Pages that would be more rows than one transaction should write."""

from __future__ import annotations

from gbrain.chunking.derive import MAX_CHUNKS, MAX_LINKS, derive
from gbrain.domain.content import PageContent, Reason, Refused


def test_a_page_of_more_chunks_than_the_limit_is_too_large_and_one_at_it_is_not() -> None:
    section = b"# a\n\nb\n\n"
    too_many = derive(b"a.md", section * (MAX_CHUNKS + 1))
    assert isinstance(too_many, Refused)
    assert too_many.reason is Reason.TOO_LARGE
    assert isinstance(derive(b"a.md", section * MAX_CHUNKS), PageContent)


def test_a_page_of_more_links_than_the_limit_is_too_large() -> None:
    too_many = derive(b"a.md", b"[a](b)\n" * (MAX_LINKS + 1))
    assert isinstance(too_many, Refused)
    assert too_many.reason is Reason.TOO_LARGE
