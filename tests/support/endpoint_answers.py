"""The bodies that `support.endpoint` answers with: right ones, and wrong ones of every kind."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from support.endpoint import Script, raw_vector

_PLAIN_DEFECTS = ("null", "words")
_ODD = {
    "html": b"<html><body><h1>502 Bad Gateway</h1></body></html>",
    "garbage": b"\x00\xff\x80 not of this world",
    "no_data": b'{"object":"list"}',
    "error": b'{"error":{"message":"the upstream provider is unwell","code":502}}',
}


def answered(script: Script, request: Mapping[str, Any], texts: list[str], tokens: int) -> bytes:
    """The body of an answer to these texts, with the defect that the script wants."""
    if script.defect in _ODD:
        return _ODD[script.defect]
    vectors = [_vector(script, request, text) for text in texts]
    is_plain = _is_plain(script, request) or script.defect in _PLAIN_DEFECTS
    data = [
        {"object": "embedding", "index": index, "embedding": vector.tolist() if is_plain else encoded(vector)}
        for index, vector in enumerate(_bent(script.defect, vectors))
    ]
    _break(script.defect, data)
    answer: dict[str, Any] = {"object": "list", "data": data, "model": request.get("model")}
    if script.counts_tokens:
        answer["usage"] = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps(answer)


def prepared(
    script: Script, request: Mapping[str, Any], count: int, head: Callable[[int, Mapping[str, str], int], bytes]
) -> bytes:
    """A whole answer for so many texts, head included, made once."""
    return _prepared(count, _dimensions(script, request), _is_plain(script, request), head)


def error(message: str, code: str | None = None) -> bytes:
    """An error in OpenAI's shape."""
    return orjson.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}})


def encoded(vector: NDArray[np.float32]) -> str:
    """A vector in base64."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


@cache
def _prepared(
    count: int, dimensions: int, is_plain: bool, head: Callable[[int, Mapping[str, str], int], bytes]
) -> bytes:
    vectors = [raw_vector(str(number), dimensions) for number in range(count)]
    data = [
        {"object": "embedding", "index": index, "embedding": vector.tolist() if is_plain else encoded(vector)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": 300 * count, "total_tokens": 300 * count}
    body = orjson.dumps({"object": "list", "data": data, "model": "test-model", "usage": usage})
    return head(200, {}, len(body)) + body


def _vector(script: Script, request: Mapping[str, Any], text: str) -> NDArray[np.float32]:
    vector = raw_vector(text, _dimensions(script, request))
    return vector * 0 if script.nothing is not None and script.nothing in text else vector


def _dimensions(script: Script, request: Mapping[str, Any]) -> int:
    asked = request.get("dimensions")
    return asked if isinstance(asked, int) and script.obeys_dimensions else script.dimensions


def _is_plain(script: Script, request: Mapping[str, Any]) -> bool:
    return script.encoding == "floats" or (script.encoding == "asked" and request.get("encoding_format") != "base64")


def _bent(defect: str, vectors: list[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """The vectors with something wrong in their numbers or their number."""
    longer = [np.append(vector, np.float32(0.5)) for vector in vectors]
    match defect:
        case "fewer":
            return vectors[:-1]
        case "more":
            return [*vectors, vectors[0]]
        case "long":
            return longer
        case "ragged":
            return [*vectors[:-1], longer[-1]]
        case "nan":
            vectors[-1][-1] = np.nan
        case "infinite":
            vectors[-1][-1] = np.inf
    return vectors


def _break(defect: str, data: list[dict[str, Any]]) -> None:
    """Put something wrong into the JSON."""
    match defect:
        case "null":
            data[-1]["embedding"][-1] = None
        case "words":
            data[-1]["embedding"][-1] = "0.5"
        case "not_base64":
            data[-1]["embedding"] = "?" + data[-1]["embedding"][1:]
        case "half":
            data[-1]["embedding"] = base64.b64encode(b"halves").decode()
        case "number":
            data[-1]["embedding"] = 0.5
        case "twice":
            data[-1]["index"] = 0
        case "no_index":
            for item in data:
                del item["index"]
        case "backwards":
            data.reverse()
