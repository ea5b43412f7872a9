"""Contents on which careless readers take quadratic time: twice as much of them makes twice the work, not four times.

Work is counted in calls and memory in what Python allocates: no clock decides. What the parsers do inside themselves
is bounded by counts before they see a page, which is tested too.
"""

from __future__ import annotations

from collections.abc import Callable

import pyromark
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.chunking.derive import MAX_HEADING_CHARACTERS, derive
from gbrain.chunking.markdown import _OPTIONS
from gbrain.chunking.nesting import MAX_STEPS, _levels, steps
from gbrain.domain.content import PageContent, Reason, Refused
from support.measured import calls, peak_bytes

SIZE = 12_000
"""Bytes: enough that what is the same for every page does not show."""


def _over_and_over(text: str) -> Callable[[int], bytes]:
    return lambda size: text.encode() * (size // len(text.encode()))


def _before(head: str, text: str, tail: str = "") -> Callable[[int], bytes]:
    return lambda size: head.encode() + _over_and_over(text)(size) + tail.encode()


def _halves(one: str, between: str, other: str) -> Callable[[int], bytes]:
    return lambda size: _over_and_over(one)(size // 2) + between.encode() + _over_and_over(other)(size // 2)


def _numbered(text: str) -> Callable[[int], bytes]:
    return lambda size: b"".join(text.format(number).encode() for number in range(size // (len(text) + 2)))


MARKDOWN = {
    "one line": _over_and_over("x"),
    "headings": _over_and_over("# a\n"),
    "headings under each other": _over_and_over("# a\n## b\n### c\n"),
    "underlined headings": _over_and_over("a\n=\n"),
    "one heading underlined": _before("", "a\n", "===\n"),
    "links in a heading": _before("# ", "[a](b)"),
    "quotes in one line": _over_and_over(">"),
    "lists in one line": _over_and_over("+ "),
    "numbered lists in one line": _over_and_over("1. "),
    "quotes and lists in one line": _over_and_over("> - "),
    "lines in a deep quote": _before("> " * 100, "a\n"),
    "empty quotes in a quote": _over_and_over("> >\n>\n"),
    "empty lists in a quote": _over_and_over("> -\n>\n"),
    "quotes that end one by one": _over_and_over("> > > >\n> > >\n> >\n>\n"),
    "bare markers": _before("> - a\n", ">\n"),
    "items": _over_and_over("- a\n"),
    "lists and definitions": _numbered("- a\n\n[{}]: x\n\nb\n\n"),
    "a deep list and a definition": _before("", "- ", "a\n\n[a]: b\n"),
    "definitions": _numbered("[{}]: x\n"),
    "a long target used often": lambda size: b"[x]: " + b"u" * 1_000 + b"\n\n" + b"[x]\n\n" * (size // 5),
    "open brackets": _over_and_over("["),
    "open images": _over_and_over("!["),
    "brackets in brackets": _halves("[", "a", "](b)"),
    "open links": _over_and_over("[a]("),
    "open wikilinks": _over_and_over("[[a|"),
    "wikilinks": _over_and_over("[[a]] "),
    "footnotes": _numbered("[^{}]: x\n"),
    "open code": lambda size: b" ".join(b"`" * number for number in range(1, int((2 * size) ** 0.5))),
    "emphasis": _over_and_over("*a_ **b "),
    "stars": _over_and_over("a**b"),
    "an open fence": _before("```\n", "a\n"),
    "fences": _over_and_over("```\n"),
    "a wide table": lambda size: b"\n".join(b"|" + cell * (size // 6) for cell in (b"a|", b"-|", b"b|")),
    "a table of short rows": _before("|" + "a|" * 10 + "\n|" + "-|" * 10 + "\n", "b|\n"),
    "tables": _over_and_over("a|b\n-|-\n\n"),
    "open comments": _over_and_over("a <!--"),
    "open tags": _over_and_over('<a b="'),
    "processing instructions": _over_and_over("a <?"),
    "entities": _over_and_over("&amp;&#1"),
    "paragraphs": _over_and_over("a\n\n"),
    "open front matter": _before("---\n", "a: b\n"),
    "front matter that is a list": _before("---\n", "- a\n", "---\n"),
    "front matter of one text": _before('---\na: "', "\\n", '"\n---\n'),
    "front matter of many keys": lambda size: b"---\n" + _numbered("k{}: v\n")(size) + b"---\n",
    "front matter of deep lists": _before("---\na: ", "[", "\n---\n"),
}
ANY_KIND = {
    "blank lines": _over_and_over("\n"),
    "returns": _over_and_over("\r"),
    "returns and feeds": _over_and_over("\r\n"),
    "spaces": _over_and_over(" "),
    "blank lines of spaces": _over_and_over("\n" + " " * 400 + "\na"),
    "lines that end in a return": _over_and_over("a\r"),
    "emoji": _over_and_over("\U0001f600"),
    "joined emoji": _over_and_over("\U0001f600\N{ZERO WIDTH JOINER}"),
    "marks": _over_and_over("\N{COMBINING ACUTE ACCENT}"),
    "ideographs": _over_and_over("\u6f22"),
    "right to left": _over_and_over("\N{RIGHT-TO-LEFT OVERRIDE}\N{ARABIC LETTER ALEF} "),
    "byte order marks": _over_and_over("\N{ZERO WIDTH NO-BREAK SPACE}"),
    "quotation marks after a stop": _before(".", '"'),
    "rows": _numbered("{},name,x\n"),
    "JSON": _over_and_over('{"a":[1,2]},'),
    "functions": _numbered("def f{}():\n    pass\n\n"),
    "indented lines apart": _over_and_over("    x\n\n"),
}
CASES = [("a.md", name, make) for name, make in (MARKDOWN | ANY_KIND).items()]
CASES += [(path, name, make) for path in ("a.txt", "a.json") for name, make in ANY_KIND.items()]


@pytest.mark.parametrize(("path", "make"), [pytest.param(p, make, id=f"{name}, {p}") for p, name, make in CASES])
def test_twice_as_much_is_twice_the_work_in_bounded_memory(path: str, make: Callable[[int], bytes]) -> None:
    small, large = make(SIZE), make(2 * SIZE)
    derive(path.encode(), small)
    assert calls(lambda: derive(path.encode(), large)) <= 2.3 * calls(lambda: derive(path.encode(), small)) + 500
    assert peak_bytes(lambda: derive(path.encode(), large)) <= 40 * len(large) + 200_000


@pytest.mark.parametrize("lead", ["> " * 60_000, "- " * 60_000, "1. " * 40_000, "> [^a]: " * 15_000, "-\t" * 30_000])
def test_a_page_whose_every_line_would_be_looked_at_for_each_of_many_levels_is_too_large(lead: str) -> None:
    deep = (lead + "a\n" + "b\n" * 50_000).encode()
    refused = derive(b"a.md", deep)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.TOO_LARGE
    assert "levels" in refused.detail
    assert isinstance(derive(b"a.txt", deep), PageContent)


def test_long_lines_and_many_lines_alone_are_not_too_deep() -> None:
    assert steps(b"-" * 100_000 + b"\n" * 1_000_000) == 0
    assert steps(b"a" * 4_900_000) == 0
    assert steps(b"\n" * 5_000_000) == 0
    assert steps(b"> " * 100 + b"a\n" * 2_000_000) <= MAX_STEPS


_LEADS = st.lists(
    st.sampled_from([*"> ", "> ", "- ", "-\t", "+ ", "1. ", "2)\t", "\t", "    ", "[^a]: ", "\n", "\n", "\r", "a"]),
    max_size=40,
)


@given(_LEADS)
def test_no_line_opens_more_levels_than_are_counted(leads: list[str]) -> None:
    body = "".join(leads)
    counted = [_levels(body.encode(), start) for start in range(len(body)) if start == 0 or body[start - 1] in "\r\n"]
    assert _depth(body) <= 1 + max(counted, default=0)


def test_headings_counted_with_each_chunk_under_them_are_bounded() -> None:
    head = "".join("#" * level + " " + "h" * 400 + "\n" for level in range(1, 6))
    chunks = MAX_HEADING_CHARACTERS // 2_001
    within, beyond = (head + "###### a\n\nb\n\n" * count for count in (chunks - 1, chunks + 1))
    assert isinstance(derive(b"a.md", within.encode()), PageContent)
    refused = derive(b"a.md", beyond.encode())
    assert isinstance(refused, Refused)
    assert (refused.reason, "headings" in refused.detail) == (Reason.TOO_LARGE, True)


def _depth(body: str) -> int:
    """How many lists' items, quotes and footnotes stand in each other, by the parser."""
    depth = deepest = 0
    for event, _ in pyromark.events_with_range(body, options=_OPTIONS):
        if "Start" in event and _name(event["Start"]) in _CONTAINERS:
            depth += 1
            deepest = max(deepest, depth)
        elif "End" in event and _name(event["End"]) in _CONTAINERS:
            depth -= 1
    return deepest


_CONTAINERS = frozenset({"Item", "BlockQuote", "FootnoteDefinition"})


def _name(tag: object) -> str:
    return tag if isinstance(tag, str) else next(iter(tag))  # type: ignore[call-overload]
