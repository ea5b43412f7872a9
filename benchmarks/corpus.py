"""A deterministic corpus: the same seed gives the same repositories, byte for byte.

Words are drawn by rank (a Zipf-like law over 30,000 made-up words), so that the search column meets a vocabulary as
uneven as prose has. Repositories are written by `git fast-import`, which takes seconds where `git add` takes minutes.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

PAGE_BYTES = 4080
VOCABULARY = 30_000


def page(seed: int, size_bytes: int = PAGE_BYTES) -> bytes:
    """One Markdown page of about `size_bytes`: front matter, headings, paragraphs, lists, a table, code, links."""
    rng = random.Random(seed)
    parts = [f"---\ntitle: {_title(rng)}\ntags: [{_word(rng)}, {_word(rng)}]\n---\n\n# {_title(rng)}\n"]
    size = len(parts[0])
    while size < size_bytes:
        parts.append(_block(rng))
        size += len(parts[-1])
    return "\n".join(parts).encode()


def title_words(seed: int) -> list[str]:
    """The words of a title, as a page of this seed begins with, in lower case."""
    return _title(random.Random(seed)).lower().split()


def vocabulary() -> list[str]:
    """All words, the most frequent first."""
    return _words()


def small_page(seed: int) -> bytes:
    """A page of one heading and one sentence."""
    rng = random.Random(seed)
    return f"# {_title(rng)}\n\n{_sentence(rng)}\n".encode()


def write_repository(folder: Path, files: Iterable[tuple[str, bytes]], *, message: str = "pages") -> None:
    """A repository whose one commit on `main` holds these files, without a checked-out tree."""
    folder.mkdir(parents=True)
    subprocess.run(["git", "init", "-q", "-b", "main", str(folder)], check=True)
    commit(folder, files, message=message)


def commit(folder: Path, files: Iterable[tuple[str, bytes | None]], *, message: str) -> None:
    """One more commit on `main`: contents by path, None for a path that goes."""
    child = subprocess.Popen(["git", "-C", str(folder), "fast-import", "--quiet", "--force"], stdin=subprocess.PIPE)
    assert child.stdin is not None
    for piece in _stream(folder, files, message):
        child.stdin.write(piece)
    child.stdin.close()
    if child.wait() != 0:
        raise RuntimeError("git fast-import failed")


def path(number: int) -> str:
    """Where the page of this number stands."""
    return f"area{number % 20:02d}/topic{number % 7}/page-{number:05d}.md"


def move(folder: Path, before: str, after: str) -> None:
    """One more commit on `main`, in which a folder has another name, and there is nothing else."""
    tree = _git(folder, "rev-parse", f"main:{before}")
    moved = _git(folder, "mktree", fed=f"040000 tree {tree}\t{after}\n")
    identity = ("-c", "user.name=Bench", "-c", "user.email=bench@example.org")
    commit = _git(folder, *identity, "commit-tree", moved, "-p", "main", "-m", "rename")
    _git(folder, "update-ref", "refs/heads/main", commit)


def _git(folder: Path, *arguments: str, fed: str | None = None) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, input=fed, capture_output=True, text=True, check=True).stdout.strip()


def _stream(folder: Path, files: Iterable[tuple[str, bytes | None]], message: str) -> Iterator[bytes]:
    parent = subprocess.run(
        ["git", "-C", str(folder), "rev-parse", "-q", "--verify", "refs/heads/main"], capture_output=True, text=True
    ).stdout.strip()
    yield b"commit refs/heads/main\ncommitter Bench <bench@example.org> 1700000000 +0000\n"
    yield f"data {len(message.encode())}\n{message}\n".encode()
    if parent:
        yield f"from {parent}\n".encode()
    for path, content in files:
        if content is None:
            yield f"D {path}\n".encode()
        else:
            yield f"M 100644 inline {path}\ndata {len(content)}\n".encode() + content + b"\n"
    yield b"\n"


def _block(rng: random.Random) -> str:
    kind = rng.random()
    if kind < 0.16:
        return f"## {_title(rng)}\n"
    if kind < 0.22:
        return f"### {_title(rng)}\n"
    if kind < 0.34:
        return "".join(f"- {_sentence(rng)}\n" for _ in range(rng.randint(3, 7)))
    if kind < 0.38:
        rows = "".join(f"| {_word(rng)} | {_word(rng)} {_word(rng)} |\n" for _ in range(rng.randint(3, 8)))
        return f"| {_word(rng)} | {_word(rng)} |\n|---|---|\n{rows}"
    if kind < 0.43:
        lines = "".join(f"{_word(rng)} = {_word(rng)}({_word(rng)})\n" for _ in range(rng.randint(3, 9)))
        return f"```python\n{lines}```\n"
    text = " ".join(_sentence(rng) for _ in range(rng.randint(2, 7)))
    if rng.random() < 0.3:
        text += f" See [{_word(rng)}](../{_word(rng)}.md) and [[{_word(rng)}]]."
    return text + "\n"


def _title(rng: random.Random) -> str:
    return " ".join(_word(rng) for _ in range(rng.randint(2, 5))).capitalize()


def _sentence(rng: random.Random) -> str:
    return " ".join(_word(rng) for _ in range(rng.randint(6, 18))).capitalize() + "."


def _word(rng: random.Random) -> str:
    words = _words()
    return words[min(int(VOCABULARY ** rng.random()) - 1, VOCABULARY - 1)]


@cache
def _words() -> list[str]:
    rng = random.Random(20)
    syllables = [c + v for c in "b d f g h j k l m n p r s t v w z st tr ch".split() for v in "a e i o u ea ou".split()]
    words: dict[str, None] = {}
    while len(words) < VOCABULARY:
        ending = rng.choice(["", "", "", "n", "s", "ing", "ed", "er"])
        words["".join(rng.choice(syllables) for _ in range(rng.randint(1, 4))) + ending] = None
    return list(words)
