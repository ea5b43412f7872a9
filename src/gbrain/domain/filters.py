"""Which paths of a source its include and exclude globs leave in, in the words of `.gitignore`.

Globs are matched by RE2, which takes time linear in the path whatever the glob: backtracking could take for ever.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

MAX_GLOBS = 100
MAX_GLOB_CHARACTERS = 1_000


def glob_error(glob: str) -> str | None:
    """Why a text cannot be a glob of a filter, or None where it can."""
    if not glob.strip() or glob.startswith("#"):
        return "it matches nothing"
    if glob.startswith("!"):
        return "a filter has no exceptions: use --include and --exclude"
    if len(glob) > MAX_GLOB_CHARACTERS:
        return f"it is longer than {MAX_GLOB_CHARACTERS} characters"
    if any(character < " " or "\ud800" <= character <= "\udfff" for character in glob):
        return "it holds control characters or is not UTF-8"
    try:
        _matcher([glob])
    except Exception as error:
        return f"it is no glob: {error}"
    return None


def globs_error(globs: Sequence[str]) -> str | None:
    """Why globs cannot be a filter together, each of which could be alone; None where they can."""
    if len(globs) > MAX_GLOBS:
        return f"there are more than {MAX_GLOBS}"
    try:
        _matcher(globs)
    except Exception as error:
        return f"together they are too much: {error}"
    return None


def path_filter(include: Sequence[str], exclude: Sequence[str]) -> Callable[[bytes], bool] | None:
    """Whether a path is left in: some include glob matches it, where there are any, and no exclude glob does.

    None where everything is. Bytes of a path that are not UTF-8 are matched as U+FFFD.
    """
    if not include and not exclude:
        return None
    included, excluded = _matcher(include) if include else None, _matcher(exclude) if exclude else None

    def is_left_in(path: bytes) -> bool:
        text = path.decode("utf-8", "replace")
        return (included is None or included(text)) and not (excluded is not None and excluded(text))

    return is_left_in


def _matcher(globs: Sequence[str]) -> Callable[[str], bool]:
    from pathspec import GitIgnoreSpec

    return GitIgnoreSpec.from_lines(globs, backend="re2").match_file
