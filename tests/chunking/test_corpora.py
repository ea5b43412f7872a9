"""Real Markdown: three public documentation trees, held against an independent parser of CommonMark."""

import bisect
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from chunking import reference
from gbrain.chunking.derive import derive
from gbrain.chunking.front_matter import Split, split
from gbrain.chunking.kinds import kind_of
from gbrain.chunking.markdown import MarkdownReader
from gbrain.chunking.packing import LIMIT_BYTES
from gbrain.domain.content import PageContent, PageKind

CORPORA = os.environ.get("GBRAIN_TEST_CORPORA")
_EVERY = 1 if os.environ.get("GBRAIN_TORTURE") == "1" else 3
"""All files of the corpora take the other parser half a minute; the short form reads a third of them."""

pytestmark = [
    pytest.mark.corpora,
    pytest.mark.xdist_group("corpora"),
    pytest.mark.skipif(not CORPORA, reason="GBRAIN_TEST_CORPORA names no folder of git bundles"),
]


@dataclass(frozen=True, slots=True)
class File:
    path: Path
    blob: bytes
    body: bytes
    page: PageContent
    read: reference.Reference


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[File]:
    """Markdown files of the corpora, derived, and read by the other parser."""
    folder = tmp_path_factory.mktemp("corpora")
    for name in ("rfcs", "eips", "astro"):
        bundle = Path(CORPORA or "") / f"{name}.bundle"
        subprocess.run(["git", "clone", "-q", str(bundle), str(folder / name)], check=True)
    return list(read_all(folder))


def read_all(folder: Path) -> Iterator[File]:
    for path in sorted(folder.rglob("*"))[::_EVERY]:
        if path.is_file() and kind_of(os.fsencode(path.name)) is PageKind.MARKDOWN:
            blob = path.read_bytes()
            page = derive(os.fsencode(path.name), blob)
            parts = split(blob)
            assert isinstance(page, PageContent), path
            assert isinstance(parts, Split)
            body = blob[parts.body_start :]
            yield File(path.relative_to(folder), blob, body, page, reference.read(body))


def test_headings_are_those_of_the_other_parser(files: list[File]) -> None:
    """There is no difference to explain: level, line and text of every heading agree."""
    differences = []
    count = 0
    for file in files:
        starts = reference.line_starts(file.body)
        found = [
            reference.Heading(bisect.bisect_right(starts, block.start) - 1, block.level, block.title)
            for block in MarkdownReader(file.body, first_line=1, whole_bytes=0).blocks()
            if block.level
        ]
        count += len(found)
        differences += [(file.path, odd) for odd in set(found) ^ set(file.read.headings)]
        assert len(found) == len(file.read.headings) or differences
    assert count > 20_000 // _EVERY
    assert differences == []


def test_chunks_rejoin_to_the_body(files: list[File]) -> None:
    assert len(files) > 2_000 // _EVERY
    for file in files:
        assert "".join(chunk.text for chunk in file.page.chunks).encode() == file.body, file.path


def test_lines_and_links_point_at_their_text(files: list[File]) -> None:
    for file in files:
        lines = [0, *reference.line_starts(file.blob)]
        for chunk in file.page.chunks:
            shown = file.blob[lines[chunk.first_line] : lines[chunk.last_line + 1]].decode()
            assert chunk.text.strip(" \t\r\n") in shown, (file.path, chunk.first_line)
        for link in file.page.links:
            assert b"[" in (line := file.blob[lines[link.line] :].split(b"\n", 1)[0]) or b"<" in line, (file.path, link)


def test_only_blocks_over_the_limit_are_cut(files: list[File]) -> None:
    total = inside = 0
    for file in files:
        boundaries = []
        at = 0
        for chunk in file.page.chunks[:-1]:
            at += len(chunk.text.encode())
            boundaries.append(at)
        cut = file.read.cut_blocks(boundaries)
        total += len(boundaries)
        inside += len(cut)
        for blocks in cut.values():
            assert all(block.end - block.start > LIMIT_BYTES for block in blocks), (file.path, blocks)
    share = f"{inside} of {total} boundaries ({inside / total:.1%}) fall inside a block over {LIMIT_BYTES} bytes\n"
    sys.stdout.write(share)
    assert inside < total / 10


def test_chunks_are_of_a_useful_size(files: list[File]) -> None:
    sizes = [len(chunk.text.encode()) for file in files for chunk in file.page.chunks]
    assert max(sizes) <= 2 * LIMIT_BYTES
    assert 600 < sum(sizes) / len(sizes) < LIMIT_BYTES
