"""What `gbrain search` has found, as people read it."""

from __future__ import annotations

from collections.abc import Sequence

from gbrain.cli.answer import presentable, put
from gbrain.documents.search import parts_of, snippet_of
from gbrain.domain.paths import display
from gbrain.domain.search import Hit

_BOLD, _NOT_BOLD = "\x1b[1m", "\x1b[22m"


def put_hits(hits: Sequence[Hit], *, explain: bool, marking: bool) -> None:
    """Show each page that was found, best first; `marking`: what matched is in bold."""
    for number, hit in enumerate(hits):
        if number:
            put("")
        _put_hit(hit, explain=explain, marking=marking)
    if not hits:
        put("nothing found")


def _put_hit(hit: Hit, *, explain: bool, marking: bool) -> None:
    put(f"{hit.citation}  {presentable(hit.title)}")
    # What is listed and not ranked has none.
    score = f"  {hit.score:.3f}" if hit.score else ""
    put(f"  {display(hit.path)}:{_lines(hit)}{score}")
    put(f"  {_snippet(hit, marking=marking)}")
    if explain and hit.parts:
        put("  " + ", ".join(f"{part} {value:.3f}" for part, value in parts_of(hit)))


def _snippet(hit: Hit, *, marking: bool) -> str:
    found = snippet_of(hit)
    shown = presentable(found.text)
    return found.marked(_BOLD, _NOT_BOLD) if marking and shown == found.text else shown


def _lines(hit: Hit) -> str:
    return str(hit.first_line) if hit.first_line == hit.last_line else f"{hit.first_line}-{hit.last_line}"
