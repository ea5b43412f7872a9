"""What a search found, as JSON documents and tools tell it: without the credentials that stand in pages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from gbrain.documents.values import presentable
from gbrain.domain.paths import display
from gbrain.domain.redaction import redact
from gbrain.domain.search import Found, Hit, Note

if TYPE_CHECKING:
    from gbrain.domain.snippets import Snippet

WIDTH = 240
"""Characters of a snippet."""


def document(found: Found, *, explain: bool) -> dict[str, object]:
    """The answer to a search; what scores are made of where it is to be explained."""
    return {
        "mode": found.mode.value,
        "notes": noted(found.notes),
        "results": [described(hit, explain=explain) for hit in found.hits],
    }


def noted(notes: Iterable[Note]) -> list[dict[str, object]]:
    """What stood in the way of a better answer."""
    return [
        {
            "code": note.code,
            "message": presentable(note.message),
            "hint": presentable(note.hint) if note.hint else None,
        }
        for note in notes
    ]


def described(hit: Hit, *, explain: bool) -> dict[str, object]:
    """A page that was found."""
    snippet = snippet_of(hit)
    return {
        "source_id": hit.source_id,
        "slug": hit.slug,
        "path": display(hit.path),
        "title": presentable(hit.title),
        "headings": list(map(presentable, hit.headings)),
        "snippet": snippet.text,
        "marks": [list(mark) for mark in snippet.marks],
        "lines": [hit.first_line, hit.last_line],
        "score": round(hit.score, 6),
        "citation": hit.citation,
        "parts": {part: round(value, 6) for part, value in parts_of(hit)} if explain else None,
    }


def snippet_of(hit: Hit, *, width: int = WIDTH) -> Snippet:
    """The stretch of the passage that shows best why it was found; nothing is marked where a credential was left."""
    from gbrain.domain.lexing import located
    from gbrain.domain.snippets import snippet
    from gbrain.domain.windows import Span

    # Of a credential that is cut, or whose line has become part of another, no rule would know the rest.
    text = redact(hit.text)
    found = ((start, end, lexeme) for start, end, lexeme in located(text) if lexeme in hit.parts)
    shown = snippet(text, [Span(start, end, hit.parts[lexeme], lexeme) for start, end, lexeme in found], width=width)
    hidden = redact(shown.text)
    return shown if hidden == shown.text else replace(shown, text=hidden[:width], marks=())


def parts_of(hit: Hit) -> list[tuple[str, float]]:
    """What the score is made of, the greatest part first."""
    parts = defaultdict[str, float](float)
    for part, value in hit.parts.items():
        parts[presentable(part)] += value
    return sorted(parts.items(), key=lambda part: -part[1])
