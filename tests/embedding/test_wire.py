"""OpenAI's shape, decoded: right answers to the bit, anything else to a sentence."""

from __future__ import annotations

import base64
import subprocess
import sys
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gbrain.embedding.answers import Malformed, Vectors
from gbrain.embedding.wire import Form, decoded, most_bytes, request

_numbers = st.floats(width=32, allow_nan=False, allow_infinity=False)
_rows = st.integers(1, 6).flatmap(
    lambda length: st.lists(st.lists(_numbers, min_size=length, max_size=length), min_size=1, max_size=6)
)
_scraps = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["AACAPw==", "AA=="]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
_items = st.fixed_dictionaries({}, optional={"index": st.integers(-1, 3) | _scraps, "embedding": _scraps})


def told(body: bytes, *, count: int = 1, dimensions: int | None = None) -> Vectors | Malformed:
    return decoded(body, count=count, dimensions=dimensions, who="it")


def body_of(rows: list[list[float]], *, is_plain: bool) -> bytes:
    packed = [row if is_plain else base64.b64encode(np.array(row, "<f4").tobytes()).decode() for row in rows]
    return orjson.dumps({"data": [{"index": index, "embedding": row} for index, row in enumerate(packed)]})


@given(_rows, st.booleans())
def test_every_vector_comes_out_of_length_one_in_its_own_direction(rows: list[list[float]], is_plain: bool) -> None:
    found = told(body_of(rows, is_plain=is_plain), count=len(rows), dimensions=len(rows[0]))
    assert isinstance(found, Vectors)
    assert found.rows.dtype == np.float32
    wide = np.array(rows, np.float32).astype(np.float64)
    lengths = np.linalg.norm(wide, axis=1)
    assert np.allclose(found.rows, wide / np.where(lengths > 0, lengths, 1)[:, None], rtol=1e-6, atol=1e-38)
    assert np.allclose(np.linalg.norm(found.rows.astype(np.float64), axis=1), lengths > 0, atol=1e-6)


@given(st.binary(max_size=60), st.integers(1, 3), st.none() | st.integers(1, 3))
def test_any_bytes_give_a_sentence(body: bytes, count: int, dimensions: int | None) -> None:
    found = told(body, count=count, dimensions=dimensions)
    assert isinstance(found, Malformed)
    assert found.message.startswith("it answered ")


@given(
    st.fixed_dictionaries({"data": st.lists(_items | _scraps, max_size=3)}, optional={"usage": _scraps}),
    st.integers(1, 3),
    st.none() | st.integers(1, 3),
)
def test_any_json_gives_whole_vectors_or_a_sentence(answer: dict[str, Any], count: int, dimensions: int | None) -> None:
    try:
        body = orjson.dumps(answer)
    except TypeError:  # a number of more than 64 bits
        return
    match told(body, count=count, dimensions=dimensions):
        case Vectors(rows=rows):
            assert rows.shape[0] == count
            assert rows.shape[1] == (dimensions or rows.shape[1]) >= 1
            assert np.isfinite(rows).all()
        case Malformed(message=message):
            assert message.startswith("it answered ")


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        ({"prompt_tokens": 5, "total_tokens": 6}, 6),
        ({"prompt_tokens": 5}, 5),
        ({"total_tokens": 0, "prompt_tokens": 5}, 5),
        ({"total_tokens": True}, None),
        ({"total_tokens": "6"}, None),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_tokens_are_what_usage_says(usage: object, tokens: int | None) -> None:
    found = told(orjson.dumps({"data": [{"embedding": [1.0]}], "usage": usage}))
    assert isinstance(found, Vectors)
    assert found.tokens == tokens


def test_numbers_too_large_for_float32_are_no_vector() -> None:
    found = told(b'{"data":[{"embedding":[1e39]}]}')
    assert isinstance(found, Malformed)


def test_a_request_has_only_the_fields_that_were_wanted() -> None:
    assert orjson.loads(request("m", ["a", "ä"], Form(base64=False, dimensions=None))) == {
        "model": "m",
        "input": ["a", "ä"],
    }
    assert orjson.loads(request("m", ["a"], Form(base64=True, dimensions=3))) == {
        "model": "m",
        "input": ["a"],
        "encoding_format": "base64",
        "dimensions": 3,
    }


@pytest.mark.parametrize(
    ("refusal", "untried", "left"),
    [
        ("Extra inputs are not permitted: encoding_format", False, Form(base64=False, dimensions=3)),
        ("base64 is not offered", False, Form(base64=False, dimensions=3)),
        ("Argument 'dimensions' is not supported by this API", False, Form(base64=True, dimensions=None)),
        ('Model "x" does not support changing output dimensions', False, Form(base64=True, dimensions=None)),
        ("bad request", True, Form(base64=False, dimensions=None)),
        ("bad request", False, Form(base64=True, dimensions=3)),
    ],
)
def test_what_a_refusal_names_is_left_out_and_everything_where_nothing_was_ever_taken(
    refusal: str, untried: bool, left: Form
) -> None:
    assert Form(base64=True, dimensions=3).without(refusal, untried=untried) == left


def test_an_answer_of_decimal_numbers_is_never_longer_than_is_read() -> None:
    rows = [[-1.2345678901234567e-30] * 1536] * 128
    assert len(body_of(rows, is_plain=True)) < most_bytes(128, 1536) < most_bytes(128, None)


def test_the_types_of_answers_cost_neither_numpy_nor_an_http_client() -> None:
    code = "import sys, gbrain.embedding.answers; print({'numpy', 'httpx2'} & sys.modules.keys())"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert shown.strip() == "set()"
