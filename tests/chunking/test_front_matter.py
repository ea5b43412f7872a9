import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gbrain.chunking.front_matter import Split, split
from gbrain.chunking.yaml_values import MAX_ALIASES, MAX_CHARACTERS, MAX_DEPTH, MAX_NODES
from gbrain.domain.content import Reason, Refused
from support.torture import examples

NONE = Split(front_matter=None, body_start=0)


def front_matter(yaml: str) -> Any:
    """What stands between the lines `---` read as front matter, or the refusal."""
    found = split(f"---\n{yaml}\n---\nbody\n".encode())
    return found.front_matter if isinstance(found, Split) else found


def value(yaml: str) -> Any:
    """What `key: yaml` has for its value."""
    return front_matter(f"key: {yaml}")["key"]


def reason(yaml: str) -> Reason:
    """Why the front matter is refused."""
    refused = front_matter(yaml)
    assert isinstance(refused, Refused), refused
    return refused.reason


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("closing", ["---", "...", "---  \t"])
def test_the_body_begins_after_the_closing_line(end: str, closing: str) -> None:
    head = end.join(["--- ", "a: 1", closing, ""])
    assert split((head + "body").encode()) == Split(front_matter={"a": 1}, body_start=len(head))


def test_the_closing_line_may_end_the_file() -> None:
    assert split(b"---\na: 1\n---") == Split(front_matter={"a": 1}, body_start=12)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"---",
        b"---\n",
        b"---\na: 1\n",
        b"---\na: 1\n ---\n",
        b"---\na: 1\n----\n",
        b" ---\na: 1\n---\n",
        b"\n---\na: 1\n---\n",
        b"----\na: 1\n---\n",
        b"--- a\na: 1\n---\n",
        b"---\nJust words.\n---\n",
        b"---\n- a\n- b\n---\n",
        b"---\n~\n---\n",
        b"---\n'quoted'\n---\n",
    ],
)
def test_what_is_not_a_closed_mapping_on_top_is_body(text: bytes) -> None:
    assert split(text) == NONE


@pytest.mark.parametrize("inside", ["", "\n", "# only a remark\n", " \t\n", "{}\n"])
def test_an_empty_block_is_front_matter_without_keys(inside: str) -> None:
    text = f"---\n{inside}---\n".encode()
    assert split(text) == Split(front_matter={}, body_start=len(text))


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", None),
        ("~", None),
        ("null", None),
        ("Null", None),
        ("true", True),
        ("FALSE", False),
        ("True", True),
        ("tRUE", "tRUE"),
        ("no", "no"),
        ("yes", "yes"),
        ("on", "on"),
        ("y", "y"),
        ("12", 12),
        ("-12", -12),
        ("+12", 12),
        ("007", 7),
        ("0o17", 15),
        ("0x1F", 31),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("12:30:45", "12:30:45"),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("-1e3", -1000.0),
        ("1e999", "1e999"),
        (".inf", ".inf"),
        ("-.INF", "-.INF"),
        (".nan", ".nan"),
        ("2024-02-29", "2024-02-29"),
        ("2024-02-29 10:00:00", "2024-02-29 10:00:00"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
        ("9223372036854775808", "9223372036854775808"),
        ("9" * 5000, "9" * 5000),
        ("'12'", "12"),
        ('"true"', "true"),
        ("'null'", "null"),
        ("!!str 12", "12"),
        ("! 12", "12"),
        ("!custom 12", 12),
        ("!custom '12'", "12"),
        ("!!python/object:os.system x", "x"),
        ("!map {a: !x [1, no]}", {"a": [1, "no"]}),
        ("|\n  12\n  x", "12\nx\n"),
        (">-\n  folded\n  words", "folded words"),
        ('"a\\0b"', "a\ufffdb"),
        ('"\\u00e9\\U0001F600"', "é😀"),
        ("=", "="),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written: str, read: object) -> None:
    assert value(written) == read
    assert type(value(written)) is type(read)


@pytest.mark.parametrize(
    ("yaml", "keys"),
    [
        ("1: a", ["1"]),
        ("1.50: a", ["1.50"]),
        ("true: a", ["true"]),
        ("~: a", ["~"]),
        ("? \n: a", [""]),
        ("2024-02-29: a", ["2024-02-29"]),
        ("? [a, b]\n: c", ["[a, b]"]),
        ("? {a: b}\n: c", ["{a: b}"]),
        ('"\\0": a', ["\ufffd"]),
        ("<<: {a: 1}", ["<<"]),
        ("x: &a k\n*a : v", ["x", "k"]),
        ("x: &a [1]\n*a : v", ["x", "*a"]),
    ],
)
def test_keys_are_their_text_as_written(yaml: str, keys: list[str]) -> None:
    assert list(front_matter(yaml)) == keys


def test_aliases_have_the_value_of_their_anchor() -> None:
    assert front_matter("a: &x {k: [1, 2]}\nb: *x\nc: &x 5\nd: *x") == {
        "a": {"k": [1, 2]},
        "b": {"k": [1, 2]},
        "c": 5,
        "d": 5,
    }


@pytest.mark.parametrize(
    ("yaml", "line", "words"),
    [
        ("a: 1\nb: 2\na: 3", 4, '"a" appears twice'),
        ("1: a\n'1': b", 3, '"1" appears twice'),
        ("a: {x: 1, x: 2}", 2, '"x" appears twice'),
        ("a: 1\nb: [", 4, "expected node content"),
        ("a: b: c", 2, "mapping values are not allowed"),
        ("a: é\nb: \x07", 3, "control characters"),
        ('a: "\\ud800"', 2, "invalid Unicode character"),
        ("a:\n\tb: c", 3, "cannot start any token"),
        ("a: *nothing", 2, '"nothing"'),
        ("a: 1\n--- x: 2", 3, "second document"),
        ("%YAML 9\n--- a", 2, ""),
        ("a: !e!x 1", 2, "tag handle"),
        ("a: !%ff 1", 2, "octet"),
    ],
)
def test_broken_yaml_is_refused_with_its_line_in_the_file(yaml: str, line: int, words: str) -> None:
    refused = front_matter(yaml)
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.FRONT_MATTER_BROKEN
    assert refused.detail.startswith(f"front matter, line {line}: ")
    assert words in refused.detail
    assert "\n" not in refused.detail


def test_a_long_key_is_shown_in_part() -> None:
    key = "k" * 100_000
    refused = front_matter(f"? {key}\n: 1\n? {key}\n: 2")
    assert isinstance(refused, Refused)
    assert len(refused.detail) < 200


def test_nodes_are_counted_up_to_the_limit() -> None:
    pairs = (MAX_NODES - 1) // 2
    fits = "\n".join(f"k{n}: v" for n in range(pairs))
    assert len(front_matter(fits)) == pairs
    assert reason(fits + "\none: more") is Reason.FRONT_MATTER_TOO_LARGE


def test_a_billion_expansions_stop_at_the_limit() -> None:
    laughs = "\n".join(
        ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    )
    assert reason(laughs) is Reason.FRONT_MATTER_TOO_LARGE


def test_characters_are_counted_with_aliases_expanded() -> None:
    half = "x" * (MAX_CHARACTERS // 2)
    assert front_matter(f"a: {half[:-10]}\nb: {half[:-10]}")["b"] == half[:-10]
    assert reason(f"a: &a {half}\nb: *a") is Reason.FRONT_MATTER_TOO_LARGE


def test_aliases_are_counted() -> None:
    few = "a: &a 1\nb: [" + ", ".join(["*a"] * MAX_ALIASES)
    assert front_matter(few + "]")["b"] == [1] * MAX_ALIASES
    assert reason(few + ", *a]") is Reason.FRONT_MATTER_TOO_LARGE


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ("{k: ", "}")])
def test_depth_is_limited(opening: str, closing: str) -> None:
    def nested(levels: int) -> str:
        return "k: " + opening * levels + "1" + closing * levels

    assert front_matter(nested(MAX_DEPTH - 1)) is not None
    assert not isinstance(front_matter(nested(MAX_DEPTH - 1)), Refused)
    assert reason(nested(MAX_DEPTH)) is Reason.FRONT_MATTER_TOO_DEEP
    assert reason("k: " + opening * 200_000) is Reason.FRONT_MATTER_TOO_DEEP


def test_depth_is_counted_with_aliases_expanded() -> None:
    half = "a: &a " + "[" * 60 + "1" + "]" * 60 + "\nb: "
    assert not isinstance(front_matter(half + "[" * 39 + "*a" + "]" * 39), Refused)
    assert reason(half + "[" * 40 + "*a" + "]" * 40) is Reason.FRONT_MATTER_TOO_DEEP


@pytest.mark.parametrize("yaml", ["a: &a [*a]", "&k a: &x {b: [1, *x]}", "a: &a {b: &b [*a]}"])
def test_an_alias_inside_its_own_anchor_is_refused(yaml: str) -> None:
    assert reason(yaml) is Reason.FRONT_MATTER_TOO_DEEP


def test_a_megabyte_of_key_or_value_is_only_text() -> None:
    big = "x" * 1_000_000
    assert front_matter(f"? {big}\n: {big}") == {big: big}


@pytest.mark.parametrize(
    "open_line", ["--- \n" + "\t" * 200_000, "---\n" + "--- x\n" * 50_000, "---\n" + "a:\r" * 100_000]
)
def test_hostile_heads_end_as_values(open_line: str) -> None:
    assert isinstance(split((open_line + "\n---\n").encode()), Split | Refused)


tokens = st.sampled_from(
    [*"ab1[]{}'\"|>#~%@`\\\t\r\n\x85\u2028é", "&x ", "*x", "&y ", "*y ", "!t ", "\\0", "\\ud800", "..."]
) | st.sampled_from(["? ", ": ", "- ", ", ", "--- ", "\n  ", "\n    "])


@settings(max_examples=examples(400))
@given(
    st.lists(tokens, max_size=30).map("".join)
    | st.text(max_size=40)
    | st.dictionaries(st.text(), st.text()).map(json.dumps)
)
def test_any_head_ends_as_json_or_as_a_refusal(yaml: str) -> None:
    found = front_matter(yaml)
    if isinstance(found, Refused):
        assert found.detail
        assert "\n" not in found.detail
    elif found is not None:
        dumped = json.dumps(found, allow_nan=False, ensure_ascii=False)
        assert json.loads(dumped) == found
        assert "\\u0000" not in dumped
        dumped.encode()


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cf", "Cn", "Co", "Zl", "Zp"]), max_size=8)
scalars = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | texts
json_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_json_in_one_line_is_read_as_itself(json_value: object) -> None:
    assert value(json.dumps(json_value, ensure_ascii=False)) == json_value
