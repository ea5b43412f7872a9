"""Which kinds of files a source's strategy takes in."""

from __future__ import annotations

from gbrain.domain.content import PageKind
from gbrain.domain.source import Strategy


def is_wanted(kind: PageKind | None, strategy: Strategy) -> bool:
    """Whether a path of this kind becomes a page; None is a path of no kind that is taken in at all."""
    match strategy, kind:
        case _, None:
            return False
        case Strategy.AUTO, _:
            return True
        case Strategy.CODE, _:
            return kind is PageKind.CODE
        case Strategy.MARKDOWN, _:
            return kind is not PageKind.CODE
