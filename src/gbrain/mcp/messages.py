"""Messages of JSON-RPC as they come in, and what is answered to what is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import mcp_types as types
import orjson


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMessage:
    """What came is no message; this is to be answered."""

    answer: types.JSONRPCError


def message_of(content: bytes) -> types.JSONRPCMessage | NoMessage:
    """The message in these bytes, or why there is none."""
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError:
        return no_message(types.PARSE_ERROR, "this is no JSON")
    try:
        message = types.jsonrpc_message_adapter.validate_python(found, by_name=False)
    except ValueError:
        return no_message(types.INVALID_REQUEST, "this is no message of JSON-RPC 2.0", _id_of(found))
    if isinstance(message, types.JSONRPCNotification) and "id" in found:
        return no_message(types.INVALID_REQUEST, "the id of a request is text or a whole number")
    return message


def no_message(code: int, why: str, of: types.RequestId | None = None) -> NoMessage:
    """It is refused with this code; `of` is its id, where that can be told."""
    return NoMessage(answer=types.JSONRPCError(jsonrpc="2.0", id=of, error=types.ErrorData(code=code, message=why)))


def json_of(message: types.JSONRPCMessage) -> bytes:
    """As it goes out."""
    return message.model_dump_json(by_alias=True, exclude_unset=True).encode()


def _id_of(found: Any) -> types.RequestId | None:
    given = found.get("id") if isinstance(found, dict) else None
    return given if isinstance(given, str) or type(given) is int else None
