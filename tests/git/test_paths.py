"""Paths as text and back."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.paths import display, parse, quote
from gbrain.domain.redaction import is_control

PIECES = st.sampled_from(
    [b'"', b"\\", b"\n", b"\x1b", b"\x7f", b"\xff", "é".encode(), "\u202e".encode(), b"a", b"101", b" "]
)
PATHS = st.one_of(st.binary(max_size=30), st.lists(PIECES, max_size=12).map(b"".join))


@given(PATHS)
def test_what_is_shown_is_read_back_exactly(path):
    assert parse(display(path)) == path
    assert parse(quote(path)) == path
    assert not any(is_control(character) for character in display(path))


@given(st.text(max_size=20))
def test_showing_what_a_text_was_read_as_reads_the_same(text):
    path = parse(text)
    assert parse(display(path)) == path


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"a b/c.md", "a b/c.md"),
        ("Ünï/日本.md".encode(), "Ünï/日本.md"),
        (b'quo"te', '"quo\\"te"'),
        (b"back\\slash", '"back\\\\slash"'),
        (b"a\tb\nc", '"a\\tb\\nc"'),
        (b"\xe4", '"\\344"'),
        (b"\x1b[31m", '"\\033[31m"'),
        (b"\x7f", '"\\177"'),
        ("\x85".encode(), '"\\302\\205"'),
        (b"", ""),
    ],
)
def test_only_what_needs_it_is_quoted(path, shown):
    assert display(path) == shown


@pytest.mark.parametrize("text", ['"', '"open', 'a"b', '"a"b"', '"\\x"', '"\\400"', "\\101"])
def test_a_text_that_is_not_well_quoted_is_taken_as_it_is(text):
    assert parse(text) == text.encode()


def test_the_escapes_are_gits_own(make_repo):
    repo = make_repo()
    names = [b'q"', b"b\\", b"t\tn\nr\rv\vf\fa\ab\b", b"esc\x1b", b"del\x7f", b"latin\xe4"]
    repo.commit(dict.fromkeys(names, b"x"))
    listed = subprocess.run(["git", "-C", repo.path, "ls-tree", "HEAD"], capture_output=True, check=True).stdout
    shown = [line.split(b"\t", 1)[1].decode() for line in listed.splitlines()]
    assert shown == [display(name) for name in sorted(names)]
