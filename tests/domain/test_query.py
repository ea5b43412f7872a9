"""Queries as people write them."""

from __future__ import annotations

import fnmatch
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gbrain.domain.filtering import Pattern
from gbrain.domain.query import parse
from gbrain.domain.query_values import Kind, Query, Term

_PARTS = [
    *("a", "Ü", "日", "-", '"', "“", ":", ",", " ", "\t", "\u3000", "\n", "\x00", "\x85", "\u2028", "\ud800", "\udce9"),
    *("source:", "type:", "TAG:", "path:", "before:", "after:", "unknown:", "\u017fource:", "#", "*", "/", "\\"),
    *("2024", "2024-05-01", "2024-02-30", "T10:00", "+02:00", "Z", "\u0301", "\u200d", "😀", "(", "OR"),
]
_queries = st.text() | st.lists(st.sampled_from(_PARTS), max_size=30).map("".join)
_paths = st.text("ab/*._%\\é-", min_size=1, max_size=8)


@given(_queries)
@example('before:"next week"')
@example('tag:"a,b",c "d\ne" -"f')
@example("--a - -\u2028")
@example('source:"",, -source:"')
def test_every_string_is_a_query_and_what_is_printed_of_it_is_the_same_one(text: str) -> None:
    query = parse(text)
    assert parse(str(query)) == query
    assert str(parse(str(query))) == str(query)


@given(_queries)
def test_whatever_was_written_can_be_sent_to_a_database_and_says_something(text: str) -> None:
    for term in parse(text).terms:
        assert term.values
        for value in term.values:
            assert value == value.strip() != ""
            assert not re.search(r'[\x00-\x1f\x7f-\x9f"]', value)
            value.encode()


@given(_queries)
def test_no_letter_that_was_written_is_lost_but_the_names_of_fields(text: str) -> None:
    said = "".join(value for term in parse(text).terms for value in term.values)
    names = "".join(term.kind for term in parse(text).terms if term.kind not in (Kind.WORD, Kind.PHRASE))
    assert sorted(_letters(said + names)) == sorted(_letters(text))


def _letters(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


@given(st.lists(st.builds(Term, kind=st.sampled_from([Kind.WORD, Kind.PHRASE]), values=st.just(("a",)))))
def test_terms_stand_in_the_order_in_which_they_were_written(terms: list[Term]) -> None:
    assert parse(str(Query(tuple(terms)))).terms == tuple(terms)


def test_words_and_phrases_are_wanted_or_with_a_minus_unwanted() -> None:
    query = parse('key "exact  words" -draft -"not these" well-known e-mail')
    assert query.wanted.words == ("key", "well-known", "e-mail")
    assert query.wanted.phrases == ("exact words",)
    assert query.unwanted.words == ("draft",)
    assert query.unwanted.phrases == ("not these",)


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        ('  "" -"" “ ', []),
        ("-", ["word -"]),
        ("- a", ["word -", "word a"]),
        ("--no-embed", ["word --no-embed"]),
        ("-->", ["word -->"]),
        ("->", ["not word >"]),
        ("-a-b", ["not word a-b"]),
        ('say "hello', ["word say", "phrase hello"]),
        ('a"b"c', ["word a", "phrase b", "word c"]),
        ("“quoted by a phone”", ["phrase quoted by a phone"]),
        ("a\x00b\u3000c", ["word a", "word b", "word c"]),
        ("caf\udce9", ["word caf\ufffd"]),
        ("http://x.org/a:b", ["word http://x.org/a:b"]),
        ("NOT a OR (b)", ["word NOT", "word a", "word OR", "word (b)"]),
        ('"source:wiki"', ["phrase source:wiki"]),
    ],
)
def test_what_is_no_field_is_words_and_phrases(text: str, terms: list[str]) -> None:
    assert _told(parse(text)) == terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("source:wiki", ["source wiki"]),
        ("SoUrCe:wiki", ["source wiki"]),
        ("-source:wiki,notes", ["not source wiki|notes"]),
        ("source:,wiki,,notes,", ["source wiki|notes"]),
        ('tag:"to do",x', ["tag to do|x"]),
        ('path:"a,b.md"', ["path a,b.md"]),
        ('path:docs/"my file"', ["path docs/", "phrase my file"]),
        ('tag:"open end', ["tag open end"]),
        ("tag:a:b", ["tag a:b"]),
        ("tag:--a", ["tag --a"]),
        ('before:"2024-05-01 10:00"', ["before 2024-05-01 10:00"]),
    ],
)
def test_a_field_takes_a_value_or_a_list(text: str, terms: list[str]) -> None:
    assert _told(parse(text)) == terms


@pytest.mark.parametrize(
    ("text", "terms", "unread"),
    [
        ("source:", ["word source:"], ["source:"]),
        ("type: string", ["word type:", "word string"], ["type:"]),
        ('tag:"" x', ["word tag:", "word x"], ["tag:"]),
        ("-source:,", ["not word source:,"], ["source:,"]),
        ("before:yesterday", ["word before:yesterday"], ["before:yesterday"]),
        ('after:"next week"', ["word after:", "phrase next week"], ["after:"]),
        ("after:2024-02-30", ["word after:2024-02-30"], ["after:2024-02-30"]),
        ("unknown:x", ["word unknown:x"], []),
        ("\u017fource:x", ["word \u017fource:x"], []),
        ('"before:yesterday"', ["phrase before:yesterday"], []),
    ],
)
def test_a_field_that_says_nothing_is_a_word_that_can_be_told_of(
    text: str, terms: list[str], unread: list[str]
) -> None:
    query = parse(text)
    assert _told(query) == terms
    assert list(query.unread) == unread


def _told(query: Query) -> list[str]:
    return [f"{'not ' if term.is_negative else ''}{term.kind} {'|'.join(term.values)}" for term in query.terms]


def test_of_sources_and_types_any_will_do_and_of_each_tag_and_path_one() -> None:
    query = parse("source:Wiki source:notes,wiki type:Code tag:#Draft,todo tag:x path:docs/ path:A.md,b.md")
    assert query.wanted.sources == ("wiki", "notes")
    assert query.wanted.types == ("code",)
    assert query.wanted.tags == (("draft", "todo"), ("x",))
    assert query.wanted.paths == (("docs/",), ("A.md", "b.md"))
    assert query.unwanted == parse("").wanted


def test_fields_can_be_unwanted() -> None:
    query = parse("-source:a -type:code -tag:x,y -path:old/")
    assert query.unwanted.sources == ("a",)
    assert query.unwanted.types == ("code",)
    assert query.unwanted.tags == (("x", "y"),)
    assert query.unwanted.paths == (("old/",),)
    assert query.wanted == parse("").wanted


@pytest.mark.parametrize(
    ("text", "after", "before"),
    [
        ("", None, None),
        ("after:2024-05-01", "2024-05-01T00:00", None),
        ("before:2024-05-01", None, "2024-05-01T00:00"),
        ("after:2024 before:2025", "2024-01-01T00:00", "2025-01-01T00:00"),
        ("after:2024-05-01 after:2024-04-01", "2024-05-01T00:00", None),
        ("before:2024-05-01 before:2024-04-01", None, "2024-04-01T00:00"),
        ("-before:2024-05-01", "2024-05-01T00:00", None),
        ("-after:2024-05-01 before:2024-06", None, "2024-05-01T00:00"),
        ("AFTER:2024-05-01T10:00+02:00", "2024-05-01T08:00", None),
    ],
)
def test_after_is_from_a_days_first_moment_on_and_before_ends_there(
    text: str, after: str | None, before: str | None
) -> None:
    query = parse(text)
    assert (query.after, query.before) == (_utc(after), _utc(before))


def _utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text is not None else None


def test_a_long_query_takes_no_longer_than_it_is_long() -> None:
    began = time.process_time()
    for part in ('before:"', 'source:"",', "source:,", "-", '"', 'tag:a"', " ", "\x00-", "after:x"):
        parse(part * (200_000 // len(part)))
    # Reading on from each place to the end would take minutes: this is no measure of speed.
    assert time.process_time() - began < 20


def test_the_reference_says_what_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "reference" / "query.md").read_text()
    lists, paths, rest = (page.split(heading)[1] for heading in ("A **list**", "## Paths", "## What is no operator"))
    equals = re.findall(
        r"^\| `([^`]+)`, `([^`]+)` \|", lists.partition("\n\n**")[0] + paths.partition("##")[0], re.MULTILINE
    )
    assert len(equals) == 3
    for one, other in equals:
        assert _asked(one) == _asked(other)
    moments = re.findall(r'`"?([0-9][^`"]*)"?`', page.split("## Moments")[1].partition("It stands")[0])
    assert len(moments) == 8
    assert [text for text in moments if parse(f'after:"{text}"').after is None] == []
    spans = re.findall("`([^`]+)`", "".join(re.findall(r"^\| (.*?) \|", rest.partition("## ")[0], re.MULTILINE)))
    assert len(spans) > 12
    fields = [term for span in spans for term in parse(span).terms if term.kind not in (Kind.WORD, Kind.PHRASE)]
    assert fields == []


def _asked(text: str) -> tuple[object, ...]:
    """What a query asks for, whether it says so in lists or in several terms; of paths what they are compared with."""
    query = parse(text)
    patterns = [Pattern.of(path) for paths in query.wanted.paths for path in paths]
    unwanted = [tag for tags in query.unwanted.tags for tag in tags]
    return query.wanted.sources, query.wanted.types, query.wanted.tags, patterns, unwanted


@pytest.mark.parametrize(
    ("path", "matched", "others"),
    [
        ("guide", ["guide.md", "docs/guide/x.md"], ["Guide.md"]),
        ("/docs", ["docs/x", "docs"], ["a/docs/x"]),
        ("*.py", ["a.py", "b/c.py"], ["a.pyc"]),
        ("/src/*.py", ["src/a.py", "src/b/c.py"], ["x/src/a.py"]),
        ("a_b%", ["a_b%"], ["aXb%", "a_bc"]),
        ("back\\slash", ["back\\slash"], ["backslash"]),
        ("caf\ufffd.md", ["caf\udce9.md", "cafe.md"], ["tea.md"]),
    ],
)
def test_a_path_holds_what_is_asked_for_or_is_what_the_stars_leave_open(
    path: str, matched: list[str], others: list[str]
) -> None:
    assert [one for one in [*matched, *others] if _like(path, one)] == matched


@given(_paths, _paths)
def test_a_pattern_matches_as_the_shell_would_without_regard_to_folders(path: str, other: str) -> None:
    text = path.removeprefix("/")
    glob = text if "*" in path else f"{text}*" if path != text else f"*{text}*"
    expected = re.fullmatch(fnmatch.translate(glob.replace("[", "[[]")), other) is not None
    assert _like(path, other) is expected


def _like(path: str, other: str) -> bool:
    return Pattern.of(path).matches(other.encode("utf-8", "surrogateescape"))
