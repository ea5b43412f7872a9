"""Which page a link means: a rule over what was written and the pages there are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.linking import Directory, Place, wanted, words_of

PAGES = {
    b"README.md": "Home",
    b"docs/README.md": "Documents",
    b"docs/guide.md": "The guide",
    b"docs/Plan B.md": "Plan",
    b"docs/deep/guide.md": "Deep guide",
    b"other/guide.md": "Other guide",
    b"other/index.md": "Others",
    b"\xc3\x9cber.md": "Ueber uns",
    b"notes/v1.2.md": "Version",
    b"src/tool.py": "tool",
    b"a#b.md": "Sharp",
}


def places(pages: dict[bytes, str]) -> list[Place]:
    return [
        Place(page_id=number, path=path, slug=str(number), kind="markdown", title=title)
        for number, (path, title) in enumerate(pages.items())
    ]


def found(kind: str, target: str, path: bytes) -> bytes | None:
    what = wanted(kind, target, path)
    place = Directory(places(PAGES)).find(what, path) if what is not None else None
    return place.path if place is not None else None


@pytest.mark.parametrize(
    ("target", "path", "meant"),
    [
        ("docs/guide.md", b"README.md", b"docs/guide.md"),
        ("./docs/guide.md#start", b"README.md", b"docs/guide.md"),
        ("docs/guide.md?plain=1", b"README.md", b"docs/guide.md"),
        (" docs/guide ", b"README.md", b"docs/guide.md"),
        ("guide.md", b"docs/Plan B.md", b"docs/guide.md"),
        ("guide.html", b"docs/Plan B.md", b"docs/guide.md"),
        ("../README.md", b"docs/guide.md", b"README.md"),
        ("..", b"docs/guide.md", b"README.md"),
        (".", b"docs/guide.md", b"docs/README.md"),
        ("../other/", b"docs/guide.md", b"other/index.md"),
        ("../other", b"docs/guide.md", b"other/index.md"),
        ("/docs/guide.md", b"other/index.md", b"docs/guide.md"),
        ("Plan%20B.md", b"docs/guide.md", b"docs/Plan B.md"),
        ("Plan B.md", b"docs/guide.md", b"docs/Plan B.md"),
        ("%C3%9Cber.md", b"README.md", b"\xc3\x9cber.md"),
        ("a%23b.md", b"README.md", b"a#b.md"),
        ("src/tool.py", b"README.md", b"src/tool.py"),
        ("src/tool", b"README.md", None),
        ("../../README.md", b"docs/guide.md", None),
        ("../docs/guide.md", b"README.md", None),
        ("Guide.md", b"docs/Plan B.md", None),
        ("guide.md/", b"docs/Plan B.md", None),
        ("https://example.org/docs/guide.md", b"README.md", None),
        ("//example.org/docs/guide.md", b"README.md", None),
        ("mailto:a@example.org", b"README.md", None),
        ("javascript:docs/guide.md", b"README.md", None),
        ("#start", b"docs/guide.md", None),
        ("", b"docs/guide.md", None),
        ("?x", b"docs/guide.md", None),
    ],
)
def test_a_reference_means_the_file_at_its_path(target: str, path: bytes, meant: bytes | None) -> None:
    assert found("link", target, path) == meant
    assert found("image", target, path) == meant


@pytest.mark.parametrize(
    ("target", "path", "meant"),
    [
        ("guide", b"docs/Plan B.md", b"docs/guide.md"),
        ("guide", b"other/index.md", b"other/guide.md"),
        ("GUIDE#Start", b"docs/Plan B.md", b"docs/guide.md"),
        ("guide", b"README.md", b"docs/guide.md"),
        ("deep/guide", b"README.md", b"docs/deep/guide.md"),
        ("eep/guide", b"README.md", None),
        ("docs/deep/guide.md", b"other/index.md", b"docs/deep/guide.md"),
        ("plan b", b"README.md", b"docs/Plan B.md"),
        ("the guide", b"README.md", b"docs/guide.md"),
        ("\u00fcBER", b"docs/guide.md", b"\xc3\x9cber.md"),
        ("v1.2", b"README.md", b"notes/v1.2.md"),
        ("tool.py", b"README.md", b"src/tool.py"),
        ("#Start", b"docs/guide.md", None),
        ("^block", b"docs/guide.md", None),
        ("https://example.org", b"README.md", None),
        ("nowhere", b"README.md", None),
    ],
)
def test_a_wikilink_means_a_page_by_path_name_or_title(target: str, path: bytes, meant: bytes | None) -> None:
    assert found("wikilink", target, path) == meant
    assert found("embed", target, path) == meant


@given(st.sampled_from(sorted(PAGES)), st.sampled_from(sorted(PAGES)), st.booleans())
def test_a_link_that_means_a_page_holds_one_of_its_words(one: bytes, other: bytes, by_name: bool) -> None:
    """Which is how those that may mean it are looked for."""
    for target in (other.decode(), "/" + other.decode(), PAGES[other], other.rpartition(b"/")[2].decode()):
        path = found("wikilink" if by_name else "link", target, one)
        if path is not None:
            place = next(place for place in places(PAGES) if place.path == path)
            words, of_folder = words_of(place)
            assert any(word in target.casefold() for word in words) or (of_folder and not target.strip("./"))


@given(st.text(max_size=40), st.sampled_from(["link", "image", "wikilink", "embed"]))
def test_whatever_is_written_means_a_page_or_none(target: str, kind: str) -> None:
    assert found(kind, target, b"docs/guide.md") in {*PAGES, None}
