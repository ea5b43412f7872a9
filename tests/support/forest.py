"""Trees of every shape under names of every kind, as values: what stands at which path."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from support.trees import File

Tree = dict[bytes, File]
LINK, MODULE, FOLDER = 0o120000, 0o160000, 0o040000
"""Modes beside those of files. A module's content is the id of its commit; a folder is empty, and git has none."""
_NO_COMMIT = b"5" * 40
_LEVELS = 60

NAMES: Mapping[str, Sequence[bytes]] = {
    "ascii": [b"one.md", b"two.txt", b"three.py", b"four.md"],
    "forms": [
        "\N{LATIN SMALL LETTER E WITH ACUTE}.md".encode(),
        "e\N{COMBINING ACUTE ACCENT}.md".encode(),
        "\N{LATIN SMALL LETTER E WITH ACUTE}.txt".encode(),
        "\N{FULLWIDTH LATIN SMALL LETTER E}.py".encode(),
    ],
    "cases": [b"Page.md", b"page.md", b"PAGE.MD", b"pAge.txt"],
    "bytes": [b"latin-\xe9.md", b"\xff\xfe.txt", b"half-\xed\xa0\x80.md", b"lone-\x80.py"],
    "blanks": [b" two  words .md", b"new\nline.md", b'"quoted" \'s.txt', b"tab\tand\x07bell.py"],
    "dots": [b"-dash.md", b"--.txt", b".hidden.md", b"..md", b"...py"],
    "long": [
        b"l" * 252 + b".md",
        b"l" * 251 + b"m.md",
        "\N{LATIN SMALL LETTER A WITH DIAERESIS}".encode() * 126 + b".md",
    ],
    "options": [b"--help.md", b"-rf.txt", b"--output=x.py", b"@{-1}.md"],
    "windows": [b"CON.md", b"aux.txt", b"a:b.md", b"point.md.", b"back\\slash.py", b"git~1.md"],
}


def page(text: bytes) -> File:
    """A small page that says this."""
    return File(b"# %b\n\nSee [more](keep.md) and [[keep]].\n" % text)


def _flat(names: Sequence[bytes], wide: int) -> Tree:
    return {name: page(b"Flat %d" % number) for number, name in enumerate(names)}


def _deep(names: Sequence[bytes], wide: int) -> Tree:
    levels = {number * _LEVELS // len(names): name for number, name in enumerate(names)} | {_LEVELS: names[0]}
    return {b"d/" * level + name: page(b"Level %d" % level) for level, name in levels.items()}


def _wide(names: Sequence[bytes], wide: int) -> Tree:
    return _flat(names, wide) | {b"wide/%04d.md" % number: File(b"# %d\n" % number) for number in range(wide)}


def _hollow(names: Sequence[bytes], wide: int) -> Tree:
    folders = [b"empty", b"sub/empty", b"not/at/all", b"not/quite"]
    return {name: File(b"", FOLDER) for name in folders} | {b"not/quite/" + names[0]: page(b"Alone")}


def _mixed(names: Sequence[bytes], wide: int) -> Tree:
    contents = [
        b"---\ntitle: Told\ntags: [x]\n---\n# Not the title\n",
        b"---\nx: [\n---\n# Broken\n",
        b"\x00\x01binary",
        b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n",
        b"",
        b"\xef\xbb\xbf# With a mark\r\n\r\nCRLF\r\n",
        b"latin \xe4\n",
        b"def tool():\n    return 1\n",
    ]
    kinds = [b"md", b"md", b"md", b"txt", b"py", b"md", b"rst", b"py"]
    fixed = {
        b"kind-%d.%b" % (number, kind): File(content)
        for number, (kind, content) in enumerate(zip(kinds, contents, strict=True))
    }
    named = {b"more/" + name: File(contents[number % 8]) for number, name in enumerate(names)}
    return fixed | named | {b"image.png": File(b"\x89PNG\0"), b"README": page(b"No extension")}


def _links(names: Sequence[bytes], wide: int) -> Tree:
    targets = [names[0], b"no/such.md", b"..", b"/etc/hostname", names[-1]]
    linked = {b"links/" + name: File(target, LINK) for name, target in zip(names, targets, strict=False)}
    return {
        names[0]: page(b"Pointed to"),
        **linked,
        names[-1]: File(names[-1], LINK),
        b"sub/up.md": File(b"../" + names[0], LINK),
    }


def _modules(names: Sequence[bytes], wide: int) -> Tree:
    modules = {b"modules/" + name: File(_NO_COMMIT, MODULE) for name in names[1:]}
    return {names[0]: page(b"Beside them"), **modules, b"sub/module.md": File(_NO_COMMIT, MODULE)}


_SHAPES: Mapping[str, Callable[[Sequence[bytes], int], Tree]] = {
    "flat": _flat,
    "deep": _deep,
    "wide": _wide,
    "hollow": _hollow,
    "single": lambda names, wide: {},
    "mixed": _mixed,
    "links": _links,
    "modules": _modules,
}
SHAPES = list(_SHAPES)


def tree(shape: str, kind: str, *, wide: int) -> Tree:
    """A tree of this shape with names of this kind, and always a file in `sub`. A wide one has `wide` more."""
    names = NAMES[kind]
    found = _SHAPES[shape](names, wide) | {b"sub/" + names[0]: page(b"Below")}
    return found if shape == "single" else found | {b"sub/keep.md": page(b"Kept"), b"sub2/" + names[-1]: page(b"Near")}
