"""The version of everything that decides what is derived from a blob."""

from __future__ import annotations

from importlib.metadata import version

RULES = 3
"""Raised whenever a change to this package could make a page of an unchanged blob come out differently."""

PIPELINE = f"gbrain {RULES}, pyromark {version('pyromark')}, pyyaml {version('pyyaml')}"
"""Equal strings derive equal pages from equal blobs and paths."""
