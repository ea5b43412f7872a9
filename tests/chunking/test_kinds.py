import pytest

from gbrain.chunking.kinds import kind_of
from gbrain.domain.content import PageKind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"a.md", PageKind.MARKDOWN),
        (b"docs/B.MDX", PageKind.MARKDOWN),
        (b"a.markdown", PageKind.MARKDOWN),
        (b"notes.txt", PageKind.TEXT),
        (b"a.rst", PageKind.TEXT),
        (b"a.org", PageKind.TEXT),
        (b"a.AdOc", PageKind.TEXT),
        (b"src/main.rs", PageKind.CODE),
        (b"a.py", PageKind.CODE),
        (b"a.b.md", PageKind.MARKDOWN),
        (b"\xff\xfe.md", PageKind.MARKDOWN),
    ],
)
def test_the_extension_decides_whatever_its_case(path: bytes, kind: PageKind) -> None:
    assert kind_of(path) is kind


@pytest.mark.parametrize("path", [b"", b"README", b".md", b"folder.md/LICENSE", b"a.png", b"a.md/", b"a.", b"a.mdd"])
def test_other_names_are_not_taken_in(path: bytes) -> None:
    assert kind_of(path) is None
