"""Filters: what path, type, tags and dates of a page a query lets through."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.filtering import Filter, Pattern, date_of, tags_of
from gbrain.domain.query import parse

NOTE: dict[str, Any] = {"type": "Note", "tags": ["Todo", "#idea", 7], "date": "2024-05-01"}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("", True),
        ("type:note", True),
        ("type:markdown", True),
        ("type:code", False),
        ("-type:note", False),
        ("tag:TODO", True),
        ("tag:#todo tag:idea", True),
        ("tag:7", True),
        ("tag:other,idea", True),
        ("tag:todo tag:other", False),
        ("-tag:other", True),
        ("-tag:idea", False),
        ("after:2024-05-01", True),
        ("after:2024-05-02", False),
        ("before:2024-05-01", False),
        ("before:2024-05-02", True),
        ("-before:2024-05-02", False),
        ("path:docs/", True),
        ("path:/docs/", True),
        ("path:/guide", False),
        ("path:guide", True),
        ("path:*.md", True),
        ("path:*.py", False),
        ("path:docs/*.md path:*guide*", True),
        ("-path:docs/", False),
        ("path:Docs/", False),
    ],
)
def test_a_page_fits_or_does_not(query: str, fits: bool) -> None:
    assert Filter(parse(query)).fits(b"docs/guide.md", "markdown", NOTE) is fits


@given(value=st.text(alphabet="ab*/._", min_size=1, max_size=8), path=st.text(alphabet="ab/._", max_size=12))
def test_a_star_stands_for_anything_and_nothing_else_does(value: str, path: str) -> None:
    text = value.removeprefix("/")
    pattern = ".*".join(map(re.escape, text.split("*")))
    if "*" not in value:
        pattern = f"{'' if value.startswith('/') else '.*'}{pattern}.*"
    assert Pattern.of(value).matches(path.encode()) is (re.fullmatch(pattern, path, re.DOTALL) is not None)


def test_a_pattern_of_many_stars_is_no_work() -> None:
    assert not Filter(parse("path:" + "*a" * 200 + "zz")).fits(b"a" * 4000 + b".md", "text", None)


@pytest.mark.parametrize(
    ("matter", "tags"),
    [
        ({}, set()),
        ({"tags": "#a, b c"}, {"a", "b", "c"}),
        ({"tag": ["X y"]}, {"x y"}),
        ({"tags": {"a": 1}}, set()),
        ({"tags": [3.11, "b"]}, {"3.11", "b"}),
        ({"tags": 3.11}, {"3.11"}),
    ],
)
def test_tags_are_read_as_people_write_them(matter: dict[str, Any], tags: set[str]) -> None:
    assert tags_of(matter) == tags


def test_the_first_key_that_holds_a_date_is_the_pages() -> None:
    assert date_of({"date": "soon", "created": "2024-05"}) == date_of({"published": "2024-05-01T00:00Z"})
    assert date_of({"date": ["2024"]}) is None
