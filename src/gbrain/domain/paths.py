"""How a path, which is bytes, is shown as text, and how that text is read back.

A path with a control character, a double quote, a backslash or bytes that are not UTF-8 stands in double quotes with
git's C-style escapes (gitquote: `core.quotePath`); every other path is shown as it is.
"""

from __future__ import annotations

import re

from gbrain.domain.redaction import is_control

_LETTERS = {"\a": "a", "\b": "b", "\t": "t", "\n": "n", "\v": "v", "\f": "f", "\r": "r", '"': '"', "\\": "\\"}
_BYTES = {letter: character for character, letter in _LETTERS.items()}
_QUOTED = re.compile(r'"(?:[^"\\]|\\(?:[abtnvfr"\\]|[0-3][0-7]{2}))*"', re.DOTALL)
_ESCAPE = re.compile(rb'\\([abtnvfr"\\]|[0-3][0-7]{2})')


def display(path: bytes) -> str:
    """The text that stands for a path; `parse` gives the path back."""
    text = path.decode("utf-8", "surrogateescape")
    if not any(character in '"\\' or _is_raw(character) or is_control(character) for character in text):
        return text
    return quote(path)


def quote(path: bytes) -> str:
    """A path in double quotes with git's C-style escapes, whether it needs them or not."""
    return '"' + "".join(map(_escaped, path.decode("utf-8", "surrogateescape"))) + '"'


def parse(text: str) -> bytes:
    """The path a text stands for: one in well-formed double quotes is unescaped, any other is taken as it is."""
    if _QUOTED.fullmatch(text) is None:
        return _encoded(text)
    return _ESCAPE.sub(_unescaped, _encoded(text[1:-1]))


def _is_raw(character: str) -> bool:
    return "\udc80" <= character <= "\udcff"


def _escaped(character: str) -> str:
    if character in _LETTERS:
        return "\\" + _LETTERS[character]
    if _is_raw(character) or is_control(character):
        return "".join(f"\\{byte:03o}" for byte in _encoded(character))
    return character


def _unescaped(match: re.Match[bytes]) -> bytes:
    escape = match[1].decode("ascii")
    return _BYTES[escape].encode("ascii") if escape in _BYTES else bytes([int(escape, 8)])


def _encoded(text: str) -> bytes:
    # Words of the command line arrive with surrogates where the terminal sent bytes that are no UTF-8.
    return text.encode("utf-8", "surrogateescape")
