"""The errors that end a command, each with its exit code and its code for JSON.

    GbrainError
    ├── UsageError            2  usage
    ├── ConfirmationNeeded    3  confirmation_needed
    ├── NotFound              4  not_found
    ├── Busy                  5  lease_held
    └── CouldNotRun           6
        ├── DatabaseUnusable     database
        ├── HomeUnusable         home
        ├── DiskFull             disk_full
        ├── SchemaTooNew         schema_too_new
        ├── EmbedderUnusable     embedder
        ├── AddressUnusable      address
        └── PlatformUnsupported  platform
    LeaseLost, PathTwice         (end one source's run, never a command)

What a caller is bound to meet (a hung remote, a held lease, a page that cannot be read) is a value, not one of these.
"""

from __future__ import annotations

from typing import ClassVar


class GbrainError(Exception):
    """An error a person can act on: what was tried, on what, and, as `hint`, what to do."""

    exit_code: ClassVar[int] = 1
    code: ClassVar[str] = "internal"

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(GbrainError):
    """The command's words cannot be understood or do not go together."""

    exit_code = 2
    code = "usage"


class ConfirmationNeeded(GbrainError):
    """The command destroys something and was not given `--yes`."""

    exit_code = 3
    code = "confirmation_needed"


class NotFound(GbrainError):
    """There is no such source, page or job."""

    exit_code = 4
    code = "not_found"


class Busy(GbrainError):
    """Another process holds the lease of the one source asked for."""

    exit_code = 5
    code = "lease_held"


class CouldNotRun(GbrainError):
    """The command could not do anything at all."""

    exit_code = 6
    code = "could_not_run"


class DatabaseUnusable(CouldNotRun):
    """The database does not answer, refuses us, or breaks off."""

    code = "database"


class HomeUnusable(CouldNotRun):
    """The home folder cannot be made, read or trusted."""

    code = "home"


class DiskFull(CouldNotRun):
    """There is no room for what must be written."""

    code = "disk_full"


class SchemaTooNew(CouldNotRun):
    """The brain was migrated by a newer program than this one."""

    code = "schema_too_new"


class EmbedderUnusable(CouldNotRun):
    """What makes vectors cannot be used: not installed, not configured, not reached, or its key is missing."""

    code = "embedder"


class AddressUnusable(CouldNotRun):
    """The address to be served on cannot be had: it is in use, or none of this host."""

    code = "address"


class PlatformUnsupported(CouldNotRun):
    """This operating system or Python cannot run the brain."""

    code = "platform"


class LeaseLost(GbrainError):
    """The lease's token is no longer ours: whatever was not committed must be given up."""

    code = "lease_lost"


class PathTwice(GbrainError):
    """A tree holds one path twice, which only a damaged or forged one does."""

    code = "not_a_repository"
