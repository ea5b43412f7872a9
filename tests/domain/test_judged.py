"""Judged queries as users write them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.judged import JudgedQuery, judged_queries
from gbrain.errors import UsageError

_texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda text: text.strip() != "")
_grades = st.dictionaries(_texts.map("wiki:{}".format), st.integers(1, 100), min_size=1, max_size=4)


def test_a_line_is_a_query_and_what_is_relevant_to_it() -> None:
    text = "\n".join(
        [
            "\ufeff# what people look for",
            "",
            '{"query": "leases", "relevant": ["wiki:leases", {"page": "notes:a:b", "grade": 3}]}\r',
            "  ",
            "  # more",
            '{"query": "tokens", "relevant": [{"page": "wiki:tokens"}, {"page": "wiki:old", "grade": 0}]}',
        ]
    )
    assert judged_queries(text, "q.jsonl") == [
        JudgedQuery(query="leases", grades={"wiki:leases": 1, "notes:a:b": 3}),
        JudgedQuery(query="tokens", grades={"wiki:tokens": 1, "wiki:old": 0}),
    ]


@given(st.dictionaries(_texts, _grades, min_size=1, max_size=5), st.booleans())
def test_whatever_is_written_is_read(said: dict[str, dict[str, int]], ascii_only: bool) -> None:
    lines = [
        json.dumps(
            {"query": query, "relevant": [{"page": page, "grade": grade} for page, grade in grades.items()]},
            ensure_ascii=ascii_only,
        )
        for query, grades in said.items()
    ]
    found = judged_queries("\n".join(lines), "q.jsonl")
    assert {one.query: one.grades for one in found} == said


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ('{"query": "a", "relevant": ["w:a"]', "it is not JSON"),
        ("[" * 5000, "it is not JSON"),
        ('["a"]', "it is not an object"),
        ('{"relevant": ["w:a"]}', "its query is not a text"),
        ('{"query": " ", "relevant": ["w:a"]}', "its query is not a text"),
        ('{"query": 1, "relevant": ["w:a"]}', "its query is not a text"),
        ('{"query": "a"}', "its relevant is not a list"),
        ('{"query": "a", "relevant": "w:a"}', "its relevant is not a list"),
        ('{"query": "a", "relevant": []}', "nothing is relevant"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": 0}]}', "nothing is relevant"),
        ('{"query": "a", "relevant": ["w:a", {"page": "w:a"}]}', "w:a twice"),
        ('{"query": "a", "relevant": ["leases"]}', '"leases" is not a page'),
        ('{"query": "a", "relevant": ["w:"]}', '"w:" is not a page'),
        ('{"query": "a", "relevant": [":a"]}', '":a" is not a page'),
        ('{"query": "a", "relevant": [{"grade": 2}]}', "null is not a page"),
        ('{"query": "a", "relevant": [null]}', "what is relevant is not an object"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": -1}]}', "the grade of w:a is not a whole number"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": 1.5}]}', "the grade of w:a is not a whole number"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": true}]}', "the grade of w:a is not a whole number"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": "2"}]}', "the grade of w:a is not a whole number"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grade": 101}]}', "the grade of w:a is not a whole number"),
        ('{"query": "a", "relevant": [{"page": "w:a", "grades": 2}]}', "what is relevant has 'grades'"),
        ('{"query": "a", "relevents": ["w:a"]}', "it has 'relevents'"),
        ('{"query": "first", "relevant": ["w:b"]}', "its query is that of line 2"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(line: str, wrong: str) -> None:
    text = f'# a comment\n{{"query": "first", "relevant": ["w:a"]}}\n\n{line}\n'
    with pytest.raises(UsageError) as raised:
        judged_queries(text, "q.jsonl")
    assert raised.value.message.startswith("q.jsonl, line 4: ")
    assert wrong in raised.value.message
    assert raised.value.hint is not None
    assert "source:slug" in raised.value.hint


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing yet\n"])
def test_a_file_without_a_query_is_an_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"q\.jsonl holds no judged query"):
        judged_queries(text, "q.jsonl")


@given(st.text())
def test_every_text_is_read_or_an_error_that_names_the_file(text: str) -> None:
    try:
        found = judged_queries(text, "q.jsonl")
    except UsageError as error:
        found, message = [], error.message
    assert found or message.startswith("q.jsonl")
