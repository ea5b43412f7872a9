"""What must not leave the process: credentials are taken out of texts, control characters are made visible."""

from __future__ import annotations

import re
from typing import Literal

HIDDEN = "***"
"""What stands where a credential stood."""

_KEYS = (
    r"(?:[\w-]{0,40}(?:password|passwd|passphrase|secret|api[_-]?key)"
    r"|(?:[\w-]{0,40}(?:access|private|auth|refresh|id|job|oauth|session|personal|deploy|bearer|security|api)[_-])token)"
)
_VALUE = r"(?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^\s&]+)"

_USERINFO = re.compile(r"(?<=://)[^\s/?#\"'<>]{1,1024}@")
_PASSWORD_WITH_SLASH = re.compile(r"(?<=://)[^\s/@:]{1,256}:(?!\d{1,5}(?:[/?#]|$))[^\s@]{1,256}@")
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization|private-token|x-api-key)([\"']?\s{0,8}[:=]\s{0,8}[\"']?)[^\r\n\"']+"
)
_BEARER = re.compile(r"(?i)\b(bearer\s{1,8})[\w.~+/=-]{8,}")
_ASSIGNMENT = re.compile(rf"(?i)\b({_KEYS}\s{{0,8}}=\s{{0,8}}){_VALUE}", re.DOTALL)
_ASSIGNED = re.compile(r"(?i)(?:password|passwd|passphrase|secret|key|token)\s{0,8}=")
"""What stands in every assignment: a text without it, as most are, need not be searched for one, which takes longer."""
_MEMBER = re.compile(rf"(?i)([\"']{_KEYS}[\"']\s{{0,8}}:\s{{0,8}}){_VALUE}", re.DOTALL)
_QUERY = re.compile(r"(?i)([?&](?:token|key|sig|signature|code|x-amz-[\w-]{1,40})=)[^\s&#\"'<>]+")
_KNOWN = re.compile(
    r"\b(?:gbrain_[\w-]{43}|gh[pousr]_[A-Za-z0-9]{20,}"
    r"|github_pat_\w{20,}|gl(?:pat|dt|rt|ft)-[\w-]{16,}|xox[abpros]-[\w-]{10,}|sk-[\w-]{20,})"
)

_PASSES = 8
"""What one rule leaves may be what another looks for; each pass only ever hides more."""

_ZERO_WIDTH_ORDERS = frozenset("\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def redact(text: str) -> str:
    """The text without passwords and tokens: in URLs, headers, query strings, connection strings, and by their shape.

    Redacting again changes nothing. A user name of an ssh URL is no credential and stays.
    """
    for _ in range(_PASSES):
        redacted = _redacted_once(text)
        if redacted == text:
            break
        text = redacted
    return text


def visible(text: str, *, newlines: Literal["keep", "escape"] = "escape") -> str:
    r"""The text with control characters, bidirectional overrides and stray bytes as `\x1b`, `\u202e`, `\n`.

    With `newlines="keep"`, line feeds and tabs stay as they are: for texts of several lines.
    """
    kept = "\n\t" if newlines == "keep" else ""
    if text.isprintable():
        return text
    return "".join(character if character in kept else _shown(character) for character in text)


def is_control(character: str) -> bool:
    """True for what a terminal obeys instead of showing: C0, DEL, C1, line separators, bidirectional overrides."""
    code = ord(character)
    return code < 0x20 or 0x7F <= code <= 0x9F or character in _ZERO_WIDTH_ORDERS


def _redacted_once(text: str) -> str:
    text = _USERINFO.sub(_without_userinfo, text)
    text = _PASSWORD_WITH_SLASH.sub(f"{HIDDEN}@", text)
    text = _HEADER.sub(rf"\1\2{HIDDEN}", text)
    text = _BEARER.sub(rf"\1{HIDDEN}", text)
    text = _MEMBER.sub(rf"\1{HIDDEN}", text)
    if _ASSIGNED.search(text):
        text = _ASSIGNMENT.sub(rf"\1{HIDDEN}", text)
    text = _QUERY.sub(rf"\1{HIDDEN}", text)
    return _KNOWN.sub(HIDDEN, text)


def _without_userinfo(match: re.Match[str]) -> str:
    is_ssh = match.string.endswith("ssh://", 0, match.start())
    return match[0] if is_ssh and ":" not in match[0] else f"{HIDDEN}@"


def _shown(character: str) -> str:
    code = ord(character)
    if character in "\t\n\r":
        return {"\t": "\\t", "\n": "\\n", "\r": "\\r"}[character]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    if is_control(character):
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character
