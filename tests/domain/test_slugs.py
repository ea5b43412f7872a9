"""Slugs: readable, bounded, all different, and a function of the set of paths."""

from __future__ import annotations

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.slugs import MAX_BASE, MIN_DIGITS, base_of, base_slug, provisional_slug, settle

_names = st.text(st.sampled_from("aA0bß-_ .~é—\u0301"), min_size=1, max_size=6).map(str.encode)
_paths = (
    st.binary(min_size=1, max_size=30)
    | st.lists(_names, min_size=1, max_size=3).map(b"/".join)
    | st.text(min_size=1, max_size=400).map(lambda text: text.encode("utf-8", "surrogatepass"))
)
_twins = [b"a b.md", b"a-b.md", b"a_b.txt", b"A  B.rst", b"a.b.c/x", b"a/b.md", b"a//b.md"]
_SCRIPTS = "abcдежαβγאבגابج漢字かなカナ한국हिन्दीไทยქართულიÅçñß"


def group_of(numbers: list[int]) -> list[bytes]:
    """Paths that all have the base slug `a`."""
    return [b"a" + bytes(b"._-+!"[digit] for digit in _digits(number)) + b".md" for number in numbers]


def _digits(number: int) -> list[int]:
    return [number % 5] + (_digits(number // 5) if number >= 5 else [])


_groups = (
    st.lists(st.integers(0, 3000), min_size=1, max_size=40, unique=True).map(group_of).map(lambda g: sorted(set(g)))
)


@given(_paths)
def test_a_base_slug_is_bounded_clean_and_never_empty(path: bytes) -> None:
    base = base_slug(path)
    assert 1 <= len(base) <= MAX_BASE
    assert "~" not in base
    assert base.strip("/-") == base
    assert "//" not in base
    assert "--" not in base
    assert all(c in "/-" or c.isalnum() or unicodedata.category(c).startswith("M") for c in base)
    assert base == base_slug(path)


@given(st.text(st.sampled_from(_SCRIPTS), min_size=1, max_size=60))
def test_letters_and_marks_of_every_script_are_kept(name: str) -> None:
    expected = unicodedata.normalize("NFC", name).lower()
    assert base_slug(f"{name}.md".encode()) == expected
    assert base_slug(f"x/{name}/y.md".encode()) == f"x/{expected}/y"


def test_composed_and_decomposed_letters_have_one_base() -> None:
    assert base_slug("café.md".encode()) == base_slug(unicodedata.normalize("NFD", "café.md").encode()) == "café"


@pytest.mark.parametrize(
    ("path", "base"),
    [
        (b"README.md", "readme"),
        (b"docs/My Guide.v2.md", "docs/my-guide-v2"),
        (b".gitignore", "gitignore"),
        (b"a.b/c.d", "a-b/c"),
        (b"a~b.md", "a-b"),
        (b"---.md", "untitled"),
        (b"\xff\xfe", "untitled"),
        (b"x" * 300 + b".md", "x" * 200),
        (b"y" * 199 + b"/z.md", "y" * 199),
    ],
)
def test_the_base_of_a_path_is_what_a_reader_expects(path: bytes, base: str) -> None:
    assert base_slug(path) == base


@given(_groups, st.randoms(use_true_random=False))
def test_the_slugs_of_a_group_depend_on_the_set_alone(paths: list[bytes], random) -> None:
    shuffled = list(paths)
    random.shuffle(shuffled)
    assert settle(shuffled) == settle(paths)


@given(_groups)
def test_the_first_in_byte_order_keeps_the_base_and_all_are_different(paths: list[bytes]) -> None:
    slugs = settle(paths)
    assert set(slugs) == set(paths)
    assert slugs[min(paths)] == base_slug(paths[0])
    assert len(set(slugs.values())) == len(paths)
    assert {base_of(slug) for slug in slugs.values()} == {base_slug(paths[0])}


@given(_groups)
def test_suffixes_are_the_fewest_hex_digits_of_the_hash_from_six_on_that_tell_apart(paths: list[bytes]) -> None:
    slugs = settle(paths)
    others = [path for path in paths if path != min(paths)]
    suffixes = {path: slugs[path].partition("~")[2] for path in others}
    lengths = {len(suffix) for suffix in suffixes.values()}
    assert len(lengths) <= 1
    for length in lengths:
        assert length >= MIN_DIGITS
        shorter = {hashlib.sha256(path).hexdigest()[: length - 1] for path in others}
        assert length == MIN_DIGITS or len(shorter) < len(others)
    for path, suffix in suffixes.items():
        assert hashlib.sha256(path).hexdigest().startswith(suffix)


def test_two_hashes_that_agree_in_six_digits_get_seven() -> None:
    seen: dict[str, bytes] = {}
    for number in range(1_000_000):
        path = group_of([number])[0]
        digest = hashlib.sha256(path).hexdigest()
        if seen.setdefault(digest[:6], path) != path and digest[6] != hashlib.sha256(seen[digest[:6]]).hexdigest()[6]:
            break
    twins = [path, seen[digest[:6]]]
    slugs = settle([b"a!.md", *twins] if min(twins) > b"a!.md" else [b"a!!.md", *twins])
    assert sorted(len(slug) for slug in slugs.values()) == [1, 9, 9]


@given(_groups)
def test_a_provisional_slug_meets_no_other(paths: list[bytes]) -> None:
    settled = set(settle(paths).values())
    provisional = {provisional_slug(path) for path in paths}
    assert len(provisional) == len(paths)
    assert not provisional & settled
    assert {base_of(slug) for slug in provisional} == {base_slug(paths[0])}


@given(st.lists(_paths | st.sampled_from(_twins), unique=True, max_size=30))
def test_slugs_of_all_paths_of_a_source_are_different(paths: list[bytes]) -> None:
    groups: dict[str, list[bytes]] = {}
    for path in paths:
        groups.setdefault(base_slug(path), []).append(path)
    slugs = [slug for group in groups.values() for slug in settle(group).values()]
    assert len(set(slugs)) == len(paths)
    assert all(len(slug.encode()) < 1000 for slug in slugs), "an index entry holds a slug and a source's id"
