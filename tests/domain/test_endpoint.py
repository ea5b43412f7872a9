"""How `[embedders.NAME]` is read, and what is said where it cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.domain.endpoint import Endpoint, read_endpoint
from gbrain.domain.endpoint_values import MAX_DIMENSIONS, dimensions_error

_LEAST: dict[str, object] = {"base_url": "https://api.example.com/v1", "model": "some-model"}
_SECRET = "sk-abcdefghijklmnopqrstuvwx"

_values = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()) | st.just({"a": 1})
)
_keys = st.sampled_from([*sorted(Endpoint.__dataclass_fields__), "api_key"])


def test_what_is_not_set_has_the_documented_default() -> None:
    assert read_endpoint("voyage", _LEAST) == Endpoint(
        name="voyage",
        base_url="https://api.example.com/v1",
        model="some-model",
        dimensions=None,
        api_key_env=None,
        max_items=128,
        max_tokens=100_000,
        concurrency=16,
        requests_per_minute=0,
        tokens_per_minute=0,
        requests_per_day=0,
        tokens_per_day=0,
        price_per_million_tokens=0.0,
        max_cost_per_day=0.0,
        timeout=timedelta(seconds=60),
    )


def test_everything_that_is_set_counts() -> None:
    found = read_endpoint(
        "my-own-2",
        {
            "base_url": "http://[::1]:8080/v1/",
            "model": "org/model:latest",
            "dimensions": 4000,
            "api_key_env": "VOYAGE_API_KEY",
            "max_items": 1,
            "max_tokens": 2,
            "concurrency": 3,
            "requests_per_minute": 4,
            "tokens_per_minute": 5,
            "requests_per_day": 6,
            "tokens_per_day": 7,
            "price_per_million_tokens": 1,
            "max_cost_per_day": 0.5,
            "timeout": "2m",
        },
    )
    assert found == Endpoint(
        name="my-own-2",
        base_url="http://[::1]:8080/v1",
        model="org/model:latest",
        dimensions=4000,
        api_key_env="VOYAGE_API_KEY",
        max_items=1,
        max_tokens=2,
        concurrency=3,
        requests_per_minute=4,
        tokens_per_minute=5,
        requests_per_day=6,
        tokens_per_day=7,
        price_per_million_tokens=1.0,
        max_cost_per_day=0.5,
        timeout=timedelta(minutes=2),
    )
    assert found.model_name == "my-own-2:org/model:latest"


@pytest.mark.parametrize("name", ["a", "0", "voyage", "a-b", "a" * 32])
def test_a_name_is_like_the_id_of_a_source(name: str) -> None:
    assert read_endpoint(name, _LEAST).name == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "a_b", "a b", "ä", "a" * 33, "a\n"])
def test_other_names_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="lower-case letters, digits and inner dashes"):
        read_endpoint(name, _LEAST)


@pytest.mark.parametrize("name", ["local", "none"])
def test_a_name_with_a_meaning_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"no endpoint can be called {name}"):
        read_endpoint(name, _LEAST)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        ("max_items", 0, "max_items of [embedders.x] is 0, which is not a whole number of at least 1"),
        ("max_items", "128", "max_items of [embedders.x] is not a whole number of at least 1"),
        ("max_tokens", -1, "is -1, which is not a whole number of at least 1"),
        ("concurrency", 1.5, "is 1.5, which is not a whole number of at least 1"),
        ("concurrency", True, "is True, which is not a whole number of at least 1"),
        ("requests_per_minute", -3, "is -3, which is not a whole number of at least 0"),
        ("tokens_per_minute", "9", "not a whole number of at least 0"),
        ("requests_per_day", False, "not a whole number of at least 0"),
        ("tokens_per_day", 0.5, "not a whole number of at least 0"),
        ("price_per_million_tokens", -0.1, "is -0.1, which is not a number of at least 0"),
        ("price_per_million_tokens", float("nan"), "not a number of at least 0"),
        ("max_cost_per_day", float("inf"), "not a number of at least 0"),
        ("timeout", 0, "not a duration such as"),
        ("timeout", "soon", "not a duration such as"),
        ("timeout", True, "not a duration such as"),
        ("dimensions", 0, "not a whole number of at least 1"),
        ("dimensions", 4001, "4,001 dimensions are more than can be indexed: pgvector's HNSW on halfvec takes at most"),
        ("model", "", "not a text in quotes"),
        ("model", 3, "not a text in quotes"),
        ("model", "a\nb", "not a text in quotes"),
        ("api_key_env", "", "not the name of an environment variable"),
        ("api_key_env", "A B", "not the name of an environment variable"),
    ],
)
def test_a_wrong_value_is_named_with_what_is_wanted(key: str, value: object, why: str) -> None:
    with pytest.raises(ValueError, match=r"\[embedders\.x\]") as refusal:
        read_endpoint("x", {**_LEAST, key: value})
    assert why in str(refusal.value)
    assert key in str(refusal.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "api.example.com/v1",
        "ftp://api.example.com/v1",
        "file:///v1",
        "https://",
        "https:///v1",
        "https://user@api.example.com/v1",
        "https://user:secret@api.example.com/v1",
        "https://api.example.com/v1?key=secret",
        "https://api.example.com/v1#there",
        "https://api.example.com:0/v1",
        "https://api.example.com:99999/v1",
        "https://api.example.com:port/v1",
        "https://api.example.com/v 1",
        "https://api.example.com/\x1b",
        "https://exämple.com/v1",
        "https://[::1/v1",
        "https://[v1.x]/v1",
        "https://a..b/v1",
        "https://a,b/v1",
        "https://a%2eb/v1",
        "https://api.example.com/v1/embeddings",
        "https://api.example.com/v1/embeddings/",
        7,
    ],
)
def test_a_url_is_http_or_https_without_anything_that_does_not_belong(url: object) -> None:
    with pytest.raises(ValueError, match=r"base_url of \[embedders\.x\] .*is not an? (http|text)") as refusal:
        read_endpoint("x", {**_LEAST, "base_url": url})
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("key", ["base_url", "model", "api_key_env", "api_key", "timeout", "max_items", "apikey"])
def test_a_key_written_in_a_wrong_place_is_not_repeated(key: str) -> None:
    values = {**_LEAST, key: _SECRET if key != "model" else f"{_SECRET}\n"}
    with pytest.raises(ValueError, match=r"embedders\.x") as refusal:
        read_endpoint("x", values)
    assert _SECRET not in str(refusal.value)


def test_a_key_in_the_file_is_answered_with_where_it_belongs() -> None:
    with pytest.raises(ValueError, match="name the variable that holds it with api_key_env"):
        read_endpoint("x", {**_LEAST, "api_key": _SECRET})


@pytest.mark.parametrize("key", ["base_url", "model"])
def test_what_has_no_default_must_be_there(key: str) -> None:
    with pytest.raises(ValueError, match=rf"\[embedders\.x\] has no {key}"):
        read_endpoint("x", {name: value for name, value in _LEAST.items() if name != key})


def test_an_unknown_key_is_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"unknown key .dimension. in .*dimensions"):
        read_endpoint("x", {**_LEAST, "dimension": 3})


def test_money_is_bounded_only_where_there_is_a_price() -> None:
    with pytest.raises(ValueError, match="bounds nothing without price_per_million_tokens"):
        read_endpoint("x", {**_LEAST, "max_cost_per_day": 1.0})


@given(st.integers(1, 10**6))
def test_only_vectors_that_can_be_indexed_are_taken(dimensions: int) -> None:
    assert (dimensions_error(dimensions) is None) == (dimensions <= MAX_DIMENSIONS)


@given(st.text(max_size=40), st.dictionaries(_keys, _values), st.booleans())
def test_whatever_is_configured_gives_an_endpoint_or_a_sentence(
    name: str, table: dict[str, object], is_whole: bool
) -> None:
    try:
        found = read_endpoint(name, {**_LEAST, **table} if is_whole else table)
    except ValueError as refusal:
        assert str(refusal)  # noqa: PT017 - either end is right, each in its own way
    else:
        assert found.max_items >= 1
        assert found.dimensions is None or 1 <= found.dimensions <= MAX_DIMENSIONS
