import pytest

from gbrain.chunking.markdown import MAX_TITLE, MarkdownReader
from gbrain.chunking.outline import BlockKind
from gbrain.domain.content import Link, LinkKind

PLAIN = "A code and more gone link alt text html & *"


def headings(body: str) -> list[tuple[int, str]]:
    """Level and text of every heading, those inside other blocks included."""
    reader = MarkdownReader(body.encode(), first_line=1, whole_bytes=0)
    return [(block.level, block.title) for block in reader.blocks() if block.level]


def links(body: str, *, first_line: int = 1) -> list[Link]:
    """The links of a body, which blocks are left out making no difference."""
    found = []
    for whole_bytes in (0, 10_000_000):
        reader = MarkdownReader(body.encode(), first_line=first_line, whole_bytes=whole_bytes)
        list(reader.blocks())
        found.append(reader.links)
    assert found[0] == found[1]
    return found[0]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("# One\n\n###### Six ######\n", [(1, "One"), (6, "Six")]),
        ("One\n===\n\nTwo\nlines\n---\n", [(1, "One"), (2, "Two lines")]),
        ("# A `code`  *and* **more** ~~gone~~ [link](x) ![alt *text*](y) <b>html</b> &amp; \\*", [(1, PLAIN)]),
        ("#no\n\n####### no\n\n\\# no\n", []),
        ("```\n# no\n```\n\n~~~md\nno\n===\n~~~\n\n    # no\n", []),
        ("<!--\n# no\n-->\n\n<pre>\n# no\n</pre>\n", []),
        ("> # quoted\n\n- # listed\n", [(1, "quoted"), (1, "listed")]),
        ("#\n", [(1, "")]),
        ("# [[target|label]] ![[embed]]\n", [(1, "label embed")]),
        ("a\r# one\rb\r\n## two\r\n", [(1, "one"), (2, "two")]),
    ],
)
def test_headings_are_those_of_commonmark(body: str, found: list[tuple[int, str]]) -> None:
    assert headings(body) == found


def test_a_heading_of_great_length_is_kept_in_part() -> None:
    assert headings("# " + "x" * 10_000) == [(1, "x" * MAX_TITLE)]


def test_only_headings_of_the_page_itself_open_sections() -> None:
    body = b"# page\n\n> # quoted\n\n- # listed\n\n[^1]: # noted\n\n# page again\n"
    blocks = list(MarkdownReader(body, first_line=1, whole_bytes=0).blocks())
    assert [block.title for block in blocks if block.kind is BlockKind.HEADING] == ["page", "page again"]
    assert [block.title for block in blocks if block.kind is BlockKind.INNER_HEADING] == ["quoted", "listed", "noted"]


@pytest.mark.parametrize(
    ("body", "kind", "target"),
    [
        ("[a](b.md 'title')", LinkKind.LINK, "b.md"),
        ("[a](<b c.md#d>)", LinkKind.LINK, "b c.md#d"),
        ("[a][r]\n\n[r]: /ref", LinkKind.LINK, "/ref"),
        ("[r][]\n\n[R]: /ref", LinkKind.LINK, "/ref"),
        ("[r]\n\n[r]: /ref", LinkKind.LINK, "/ref"),
        ("<https://a.b/c>", LinkKind.LINK, "https://a.b/c"),
        ("<me@a.b>", LinkKind.LINK, "mailto:me@a.b"),
        ("![a](b.png)", LinkKind.IMAGE, "b.png"),
        ("![a][r]\n\n[r]: /i.png", LinkKind.IMAGE, "/i.png"),
        ("[[Some Page]]", LinkKind.WIKILINK, "Some Page"),
        ("[[page#part|label]]", LinkKind.WIKILINK, "page#part"),
        ("![[picture.png]]", LinkKind.EMBED, "picture.png"),
        ("# [a](b)", LinkKind.LINK, "b"),
        ("- [a](b)", LinkKind.LINK, "b"),
        ("> a\n> > | x |\n> > |---|\n> > | **[a](b)** |", LinkKind.LINK, "b"),
    ],
)
def test_a_link_is_found_in_every_form(body: str, kind: LinkKind, target: str) -> None:
    assert [(link.kind, link.target) for link in links(body)] == [(kind, target)]


@pytest.mark.parametrize(
    "body",
    [
        "`[a](b)`",
        "```\n[a](b) [[c]]\n```",
        "    [a](b)",
        "<!-- [a](b) -->",
        "[a]",
        "[r]: /unused",
        "\\[a](b)",
        "[^1]\n\n[^1]: x",
    ],
)
def test_code_comments_and_brackets_alone_are_no_links(body: str) -> None:
    assert links(body) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_link_has_the_line_of_the_file_it_starts_on(end: str) -> None:
    body = end.join(["# é [a](1)", "", "text [b", "c](2) [d](3)", "", "- x", "- [![e](4)](5)", ""])
    assert [(link.target, link.line) for link in links(body, first_line=10)] == [
        ("1", 10),
        ("2", 12),
        ("3", 13),
        ("5", 16),
        ("4", 16),
    ]


def test_fifty_thousand_links_have_their_lines() -> None:
    found = links("[a](b)\n" * 50_000)
    assert [link.line for link in found] == list(range(1, 50_001))


def test_definitions_after_a_list_do_not_make_it_longer() -> None:
    items = "".join(f"- [item {n}]\n" for n in range(10))
    definitions = "\n" + "".join(f"[item {n % 8}]: http://x.y/{n}\n" for n in range(30))
    body = f"{items}{definitions}\nend\n".encode()
    blocks = list(MarkdownReader(body, first_line=1, whole_bytes=len(items)).blocks())
    assert [(block.kind, block.end - block.start) for block in blocks] == [
        (BlockKind.LEAF, len(items) - 1),
        (BlockKind.LEAF, 3),
    ]
    opened = list(MarkdownReader(body, first_line=1, whole_bytes=len(items) - 2).blocks())
    assert [block.kind for block in opened] == [BlockKind.CONTAINER, *[BlockKind.LEAF] * 11]
