"""What a sync embedded, and what waits for its vector: as text and in the document."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from gbrain.cli.answer import counted, presentable, put

if TYPE_CHECKING:
    from gbrain.app.beside import Embedding


def put_embedding(
    embedding: Embedding | None, *, at: datetime | None = None, only_trouble: bool = False, says_why: bool = True
) -> None:
    """A line of what was embedded, with the time of day where it is given, and one of what waits and why; or none."""
    if embedding is None:
        return
    done = embedding.places.total()
    if done and embedding.model is not None and not only_trouble:
        put(
            presentable(f"embedded {counted(done, 'chunk')} ({embedding.model.name}{f', {at:%H:%M:%S}' if at else ''})")
        )
    why = embedding.shortfall
    if why is not None and says_why:
        put(presentable(f"{_waiting(embedding)}: {why.message.rstrip('.')}; {why.hint}"))


def described(embedding: Embedding) -> dict[str, Any] | None:
    """The same as a part of a document; None where embedding is switched off."""
    model, why = embedding.model, embedding.shortfall
    if model is None and why is None:
        return None
    return {
        "model": presentable(model.name) if model is not None else None,
        "embedded": embedding.places.total(),
        "pending": sum(embedding.pending.values()),
        "reason": why.cause.value if why is not None else None,
        "error": presentable(why.message) if why is not None else None,
        "hint": presentable(why.hint) if why is not None else None,
    }


def _waiting(embedding: Embedding) -> str:
    pending = sum(embedding.pending.values())
    if not pending:
        return "nothing is embedded"
    return f"{counted(pending, 'chunk')} {'waits for its embedding' if pending == 1 else 'wait for embeddings'}"
