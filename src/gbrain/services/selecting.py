"""What a source's settings and this program select of a tree, and the fingerprints that stand for it."""

from __future__ import annotations

from gbrain.chunking.kinds import kind_of
from gbrain.chunking.pipeline import PIPELINE
from gbrain.domain.filters import path_filter
from gbrain.domain.fingerprint import page_fingerprint, source_fingerprint
from gbrain.domain.plan import Rules
from gbrain.domain.source import Source
from gbrain.domain.strategy import is_wanted


def rules_of(source: Source, *, full: bool = False, retry: bool = False) -> Rules:
    """The rules by which a plan for the source decides."""
    return Rules(
        wanted=lambda path: is_wanted(kind_of(path), source.strategy),
        is_left_in=path_filter(source.include, source.exclude),
        fingerprint=page_fingerprint(PIPELINE),
        full=full,
        retry=retry,
    )


def fingerprint_of(source: Source) -> bytes:
    """What the source's bookmark is stamped with: another one means that another tree may be wanted, or other rows."""
    return source_fingerprint(PIPELINE, source)
