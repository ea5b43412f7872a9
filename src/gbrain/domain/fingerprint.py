"""Short hashes of everything that decides what a source's rows look like, the tree apart."""

from __future__ import annotations

import hashlib
import json
import unicodedata

from gbrain.domain.lexing import LEXEME_RULE
from gbrain.domain.source import Source

SLUG_RULE = 1


def page_fingerprint(pipeline: str) -> bytes:
    """8 bytes that change when a page of an unchanged blob may come out differently.

    The Unicode version is in it, since slugs and titles follow the interpreter's character tables.
    """
    return _hash([pipeline, SLUG_RULE, LEXEME_RULE, unicodedata.unidata_version])


def source_fingerprint(pipeline: str, source: Source) -> bytes:
    """8 bytes that change when a source's settings or the pipeline could select or derive other pages."""
    subdir = None if source.subdir is None else source.subdir.hex()
    chosen = [source.branch, subdir, source.strategy.value, sorted(source.include), sorted(source.exclude)]
    return _hash([pipeline, SLUG_RULE, LEXEME_RULE, unicodedata.unidata_version, *chosen])


def _hash(parts: list[object]) -> bytes:
    return hashlib.sha256(json.dumps(parts).encode()).digest()[:8]
