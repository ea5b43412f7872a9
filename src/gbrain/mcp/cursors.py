"""Where a list goes on: opaque to whoever holds it, and good for the same question only.

A cursor says no more than its holder knows, and is trusted with nothing: what may be seen is decided at each call.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from typing import Any

import orjson

from gbrain.mcp.failing import ToolError

MOST_CHARACTERS = 8_192

_NOT_PART = ("cursor", "limit")
"""Arguments that may be others on the next page."""


def cursor(tool: str, arguments: Mapping[str, Any], position: str | int) -> str:
    """What leads behind this position of the answer to this question."""
    content = orjson.dumps([_question(tool, arguments), position])
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def position(tool: str, arguments: Mapping[str, Any], kind: type[str] | type[int]) -> Any:
    """The position that the cursor among the arguments leads to, None where there is none; raises ToolError."""
    given = arguments.get("cursor")
    if given is None:
        return None
    try:
        padded = given.encode("ascii") + b"=" * (-len(given) % 4)
        question, found = orjson.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
        is_ours = question == _question(tool, arguments) and type(found) is kind
    except (UnicodeEncodeError, binascii.Error, ValueError, TypeError):
        is_ours = False
    if not is_ours:
        raise bad_cursor()
    return found


def bad_cursor() -> ToolError:
    """It was made up, or is another question's."""
    hint = "give the next_cursor of an answer to the same arguments, or leave cursor out to begin anew"
    return ToolError("bad_cursor", "the cursor is none of this question's", hint)


def _question(tool: str, arguments: Mapping[str, Any]) -> str:
    asked = {name: value for name, value in arguments.items() if name not in _NOT_PART}
    return hashlib.sha256(orjson.dumps([tool, asked], option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
