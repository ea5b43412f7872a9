"""Which page of its source a link means: a rule over the link as it was written, and the pages that there are.

A link or an image is a reference as in a URL: relative to its page's folder, or with a leading `/` to the source's
root. It means the file of that path; else the one with an extension of Markdown added; else, of a folder, its README
or index. `page.html` may be what `page.md` is published as.

A wikilink or an embed names a page: by such a path; else by the end of a path, without extension and whatever its
case; else by title. Of several, one in the same folder comes first, then the shortest path, then the first in order of
bytes.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from urllib.parse import quote, unquote_to_bytes

from gbrain.domain.content import LinkKind

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:|//")
_ADDED = (b".md", b".mdx", b".markdown")
_OF_FOLDER = (b"README.md", b"readme.md", b"index.md", b"_index.md")
_OF_FOLDER_STEMS = ("readme", "index", "_index")
_PUBLISHED = (b".html", b".htm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A page that a link may mean."""

    page_id: int
    path: bytes
    slug: str
    kind: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a link means, as far as the link itself tells: one of these paths, the first that there is; else a name."""

    paths: tuple[bytes, ...]
    name: str | None = None
    """Without extension, in one case, perhaps with folders before it; None where only a path can be meant."""

    @property
    def last_name(self) -> str | None:
        """The name without folders."""
        return None if self.name is None else self.name.rpartition("/")[2]


def wanted(kind: str, target: str, path: bytes) -> Wanted | None:
    """What a link on the page at `path` means; None where it leads out of the source, or to its own page."""
    target = target.strip()
    if _SCHEME.match(target):
        return None
    if kind in (LinkKind.WIKILINK, LinkKind.EMBED):
        return _wanted_by_name(target.partition("#")[0].partition("^")[0].strip(), path)
    reference = re.split(r"[?#]", target, maxsplit=1)[0]
    found = _joined(path, unquote_to_bytes(reference)) if reference else None
    return Wanted(paths=tuple(_candidates(found, is_folder=reference.endswith("/")))) if found is not None else None


class Directory:
    """Pages of a source, by what links call them."""

    def __init__(self, places: Iterable[Place]) -> None:
        self._by_path: dict[bytes, Place] = {}
        self._by_name: defaultdict[str, list[Place]] = defaultdict(list)
        self._by_title: defaultdict[str, list[Place]] = defaultdict(list)
        for place in places:
            self._by_path[place.path] = place
            self._by_name[_stem(place.path).rpartition("/")[2]].append(place)
            self._by_title[place.title.casefold()].append(place)

    def find(self, what: Wanted, beside: bytes) -> Place | None:
        """The page that is meant by a link on the page at `beside`; None where there is none."""
        for path in what.paths:
            if path in self._by_path:
                return self._by_path[path]
        if what.name is None or what.last_name is None:
            return None
        named = [place for place in self._by_name.get(what.last_name, ()) if _ends(_stem(place.path), what.name)]
        found = named or self._by_title.get(what.name, [])
        return min(found, key=lambda place: _rank(place.path, beside), default=None)


def words_of(place: Place) -> tuple[list[str], bool]:
    """What stands, in lower case, in every link that may mean the page; and whether one of dots and slashes may too."""
    stem = _stem(place.path).rpartition("/")[2]
    is_of_folder = stem in _OF_FOLDER_STEMS
    names = [stem, place.title.casefold(), _stem(place.path.rpartition(b"/")[0]).rpartition("/")[2] * is_of_folder]
    written = [form for name in names if name for form in (name, quote(name).lower(), name.replace(" ", "%20"))]
    return list(dict.fromkeys(written)), is_of_folder


def _wanted_by_name(name: str, path: bytes) -> Wanted | None:
    if not name:
        return None
    raw = name.encode("utf-8", "replace")
    places = dict.fromkeys(found for found in (_joined(path, raw), _joined(b"", raw)) if found is not None)
    paths = tuple(candidate for found in places for candidate in (found, *(found + end for end in _ADDED)))
    return Wanted(paths=paths, name=_stem(raw.strip(b"/")))


def _candidates(path: bytes, *, is_folder: bool) -> Iterator[bytes]:
    """The paths that a reference may mean, the likeliest first."""
    if path and not is_folder:
        yield path
        yield from (path + end for end in _ADDED)
        for published in _PUBLISHED:
            if path.endswith(published):
                yield from (path.removesuffix(published) + end for end in _ADDED)
    yield from (b"/".join(filter(None, (path, name))) for name in _OF_FOLDER)


def _joined(path: bytes, reference: bytes) -> bytes | None:
    """The path that a reference leads to from a page; None where that is above the source's root."""
    parts = [] if reference.startswith(b"/") else path.split(b"/")[:-1]
    for part in reference.split(b"/"):
        if part == b"..":
            if not parts:
                return None
            parts.pop()
        elif part not in (b"", b"."):
            parts.append(part)
    return b"/".join(parts)


def _stem(path: bytes) -> str:
    """A path in one case, without its extension where that is one of a page that is read as Markdown."""
    text = path.decode("utf-8", "replace").casefold()
    return next((text[: -len(end)] for end in (".md", ".mdx", ".markdown") if text.endswith(end)), text)


def _ends(stem: str, name: str) -> bool:
    return stem == name or stem.endswith(f"/{name}")


def _rank(path: bytes, beside: bytes) -> tuple[bool, int, bytes]:
    return path.rpartition(b"/")[0] != beside.rpartition(b"/")[0], len(path), path
