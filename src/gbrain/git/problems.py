"""What can be wrong with a source that git reads, as values with the codes of the contract."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Code = Literal[
    "fetch_failed",
    "fetch_timeout",
    "auth_failed",
    "remote_gone",
    "branch_gone",
    "not_a_repository",
    "path_missing",
    "no_commit",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Why a source could not be fetched or read, and what a person can do about it. One line each, no credentials."""

    code: Code
    message: str
    hint: str
