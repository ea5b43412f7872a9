"""What is wrong with the arguments of a call, told so that the next call can be right."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from jsonschema import Draft202012Validator, ValidationError

from gbrain.mcp.failing import ToolError, invalid
from gbrain.mcp.wording import in_words, listed

_LONGEST_ECHO = 60
_OF_NAMES = "additionalProperties"


def complaint(tool: str, arguments: Mapping[str, Any], validator: Draft202012Validator) -> ToolError | None:
    """The first thing that is wrong, None where nothing is; a name that is not known comes before one that is missing.

    A call that has both has most likely misspelt one.
    """
    found = sorted(validator.iter_errors(arguments), key=lambda one: (_place(one.path), one.validator != _OF_NAMES))
    return _told(tool, found[0]) if found else None


def _told(tool: str, error: ValidationError) -> ToolError:
    schema: Any = error.schema
    given: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = list(schema["properties"])
            unknown = min(set(given) - set(known))
            return invalid(f"{tool} takes no {_shown(unknown)}", f"it takes {listed(known, 'and')}")
        case "required":
            missing = next(name for name in schema["required"] if name not in given)
            return invalid(f"{missing} is missing", f"give {in_words(schema['properties'][missing])}")
        case _:
            return invalid(f"{_place(error.path)} cannot be {_shown(given)}", f"give {in_words(schema)}")


def _place(path: Iterable[str | int]) -> str:
    return ".".join(map(str, path))


def _shown(value: object) -> str:
    """The value as it came, cut where it is long."""
    try:
        text = orjson.dumps(value).decode()
    except TypeError:
        text = repr(value)
    return text if len(text) <= _LONGEST_ECHO else f"{text[:_LONGEST_ECHO]}…"
