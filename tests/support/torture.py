"""How much is tried: with GBRAIN_TORTURE=1 in the environment all of it, else what fits into a check."""

from __future__ import annotations

import os

TORTURE = os.environ.get("GBRAIN_TORTURE") == "1"
_SHARE = 3


def examples(number: int) -> int:
    """So many examples of a property, or a third of them."""
    return number if TORTURE else -(-number // _SHARE)
