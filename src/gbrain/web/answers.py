"""What is answered over HTTP where there is nothing else to say: the error document of the command line."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from starlette.responses import Response

SCHEMA_VERSION = 1


def error(status: int, code: str, message: str, hint: str, *, headers: Mapping[str, str] | None = None) -> Response:
    """An answer of this status that says what was wrong, and what to do."""
    document = {"schema_version": SCHEMA_VERSION, "error": {"code": code, "message": message, "hint": hint}}
    return answer(document, status=status, headers=headers)


def answer(document: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A document. It is this caller's, now: nothing between us may keep it."""
    kept = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} | dict(headers or {})
    return Response(orjson.dumps(document), status_code=status, headers=kept, media_type="application/json")
