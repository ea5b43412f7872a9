"""What is wrong with a file at first sight: all that `derive` refuses it for before it looks at its body."""

from __future__ import annotations

from gbrain.chunking.decode import decode
from gbrain.chunking.front_matter import split
from gbrain.chunking.kinds import kind_of
from gbrain.domain.content import PageKind, Refused


def refused_at_sight(path: bytes, blob: bytes) -> Refused | None:
    """Why the blob can be no page at this path; None where only its number of chunks or links may tell that."""
    text = decode(blob)
    if isinstance(text, Refused):
        return text
    parts = split(text) if kind_of(path) is PageKind.MARKDOWN else None
    return parts if isinstance(parts, Refused) else None
