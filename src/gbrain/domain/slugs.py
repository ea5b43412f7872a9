"""Slugs: the readable name of a page within its source, a function of the source's paths alone."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

MAX_BASE = 200
MIN_DIGITS = 6
UNNAMED = "untitled"


def base_slug(path: bytes) -> str:
    """The slug a path would have if no other path wanted it: lower case, letters of every script kept.

    The last extension goes; what is neither letter, mark nor digit becomes one `-`; folders stay, divided by `/`.
    At most 200 characters, never empty, never holding `~`.
    """
    text = unicodedata.normalize("NFC", path.decode("utf-8", "replace")).lower()
    folders, _, name = text.rpartition("/")
    stem, dot, _ = name.rpartition(".")
    words = [*folders.split("/"), stem if dot and stem else name]
    parts = [part for word in words if (part := _clean(word))]
    return "/".join(parts)[:MAX_BASE].strip("/-") or UNNAMED


def asked_slug(text: str) -> str:
    """The slug that a page of this name would have."""
    return base_slug(f"{text}.md".encode(errors="replace"))


def settle(paths: Iterable[bytes]) -> dict[bytes, str]:
    """The slug of each path of one group, a group being all paths of a source with equal base slugs.

    The first path in byte order keeps the base; every other gets `base~` and the fewest hex digits of its SHA-256,
    at least 6, that tell all of these apart. A group that nobody is left in has no slugs.
    """
    ordered = sorted(paths)
    if not ordered:
        return {}
    first, *others = ordered
    base = base_slug(first)
    digests = {path: hashlib.sha256(path).hexdigest() for path in others}
    digits = _fewest_digits(list(digests.values()))
    return {first: base} | {path: f"{base}~{digest[:digits]}" for path, digest in digests.items()}


def provisional_slug(path: bytes) -> str:
    """The slug of a page that has given up its own to another and awaits its next: unique whatever the others are."""
    return f"{base_slug(path)}~{hashlib.sha256(path).hexdigest()}"


def base_of(slug: str) -> str:
    """The base slug of the group a slug belongs to."""
    return slug.partition("~")[0]


def _fewest_digits(digests: list[str]) -> int:
    digits = MIN_DIGITS
    while digits < 64 and len({digest[:digits] for digest in digests}) < len(digests):
        digits += 1
    return digits


@lru_cache(maxsize=4096)
def _clean(word: str) -> str:
    if word.isascii() and word.isalnum():
        return word
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else "-" for c in word)
    return "-".join(part for part in kept.split("-") if part)
