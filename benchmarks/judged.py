"""Public test collections with relevance judgements: their documents as repositories, and what answers their queries.

The format is that of the SMART collections: `.I` number, `.T` title, `.A` author, `.B` bibliography, `.W` text.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Collection:
    """Documents by number (title and text), queries by number, and the documents that are relevant to each."""

    name: str
    documents: dict[str, tuple[str, str]]
    queries: dict[str, str]
    relevant: dict[str, set[str]]
    floor: float
    """nDCG@10 of BM25 with a small suffix stemmer, as the collection's own page has it."""

    def files(self) -> Iterator[tuple[str, bytes]]:
        """A page for each document."""
        for number, (title, text) in self.documents.items():
            said = f"# {title}\n\n{text}\n" if title else f"{text}\n"
            yield f"{number}.md", said.encode()


def cranfield(folder: Path) -> Collection:
    """Cranfield: its judgements number the queries by position."""
    records = _records(folder / "cran.qry")
    queries = {str(place): record["W"] for place, record in enumerate(records.values(), start=1)}
    judged = _judged(folder / "cranqrel")
    return _collection("Cranfield", folder / "cran.all.1400", queries, judged, 0.509)


def cisi(folder: Path) -> Collection:
    """CISI."""
    queries = {number: record["W"] for number, record in _records(folder / "CISI.QRY").items()}
    return _collection("CISI", folder / "CISI.ALL", queries, _judged(folder / "CISI.REL"), 0.365)


def _collection(
    name: str, documents: Path, queries: dict[str, str], judged: dict[str, set[str]], floor: float
) -> Collection:
    texts = {number: (record["T"], record["W"]) for number, record in _records(documents).items()}
    relevant = {number: documents & texts.keys() for number, documents in judged.items() if number in queries}
    return Collection(name=name, documents=texts, queries=queries, relevant=relevant, floor=floor)


def _records(file: Path) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, list[str]]] = {}
    number = field = ""
    for line in file.read_text(encoding="latin-1").splitlines():
        if (head := re.fullmatch(r"\.([A-Z])(?: +(\d+))?\s*", line)) is None:
            found[number][field].append(line)
        elif head[1] == "I":
            number = str(int(head[2]))
            found[number] = defaultdict(list)
        else:
            field = head[1]
    return {
        number: {name: " ".join(" ".join(record[name]).split()) for name in ("T", "W")}
        for number, record in found.items()
    }


def _judged(file: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for line in file.read_text().splitlines():
        if (parts := line.split())[:2]:
            found[str(int(parts[0]))].add(str(int(parts[1])))
    return found
