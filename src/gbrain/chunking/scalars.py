"""YAML scalars as JSON values, by the core schema of YAML 1.2."""

from __future__ import annotations

import re

from gbrain.chunking.decode import REPLACEMENT

Scalar = str | int | float | bool | None

_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_NUMBER_STARTS = frozenset("+-.0123456789")
_LONGEST_NUMBER = 100
_WHOLE_FROM = 2**53
_DECIMAL = re.compile(r"[-+]?[0-9]+")
_PREFIXED = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def plain_value(text: str) -> Scalar:
    """The value of a scalar written without quotes.

    Whatever JSON has no word for stays the string as written: dates, `.inf`, `.nan`, integers beyond 64 bits, and
    fractions so large that they are whole, which PostgreSQL gives back as integers.
    """
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in _NUMBER_STARTS and len(text) <= _LONGEST_NUMBER:
        number = _number(text)
        return storable(text) if number is None else number
    return storable(text)


def storable(text: str) -> str:
    """The text without what PostgreSQL's jsonb cannot hold: NUL and lone surrogates become U+FFFD."""
    return text if text.isalnum() else _UNSTORABLE.sub(REPLACEMENT, text)


def _number(text: str) -> int | float | None:
    if _DECIMAL.fullmatch(text):
        return _within_64_bits(int(text))
    if _PREFIXED.fullmatch(text):
        return _within_64_bits(int(text, 0))
    if _FLOAT.fullmatch(text) and abs(value := float(text)) < _WHOLE_FROM:
        return value
    return None


def _within_64_bits(number: int) -> int | None:
    return number if -(2**63) <= number < 2**63 else None
