"""What a provider says in words: taken out of its answers, cut short and made safe to show."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from gbrain.domain.redaction import HIDDEN, redact, visible

LONGEST = 300
"""How many characters of what a provider says are shown."""

_READ_BYTES = 64 << 10
_TAG = re.compile(r"<[^>]{0,1000}>")


def said(body: bytes, key: str | None = None) -> str:
    """The message in the body of an answer, whichever of the shapes in use it has; empty where it has none."""
    return safe(_message(body[:_READ_BYTES]), key)


def safe(text: str, key: str | None = None) -> str:
    """The text on one line, without the key or any other credential, cut to 300 characters."""
    if key:
        text = text.replace(key, HIDDEN)
    shown = visible(redact(" ".join(text.split())))
    return shown if len(shown) <= LONGEST else shown[: LONGEST - 1] + "…"


def codes(body: bytes) -> frozenset[str]:
    """The words by which programs tell errors apart: `insufficient_quota`, `model_not_found`."""
    error = _loaded(body[:_READ_BYTES])
    inner = error.get("error") if isinstance(error, dict) else None
    tables = [table for table in (error, inner) if isinstance(table, dict)]
    return frozenset(word for table in tables for name in ("code", "type") if isinstance(word := table.get(name), str))


def _message(body: bytes) -> str:
    answer = _loaded(body)
    if answer is None:
        return "" if body.lstrip()[:1] in (b"{", b"[") else _TAG.sub(" ", body.decode("utf-8", "replace"))
    return "; ".join(_texts(answer))


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _texts(value: Any, depth: int = 8) -> Iterator[str]:
    """The sentences in `{"error": {"message": …}}`, `{"detail": [{"loc": …, "msg": …}]}` and whatever lies between."""
    if depth == 0:
        return
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one, depth - 1)
    elif isinstance(value, dict):
        found = next((value[name] for name in ("error", "message", "detail", "msg") if value.get(name)), None)
        where = value.get("loc") or value.get("field")
        prefix = f"{'.'.join(map(str, where)) if isinstance(where, list) else where}: " if where else ""
        for text in _texts(found, depth - 1):
            yield prefix + text
