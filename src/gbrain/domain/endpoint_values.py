"""The values that the keys of an endpoint can have; where one cannot, the ValueError names what it is not."""

from __future__ import annotations

import math
import re
from datetime import timedelta
from urllib.parse import urlsplit

from gbrain.domain.durations import parse_duration

MAX_DIMENSIONS = 4000
"""The most that pgvector can index: its HNSW over `halfvec` takes no more."""

_AUTHORITY = re.compile(r"(?:[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\])(?::\d+)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def dimensions_error(dimensions: int) -> str | None:
    """Why vectors of this length cannot be kept, or None where they can."""
    if dimensions > MAX_DIMENSIONS:
        return f"{dimensions:,} dimensions are more than can be indexed: pgvector's HNSW on halfvec takes at most 4,000"
    return None


def base_url(value: object) -> str:
    """Where an endpoint is, without a slash at its end."""
    wanted = "an http or https URL such as https://host/v1, without credentials, query or '/embeddings' at its end"
    url = text(value).rstrip("/")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(wanted) from None
    is_plain = url.isascii() and url.isprintable() and not any(c in url for c in ' @?#\\"<>')
    is_there = _AUTHORITY.fullmatch(parts.netloc) is not None and port != 0
    if parts.scheme not in ("http", "https") or not is_plain or not is_there or parts.path.endswith("/embeddings"):
        raise ValueError(wanted)
    return url


def text(value: object) -> str:
    """A line of text that is not blank."""
    if not isinstance(value, str) or not value.strip() or not value.isprintable():
        raise ValueError("a text in quotes")
    return value


def variable(value: object) -> str:
    """The name of an environment variable."""
    if not isinstance(value, str) or _VARIABLE.fullmatch(value) is None:
        raise ValueError("the name of an environment variable; the key itself belongs into that variable")
    return value


def dimensions(value: object) -> int:
    """A length of vectors that can be kept."""
    length = positive(value)
    if (error := dimensions_error(length)) is not None:
        raise ValueError(f"possible: {error}")
    return length


def positive(value: object) -> int:
    """A whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError("a whole number of at least 1")
    return value


def limit(value: object) -> int:
    """A whole number, 0 standing for no limit."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("a whole number of at least 0, which stands for no limit")
    return value


def amount(value: object) -> float:
    """A price, or a sum of money."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < math.inf:
        raise ValueError("a number of at least 0")
    return float(value)


def duration(value: object) -> timedelta:
    """A length of time."""
    found = parse_duration(str(value)) if isinstance(value, int | str) and not isinstance(value, bool) else None
    if found is None:
        raise ValueError("a duration such as 90, 30s or 5m")
    return found
