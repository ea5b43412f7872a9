"""Values as every answer carries them."""

from __future__ import annotations

from datetime import UTC, datetime

from gbrain.domain.redaction import redact, visible


def presentable(text: str) -> str:
    """The text without credentials, its control characters made visible."""
    return visible(redact(text))


def instant(moment: datetime | None) -> str | None:
    """An instant as JSON carries it: UTC with `Z`, to the millisecond."""
    if moment is None:
        return None
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
