"""What acquiring a source gives: a repository, the revision wanted of it, and how asking its remote went."""

from __future__ import annotations

from dataclasses import dataclass

from gbrain.domain.tree import Revision
from gbrain.git.problems import Problem
from gbrain.git.repository import Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The remote was asked, and its news are here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NotAsked:
    """There is a remote, and it was not to be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoRemote:
    """There is nothing to ask: no upstream, or a detached HEAD."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchProblem:
    """The remote was asked in vain; what was fetched before, or committed here, can still be read."""

    problem: Problem


FetchOutcome = Fetched | NotAsked | NoRemote | FetchProblem


@dataclass(frozen=True, slots=True, kw_only=True)
class Acquired:
    """A repository and the revision wanted of it."""

    repository: Repository
    revision: Revision
    fetch: FetchOutcome

    @property
    def can_be_made_anew(self) -> bool:
        """Whether it is a copy of ours, of something that can be asked now."""
        return self.repository.is_ours and not isinstance(self.fetch, NotAsked | FetchProblem)
