"""A source and its settings, as text."""

from __future__ import annotations

from gbrain.documents.sources import described as described
from gbrain.domain.paths import display
from gbrain.domain.source import SourceState


def place(state: SourceState) -> str:
    """Where the source's repository is, and what of it is meant."""
    source = state.source
    where = display(source.path) if source.path is not None else source.url or ""
    parts = [
        "a plain folder" if source.is_plain else "",
        f"folder {display(source.subdir)}" if source.subdir else "",
        f"branch {source.branch}" if source.branch else "",
    ]
    return ", ".join([where, *filter(None, parts)])


def shown(value: object) -> str:
    """One of these values as a person reads it."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "-"
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
