import hashlib
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chunking import reference
from gbrain.chunking.derive import UNNAMED, derive
from gbrain.chunking.packing import LIMIT_BYTES, MAX_BLANK_BYTES
from gbrain.chunking.tiling import MAX_LEAD_BYTES
from gbrain.domain.content import Chunk, PageContent, PageKind, Reason, Refused
from support.torture import examples

BOUND = 2 * (LIMIT_BYTES + MAX_LEAD_BYTES + MAX_BLANK_BYTES)


def page(blob: str | bytes, path: bytes = b"page.md") -> PageContent:
    derived = derive(path, blob if isinstance(blob, bytes) else blob.encode())
    assert isinstance(derived, PageContent), derived
    return derived


def texts(blob: str, path: bytes = b"page.md") -> list[str]:
    return [chunk.text for chunk in page(blob, path).chunks]


def words(size: int, word: str = "word") -> str:
    """A paragraph of one line, of `size` bytes."""
    return (f"{word} " * size)[: size - 1] + "."


def boundaries(chunks: tuple[Chunk, ...]) -> list[int]:
    """Where chunks begin in the body, the first apart."""
    ends = []
    at = 0
    for chunk in chunks[:-1]:
        at += len(chunk.text.encode())
        ends.append(at)
    return ends


def line_count(text: str) -> int:
    return len(re.findall("\r\n|\n|\r", text))


def check(blob: str, path: bytes) -> None:
    """What holds of every page."""
    content = page(blob, path)
    body = "".join(chunk.text for chunk in content.chunks)
    assert blob.endswith(body)
    head = blob[: len(blob) - len(body)]
    assert content.body_line == 1 + line_count(head)
    assert (head == "") == (content.front_matter is None)
    line = content.body_line
    for chunk in content.chunks:
        assert 0 < len(chunk.text.encode()) <= BOUND
        assert chunk.text_hash == hashlib.sha256(chunk.text.encode()).digest()
        text = chunk.text.strip(" \t\r\n")
        before = chunk.text[: chunk.text.index(text)] if text else ""
        assert chunk.first_line == line + line_count(before)
        assert chunk.last_line == chunk.first_line + line_count(text)
        line += line_count(chunk.text)
    assert derive(path, blob.encode()) == content


sizes = st.sampled_from([3, 40, 400, 950, 1_900, 1_999, 2_000, 2_001, 2_300, 6_000])
paragraph = sizes.map(words)
headings = st.builds(
    lambda level, size: f"{'#' * level} {words(size)}", st.integers(1, 6), st.sampled_from([4, 30, 900])
)
setext = st.builds(
    lambda size, line: f"{words(size)}\n{line}", st.sampled_from([4, 30]), st.sampled_from(["===", "---"])
)
fence = st.lists(st.sampled_from([10, 300, 1_950]).map(words), max_size=5).map(
    lambda lines: "\n".join(["```", *lines, "```"])
)
table = st.lists(st.sampled_from([10, 300, 1_950]).map(words), min_size=1, max_size=8).map(
    lambda cells: "\n".join(["| head | er |", "|---|---|", *(f"| {cell} | x |" for cell in cells)])
)
odd = st.sampled_from(
    [
        "***",
        "<!-- a\n\n# no\n-->",
        "[a]: http://b",
        "[a]: b\n[c]: d",
        "<div>\n*x*\n</div>",
        "    code\n\n    code",
        "[^1]: note",
    ]
)
leaf = paragraph | headings | setext | fence | table | odd


def indent(text: str, first: str) -> str:
    return first + text.replace("\n", "\n" + " " * len(first))


def quote(blocks: list[str]) -> str:
    return "\n".join(f"> {line}" for line in "\n\n".join(blocks).split("\n"))


def item_list(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    item = st.lists(inner, min_size=1, max_size=3).map("\n\n".join)
    marker = st.sampled_from(["- ", "1. ", "* "])
    between = st.sampled_from(["\n", "\n\n"])
    return st.builds(
        lambda items, mark, gap: gap.join(indent(one, mark) for one in items),
        st.lists(item, min_size=1, max_size=5),
        marker,
        between,
    )


blocks = st.recursive(
    leaf, lambda inner: item_list(inner) | st.lists(inner, min_size=1, max_size=3).map(quote), max_leaves=8
)
gaps = st.sampled_from(["\n\n", "\n\n", "\n\n\n\n", "\n", "\n \t\n", "\n" * 150, "\n" * 4_500])
documents = st.lists(st.tuples(blocks, gaps), max_size=12).map(lambda parts: "".join(b + g for b, g in parts))
paragraphs_apart = st.lists(blocks, max_size=12).map("\n\n".join)
"""Without lines that lazily continue a quote, about which the parsers do not agree."""


@settings(max_examples=examples(150), deadline=None)
@given(documents, st.sampled_from(["", "---\ntitle: T\n---\n", "---\n---\n\n"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_generated_pages_keep_every_rule(document: str, head: str, end: str) -> None:
    blob = (head + document).replace("\n", end)
    for path in (b"a.md", b"a.txt", b"a.py"):
        if path == b"a.md":
            check(blob, path)
        else:
            check(document.replace("\n", end), path)


@settings(max_examples=examples(200), deadline=None)
@given(paragraphs_apart)
def test_no_block_within_the_limit_is_cut_as_another_parser_sees_blocks(document: str) -> None:
    chunks = page(document).chunks
    for inside in reference.read(document.encode()).cut_blocks(boundaries(chunks)).values():
        assert all(block.end - block.start > LIMIT_BYTES for block in inside), inside


@settings(max_examples=examples(200), deadline=None)
@given(paragraphs_apart)
def test_a_heading_begins_a_chunk_or_follows_headings_and_never_ends_one(document: str) -> None:
    body = document.encode()
    chunks = page(document).chunks
    read = reference.read(body)
    starts = [0, *boundaries(chunks), len(body)]
    found = [block for block in read.blocks if block.type == "heading_open"]
    outer = [
        block for block in read.blocks if block.type in ("bullet_list_open", "ordered_list_open", "blockquote_open")
    ]
    for heading in found:
        if any(block.start <= heading.start < block.end for block in outer):
            continue
        start = max(at for at in starts if at <= heading.start)
        end = min(at for at in starts if at > heading.start)
        before = body[start : heading.start]
        for other in found:
            if start <= other.start < heading.start:
                before = before.replace(body[other.start : other.end], b"", 1)
        assert not before.strip(b"> \t\r\n"), before
        after = body[heading.end : end].strip()
        follows = re.match(rb"\s{100,}|\s*\Z", body[heading.end :])
        assert after or follows or end - start > LIMIT_BYTES - 1_000


@settings(max_examples=examples(300), deadline=None)
@given(
    st.binary(max_size=60) | st.text(max_size=60).map(str.encode),
    st.binary(max_size=12),
    st.sampled_from([b"", b".md", b".py"]),
)
def test_any_bytes_at_any_path_end_as_a_page_or_a_reason(blob: bytes, path: bytes, extension: bytes) -> None:
    for some in (blob, b"---\n" + blob + b"\n---\n" + blob, b"word " * 2_000 + blob):
        derived = derive(path + extension, some)
        assert isinstance(derived, PageContent | Refused)
        assert derived == derive(path + extension, some)
        if isinstance(derived, PageContent):
            strings = [
                derived.title,
                *(chunk.text for chunk in derived.chunks),
                *(link.target for link in derived.links),
            ]
            assert not any("\0" in text for text in strings)
            "".join(strings).encode()


words_and_marks = "# > - 1. ` ``` | |-| a é * _ [ ] ( ) ![[ [[ ]] [^1] [a]: < <!-- --> <div> === --- \\ &#0;"
marks = st.sampled_from(
    [*words_and_marks.split(), " ", "\n", "\n\n", "\r", "\t", "    ", "[^1]: ", "x" * 900, "y " * 900]
)


@settings(max_examples=examples(300), deadline=None)
@given(st.lists(marks, max_size=60).map("".join))
def test_any_marks_end_as_a_page_that_keeps_the_rules(document: str) -> None:
    if not document.startswith("---"):
        check(document, b"a.md")
    assert isinstance(derive(b"a.md", document.encode()), PageContent | Refused)


def test_an_empty_body_has_no_chunk_and_a_blank_one_has_one() -> None:
    assert page("").chunks == ()
    assert page("---\na: 1\n---\n").chunks == ()
    assert texts(" \n\t\n") == [" \n\t\n"]
    assert (page("\n\n").chunks[0].first_line, page("\n\n").chunks[0].last_line) == (1, 1)


def test_neighbouring_blocks_share_a_chunk_up_to_the_limit() -> None:
    one, two, three = words(900), words(900), words(900)
    assert texts(f"{one}\n\n{two}\n\n{three}\n") == [f"{one}\n\n{two}\n\n", f"{three}\n"]


def test_a_heading_begins_a_chunk_and_headings_gather() -> None:
    assert texts("intro\n\n# A\n\n## B\n\ntext\n\n## C\n\ntext\n") == [
        "intro\n\n",
        "# A\n\n## B\n\ntext\n\n",
        "## C\n\ntext\n",
    ]


def test_the_path_of_a_chunk_is_what_is_in_force_at_its_first_text() -> None:
    content = page("intro\n\n# A\n\ntext\n\n## B\n\n#\n\n## C\n\n### D\n\ntext\n\n# E\n\n## F\n")
    assert [chunk.headings for chunk in content.chunks] == [(), ("A",), ("C", "D"), ("E", "F")]


def test_a_heading_takes_the_block_after_it_beyond_the_limit() -> None:
    block = words(LIMIT_BYTES)
    assert texts(f"# {words(500)}\n\n{block}\n\nmore\n") == [f"# {words(500)}\n\n{block}\n\n", "more\n"]


def test_headings_alone_are_cut_apart_at_the_limit() -> None:
    line = f"# {words(900)}\n"
    assert texts(line * 3 + "text") == [line * 2, line + "text"]


def test_a_long_paragraph_after_a_heading_fills_the_chunk_of_the_heading() -> None:
    chunks = texts(f"# A\n\n{words(5_000)}\n")
    assert chunks[0].startswith("# A\n\nword")
    assert [len(chunk) > 1_900 for chunk in chunks] == [True, True, False]
    assert max(map(len, chunks)) <= LIMIT_BYTES


def test_a_list_over_the_limit_is_cut_between_items() -> None:
    items = [f"- {words(700)}\n" for _ in range(5)]
    assert texts("".join(items)) == ["".join(items[:2]), "".join(items[2:4]), items[4]]


def test_an_item_over_the_limit_is_cut_between_its_blocks() -> None:
    first, second, third = f"- {words(1_200)}\n\n", f"  {words(1_200)}\n\n", f"  - {words(1_200)}\n"
    assert texts(first + second + third) == [first, second, third]


def test_the_lines_of_a_tight_item_are_a_block() -> None:
    item = f"- {words(1_990)}\n"
    inner = "".join(f"  - {words(900)}\n" for _ in range(2))
    assert texts(item + inner) == [item, inner]


def test_a_table_over_the_limit_is_cut_between_rows() -> None:
    rows = [f"| {words(800)} | x |\n" for _ in range(4)]
    head = "| a | b |\n|---|---|\n"
    assert texts(head + "".join(rows)) == [head + "".join(rows[:2]), "".join(rows[2:])]


def test_a_fence_over_the_limit_is_cut_at_line_ends() -> None:
    line = "x" * 299 + "\n"
    assert texts(f"```\n{line * 10}```\n") == [f"```\n{line * 6}", f"{line * 4}```\n"]


def test_a_quote_over_the_limit_keeps_its_markers_with_its_lines() -> None:
    paragraphs = [f"> {words(1_500)}\n" for _ in range(2)]
    assert texts(">\n".join(paragraphs)) == [paragraphs[0] + ">\n", paragraphs[1]]


def test_definitions_and_rules_between_blocks_are_blocks() -> None:
    text = words(1_990)
    assert texts(f"{text}\n\n[a]: http://b.c\n\n***\n\n{text}") == [
        f"{text}\n\n",
        "[a]: http://b.c\n\n***\n\n",
        text,
    ]


def test_blank_lines_go_with_the_block_before_unless_there_are_too_many() -> None:
    text = words(LIMIT_BYTES)
    assert texts(text + "\n" * 90 + text) == [text + "\n" * 90, text]
    many = texts(text + "\n" * 5_000 + text)
    assert max(map(len, many)) <= LIMIT_BYTES
    assert len(many) == 5


def test_a_text_is_cut_between_paragraphs_and_has_no_headings() -> None:
    parts = [words(1_100) + "\n\n", "# " + words(1_100) + "\n \t\n", words(300)]
    content = page("".join(parts), b"a.txt")
    assert [chunk.text for chunk in content.chunks] == [parts[0], parts[1] + parts[2]]
    assert {chunk.headings for chunk in content.chunks} == {()}
    assert content.links == ()
    assert content.kind is PageKind.TEXT


def test_code_is_cut_before_lines_without_indentation_where_it_can_be() -> None:
    def function(name: str) -> str:
        body = "    a = 1\n" * 50 + "\n" + "    b = 2\n" * 40
        return f"def {name}():\n{body}\n\n"

    first, second, third = function("one"), function("two"), function("three")
    assert texts(first + second + third, b"a.py") == [first + second, third]


def test_a_stretch_of_code_over_the_limit_is_cut_at_its_blank_lines() -> None:
    inner = "    a = 1\n" * 90 + "\n"
    assert texts("def f():\n" + inner * 4, b"a.py") == ["def f():\n" + inner * 2, inner * 2]


def test_front_matter_in_a_text_or_a_program_is_text() -> None:
    blob = "---\na: 1\n---\nbody\n"
    assert (page(blob, b"a.txt").front_matter, page(blob, b"a.yaml").front_matter) == (None, None)
    assert texts(blob, b"a.txt") == [blob]


def test_lines_count_from_the_top_of_the_file() -> None:
    content = page("---\ntitle: T\n---\n\n# A\n\ntext\n\n\n\n# B\nlast")
    assert content.body_line == 4
    assert [(chunk.first_line, chunk.last_line) for chunk in content.chunks] == [(5, 7), (11, 12)]


@pytest.mark.parametrize(
    ("blob", "title"),
    [
        ("---\ntitle: ' From YAML '\n---\n# A\n", "From YAML"),
        ("---\ntitle: '  '\n---\n## B\n\n# A\n", "A"),
        ("---\ntitle: 12\n---\n# A\n", "A"),
        ("## B\n\n# A\n\n# C\n", "A"),
        ("#\n\n### B\n\n## C\n", "B"),
        ("> # quoted\n\ntext\n", "some.page"),
        ("text\n", "some.page"),
        ("# " + "x" * 600, "x" * 500),
        ("---\ntitle: " + "x" * 600 + "\n---\n", "x" * 500),
    ],
)
def test_the_title_is_the_best_the_page_offers(blob: str, title: str) -> None:
    assert page(blob, b"folder/some.page.md").title == title


@pytest.mark.parametrize(
    ("path", "title"),
    [
        (b"a/Read Me.txt", "Read Me"),
        (b"caf\xc3\xa9.txt", "café"),
        (b"caf\xe9.txt", "caf\ufffd"),
        (b".md", ".md"),
        (b"", UNNAMED),
        (b"a/", UNNAMED),
        (b"x" * 600 + b".txt", "x" * 500),
    ],
)
def test_a_page_without_a_title_is_named_by_its_file(path: bytes, title: str) -> None:
    assert page("words", path).title == title


def test_reasons_come_through() -> None:
    assert derive(b"a.md", b"\0\1\2") == Refused(Reason.BINARY, "1 of 3 bytes are not UTF-8 text")
    broken = derive(b"a.md", b"---\na: [\n---\n")
    assert isinstance(broken, Refused)
    assert broken.reason is Reason.FRONT_MATTER_BROKEN


HOSTILE = {
    "one line": "x" * 4_900_000,
    "words": "word " * 800_000,
    "short words": "a\u0301 " * 400_000,
    "quotes": "> " * 10_000 + "a\n",
    "lists": "- " * 10_000 + "a\n\n[a]: b\n",
    "deep lines": ("> " * 500 + "a\n") * 500,
    "stairs": "".join("  " * depth + "- a\n" for depth in range(700)),
    "paragraphs": "a\n\n" * 200_000,
    "sections": "# a\n\nb\n\n" * 20_000,
    "headings": "# a\n" * 100_000,
    "one heading": "# " + "a " * 500_000,
    "blank": " \n" * 500_000,
    "links": "[a](b) " * 50_000,
    "wikilinks": "[[a|b]] ![[c]]\n" * 50_000,
    "definitions": "- a\n\n" + "[a]: b\n" * 100_000,
    "brackets": "[" * 200_000 + "![[" * 100_000,
    "emphasis": "*a **b _c " * 50_000,
    "marks": "e" + "\u0301" * 500_000,
    "returns": "\r" * 500_000,
    "rows": "|a|b|\n|-|-|\n" + "|c|d|\n" * 50_000,
    "comment": "<!-- " + "# a\n" * 100_000,
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("path", [b"a.md", b"a.txt", b"a.py"])
def test_hostile_pages_end_as_pages(name: str, path: bytes) -> None:
    blob = HOSTILE[name]
    chunks = page(blob, path).chunks
    assert "".join(chunk.text for chunk in chunks) == blob
    assert max(len(chunk.text.encode()) for chunk in chunks) <= BOUND
    if name != "sections":
        assert len(chunks) <= 2 + len(blob.encode()) / (LIMIT_BYTES / 4)
