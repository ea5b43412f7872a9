"""Filters: they match as git does, and in time linear in the path."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbrain.domain.filters import glob_error, path_filter

GLOBS = [
    *("*.md", "docs/", "docs", "/docs", "docs/*", "docs/**", "**/draft*", "a/**/b", "a?c.txt", "[ab]*.md", "[!ab].md"),
    *("/README.md", "*", "**", "deep/er/", "*/er", "\\*.md", "with space.md", "ä*", "x.*y", "trailing\\ ", "a.b", "."),
]
PATHS = [
    *("README.md", "docs/guide.md", "docs/deep/draft-1.md", "a/b", "a/x/b", "a/x/y/b", "abc.txt", "b.md", "c.md"),
    *("docs", "notdocs/x", "deep/er/page.md", "*.md", "with space.md", "ä ö.md", "xzy", "x.zy", "trailing ", "aXb"),
    *("sub/README.md", "sub/docs/x.md", "draft", "sub/draft/x"),
]


@pytest.mark.parametrize("glob", GLOBS)
def test_a_glob_matches_what_git_would_ignore(tmp_path: Path, glob: str) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".git" / "info").mkdir(exist_ok=True)
    (tmp_path / ".git" / "info" / "exclude").write_text(glob + "\n")
    asked = "\0".join(PATHS).encode()
    command = ["git", "-C", str(tmp_path), "-c", "core.excludesFile=", "check-ignore", "--no-index", "-z", "--stdin"]
    ignored = set(subprocess.run(command, input=asked, capture_output=True, check=False).stdout.decode().split("\0"))
    excluded = path_filter([], [glob])
    assert excluded is not None
    assert {path for path in PATHS if not excluded(path.encode())} == ignored - {""}


@settings(max_examples=200)
@given(st.lists(st.sampled_from(GLOBS), max_size=4), st.lists(st.sampled_from(GLOBS), max_size=4))
def test_what_is_left_in_is_included_by_some_glob_and_excluded_by_none(include: list[str], exclude: list[str]) -> None:
    both = path_filter(include, exclude)
    for path in map(str.encode, PATHS):
        in_some = not include or any(_matches(glob, path) for glob in include)
        out_of_some = any(_matches(glob, path) for glob in exclude)
        assert (both is None or both(path)) == (in_some and not out_of_some)


def _matches(glob: str, path: bytes) -> bool:
    alone = path_filter([glob], [])
    return alone is not None and alone(path)


def test_no_glob_makes_a_path_take_for_ever() -> None:
    left_in = path_filter([], ["a*" * 40 + "b", "**/" * 40 + "x", "*a" * 400])
    assert left_in is not None
    began = time.process_time()
    for path in (b"a" * 4000, b"a/" * 2000, b"a" * 200 + b"/" + b"a" * 200):
        left_in(path)
    # Backtracking would take longer than anybody waits: this is no measure of speed.
    assert time.process_time() - began < 20


def test_bytes_that_are_not_utf_8_are_matched_as_one_unknown_character_each() -> None:
    left_in = path_filter(["caf?.md"], [])
    assert left_in is not None
    assert left_in(b"caf\xe9.md")
    assert left_in("café.md".encode())
    assert not left_in(b"caf.md")


@given(st.text(max_size=30))
def test_every_text_is_a_glob_or_has_a_reason_why_not(text: str) -> None:
    if glob_error(text) is None:
        left_in = path_filter([text], [text])
        assert left_in is not None
        assert not left_in(os.fsencode("some/path.md"))
