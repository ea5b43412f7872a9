"""What a search found, as JSON documents and tools tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gbrain.domain.paths import display
from gbrain.domain.search import Found, Hit

if TYPE_CHECKING:
    from gbrain.domain.snippets import Snippet

WIDTH = 240
"""Characters of a snippet."""


def document(found: Found, *, explain: bool) -> dict[str, object]:
    """The answer to a search; what scores are made of where it is to be explained."""
    return {
        "mode": found.mode.value,
        "notes": [{"code": note.code, "message": note.message, "hint": note.hint} for note in found.notes],
        "results": [described(hit, explain=explain) for hit in found.hits],
    }


def described(hit: Hit, *, explain: bool) -> dict[str, object]:
    """A page that was found."""
    snippet = snippet_of(hit)
    return {
        "source_id": hit.source_id,
        "slug": hit.slug,
        "path": display(hit.path),
        "title": hit.title,
        "headings": list(hit.headings),
        "snippet": snippet.text,
        "marks": [list(mark) for mark in snippet.marks],
        "lines": [hit.first_line, hit.last_line],
        "score": round(hit.score, 6),
        "citation": hit.citation,
        "parts": {part: round(value, 6) for part, value in parts_of(hit)} if explain else None,
    }


def snippet_of(hit: Hit, *, width: int = WIDTH) -> Snippet:
    """The stretch of the passage that shows best why it was found."""
    from gbrain.domain.lexing import located
    from gbrain.domain.snippets import snippet
    from gbrain.domain.windows import Span

    found = ((start, end, lexeme) for start, end, lexeme in located(hit.text) if lexeme in hit.parts)
    return snippet(hit.text, [Span(start, end, hit.parts[lexeme], lexeme) for start, end, lexeme in found], width=width)


def parts_of(hit: Hit) -> list[tuple[str, float]]:
    """What the score is made of, the greatest part first."""
    return sorted(hit.parts.items(), key=lambda part: -part[1])
