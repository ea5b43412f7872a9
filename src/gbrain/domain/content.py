"""What a blob holds once it has been read: a page with its chunks and links, or the reason why there is none.

Pages, chunks and links are named tuples: a large sync hands hundreds of thousands of them from process to process, and
a frozen dataclass with slots is pickled ten times slower.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple


class PageKind(StrEnum):
    """How a page's text is parsed, decided by its path alone."""

    MARKDOWN = "markdown"
    TEXT = "text"
    CODE = "code"


class LinkKind(StrEnum):
    """The form in which a link was written."""

    LINK = "link"
    IMAGE = "image"
    WIKILINK = "wikilink"
    EMBED = "embed"


class Reason(StrEnum):
    """Why a path of the tree has no page. The first group is skipped, the second has failed."""

    BINARY = "binary"
    LFS_POINTER = "lfs_pointer"
    SYMLINK = "symlink"
    SUBMODULE = "submodule"
    SPECIAL_FILE = "special_file"

    TOO_LARGE = "too_large"
    FRONT_MATTER_BROKEN = "front_matter_broken"
    FRONT_MATTER_TOO_LARGE = "front_matter_too_large"
    FRONT_MATTER_TOO_DEEP = "front_matter_too_deep"
    UNREADABLE = "unreadable"

    @property
    def skips(self) -> bool:
        """True where the path is left out for what it is; False where a person should look at it."""
        return self in _SKIPPED


def skips(reason: str) -> bool:
    """The same of a reason as it is stored, which may be none we know."""
    return reason in _SKIPPED


_SKIPPED = frozenset({Reason.BINARY, Reason.LFS_POINTER, Reason.SYMLINK, Reason.SUBMODULE, Reason.SPECIAL_FILE})


REASON_MEANINGS = {
    Reason.BINARY: "NULs and bytes that are not UTF-8 make up 1 % of it or more.",
    Reason.LFS_POINTER: "It only points to a file that git LFS keeps elsewhere.",
    Reason.SYMLINK: "A symbolic link: what it points to comes in by its own path, where it is in the source.",
    Reason.SUBMODULE: "A repository of its own, by git or in a plain folder: it can be a source of its own.",
    Reason.SPECIAL_FILE: "A pipe, a socket or a device in a plain folder.",
    Reason.TOO_LARGE: "Over 5,000,000 bytes (never read), or more of something than a page may have: see `detail`.",
    Reason.FRONT_MATTER_BROKEN: "The YAML at its head cannot be read, or has a key twice.",
    Reason.FRONT_MATTER_TOO_LARGE: "The YAML at its head has too many values, aliases followed.",
    Reason.FRONT_MATTER_TOO_DEEP: "The YAML at its head is nested too deep.",
    Reason.UNREADABLE: "In a plain folder, it may not be read or entered; or whatever reads it crashes.",
}
"""Each reason in a sentence, for the reference."""


class Chunk(NamedTuple):
    """One stretch of a page's body. The texts of a page's chunks, put together, are its body to the character.

    `headings` are the titles in force at its first text, outermost first: those the chunk itself begins with
    included, those without text left out, each of at most 500 characters. `first_line` and `last_line` are the lines
    its first and its last character stand on that are not blank space; where all is blank, both are the line it
    begins on. Lines are counted from 1 over the whole file, front matter included, and end with `\\n`, `\\r\\n` or a
    lone `\\r`.
    """

    text: str
    text_hash: bytes
    """SHA-256 of the text in UTF-8, 32 bytes."""
    headings: tuple[str, ...]
    first_line: int
    last_line: int


class Link(NamedTuple):
    """A link as written: its target is not resolved."""

    kind: LinkKind
    target: str
    """As the parser gives it, reference links by their definition; `mailto:` before the address of `<a@b.c>`."""
    line: int
    """The line of the file on which the link starts, from 1."""


class PageContent(NamedTuple):
    """Everything derived from a blob and its path, the slug apart (which depends on the other paths too)."""

    kind: PageKind
    title: str
    front_matter: dict[str, Any] | None
    """JSON values only, equal ones possibly shared; None where the page has no front matter."""
    body_line: int
    """The line of the file on which the body begins, from 1."""
    chunks: tuple[Chunk, ...]
    """None where the body is empty; blank space alone is a body."""
    links: tuple[Link, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """A blob that cannot be taken in, and why."""

    reason: Reason
    detail: str
    """One line for a person: what is wrong, and in which line of the file where that can be said."""


Derived = PageContent | Refused
