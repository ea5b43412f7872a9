"""Passages: what is embedded of a chunk, so that its vector knows where on a page it stands.

Neither path nor source is in it: the same passage is the same wherever it stands, and has one vector.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

TEMPLATE = 1
"""Raised whenever a passage is put together otherwise: it is part of every model's fingerprint."""

_BLANK = " \t\n\r\f\v"


def passage_of(title: str, headings: Sequence[str], text: str) -> str:
    """Title, headings in force (the title not twice), and the chunk's text."""
    return head_of(title, headings) + text


def head_of(title: str, headings: Sequence[str]) -> str:
    """What stands before the text."""
    inner = headings[1:] if headings and headings[0] == title else headings
    return f"{title}\n{' > '.join(inner)}\n\n" if inner else f"{title}\n\n"


def passage_hash(head: str, text: str) -> bytes | None:
    """SHA-256 of a passage in UTF-8; None where the text is blank, and there is nothing to embed."""
    return hashlib.sha256((head + text).encode()).digest() if text.strip(_BLANK) else None
