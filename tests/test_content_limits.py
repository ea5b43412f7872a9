"""Contents that would break a careless reader: each comes in or is refused for a named reason, alone.

With GBRAIN_TORTURE=1 in the environment the heaviest pages that are known are synced too, all in one repository.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from gbrain.chunking import derive as derivation
from gbrain.chunking import yaml_values
from gbrain.chunking.derive import derive
from gbrain.chunking.markdown import MAX_TITLE
from gbrain.chunking.nesting import MAX_STEPS
from gbrain.chunking.packing import LIMIT_BYTES
from gbrain.domain.bm25 import MOST_TIMES
from gbrain.domain.content import Refused
from gbrain.domain.lexing import LONGEST
from gbrain.domain.paths import display
from gbrain.domain.plan import MAX_BLOB_BYTES
from gbrain.domain.slugs import MAX_BASE
from gbrain.services import parts, writing
from gbrain.services.words import MOST_LEXEMES
from gbrain.store import batch as batches
from gbrain.store import staging
from gbrain.store.encoded import encode_page
from gbrain.store.rows import Batch, PageRow
from support import measured
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.repositories import Repository
from support.torture import TORTURE

LARGEST_PROCESS_BYTES = 600_000_000
"""What docs/limits.md promises of each process."""


def _word(number: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return _word(number // 36) + digits[number % 36] if number >= 36 else digits[number]


DISTINCT = 800_000 if TORTURE else 250_000
"""Words: as many as a page takes, or more lexemes than one tsvector does."""


def _many_words() -> str:
    """Distinct words in less than 4.9 MB."""
    return " ".join(_word(36**4 + number) for number in range(DISTINCT))


def _aliases(levels: int) -> str:
    """Front matter whose aliases stand for 10**levels values."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels + 1)]
    return "---\n" + "\n".join(lines) + "\n---\n# Aliases\n"


def _long_path(length: int) -> bytes:
    """A path of so many bytes, of folders of 200."""
    folders = (b"d" * 200 + b"/") * ((length - 10) // 201)
    return folders + b"e" * (length - len(folders) - 3) + b".md"


WORDS = _many_words()
CONTENTS = {
    "line.md": "x" * 4_900_000,
    "brackets.md": "[" * 4_900_000,
    "links.md": "# Links\n\n" + "".join(f"[a{n}](b{n}.md) " for n in range(50_000)),
    "deep/" * 100 + "page.md": "# Deep\n",
    "aliases.md": _aliases(9),
    "key.md": f'---\n"{"k" * 1_000_000}": 1\n---\n# Key\n',
    "yaml.md": "---\nday: 2024-05-06\nat: 2024-05-06T07:08:09\nno: no\nnan: .nan\nbig: 1e23\n---\n# YAML\n",
    "twice.md": "---\na: 1\na: 2\n---\n# Twice\n",
    "bom.md": "\ufeff# BOM\n",
    "nul.md": "# NUL\x00 inside\n\n" + "plain words " * 20,
    "crlf.md": "# CRLF\r\n\r\nText\r\n",
    "feeds.txt": "\n" * 4_900_000,
    "quotes.md": "> >\n>\n" * 50_000,
    "lazy.md": ">" * 300_000 + "a\n" + "b\n" * 100_000,
}
BYTES = {
    "latin.md": b"# Latin\n\n" + b"caf\xe9 " + b"plain words " * 100,
    "mostly-not-text.md": b"\xe9\xe8" * 1000,
    "pointer.md": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
    "binary.md": bytes(random.Random(7).randbytes(10_000)),
    "large.md": b"# Large\n" * 650_000,
    "wide.md": "# Wide\n".encode("utf-16"),
}
REASONS = {
    "aliases.md": "front_matter_too_large",
    "binary.md": "binary",
    "large.md": "too_large",
    "lazy.md": "too_large",
    "mostly-not-text.md": "binary",
    "pointer.md": "lfs_pointer",
    "twice.md": "front_matter_broken",
    "wide.md": "binary",
}
HEAVIEST = {
    "emphasis.md": "*a_ " * 1_200_000,
    "feeds.json": "\r" * 4_900_000,
    "headings.md": "# a\n" * 1_000_000,
    "items.md": "- a\n" * 1_200_000,
    "nested.md": ">" * 4_900_000,
    "paragraph.md": "a\n" * 2_400_000 + "===\n",
    "quotes.md": "> >\n>\n" * 800_000,
    "table.md": "|" + "a|" * 10_000 + "\n|" + "-|" * 10_000 + "\n" + "b|\n" * 1_000_000,
    "wikilinks.md": "[[a]] " * 800_000,
}
PATHS = [
    _long_path(4_000),
    _long_path(4_095),
    _long_path(65_000),
    b"n" * 252 + b".md",
    b"o" * 5_000 + b".md",
    b"latin-\xe9.md",
    b"line\nend.md",
    b"...md",
    b"..../....md",
    b"Case.md",
    b"case.md",
    "caf\u00e9.md".encode(),
    "cafe\u0301.md".encode(),
]


def test_everything_comes_in_or_has_a_reason_and_a_second_sync_reads_nothing(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    repository = Repository.create(tmp_path / "r", {**CONTENTS, **BYTES})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    done, peak_bytes = measured.run(brain, "sync", "--all", "--json", folder=tmp_path, code=1)
    [row] = checked(done, "sync")["sources"]
    found = ask(brain.url or "", "SELECT convert_from(path, 'UTF8'), reason FROM gbrain.ledger ORDER BY path")
    assert dict(found) == REASONS
    assert (row["added"], row["failed"], row["skipped"]) == (len(CONTENTS) + len(BYTES) - len(REASONS), 4, 4)
    assert peak_bytes <= LARGEST_PROCESS_BYTES
    [again] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (again["sync_status"], again["failed"]) == ("up_to_date", 0)
    inside.run(brain, "sync", "--all", "--skip-failed")
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


@pytest.mark.skipif(not TORTURE, reason="GBRAIN_TORTURE=1 asks for it")
def test_the_heaviest_pages_stay_within_the_memory_that_is_promised(brain: BrainCommand, tmp_path: Path) -> None:
    repository = Repository.create(tmp_path / "r", HEAVIEST)
    brain.add("wiki", repository.folder)
    done, peak_bytes = measured.run(brain, "sync", "--all", "--json", folder=tmp_path, code=1)
    [row] = checked(done, "sync")["sources"]
    assert (row["added"], row["failed"]) == (len(HEAVIEST) - 1, 1)
    assert peak_bytes <= LARGEST_PROCESS_BYTES


def test_paths_of_any_length_and_of_any_bytes_are_pages_of_their_own(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    repository = Repository.create(tmp_path / "r")
    _forge(repository, PATHS)
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert row["added"] == len(PATHS)
    found = ask(brain.url or "", "SELECT path, slug FROM gbrain.pages")
    assert {path for path, _ in found} == set(PATHS)
    assert len({slug for _, slug in found}) == len(PATHS)
    for number, path in enumerate(PATHS):
        assert f"# A\n{number}\n" in inside.run(brain, "show", display(path)).out
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_a_page_is_sent_in_a_few_statements_however_many_words_it_has(
    brain: BrainCommand, inside: Inside, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: dict[str, list[int]] = {}
    written: list[int] = []
    copy, write = staging._copy, batches.write_batch

    async def noting_copy(conn, name, rows):  # type: ignore[no-untyped-def]
        rows = list(rows)
        sent.setdefault(name, []).extend(map(len, rows))
        await copy(conn, name, rows)

    async def noting_write(conn, writer, batch, move):  # type: ignore[no-untyped-def]
        written.append(len(batch.pages))
        return await write(conn, writer, batch, move)

    monkeypatch.setattr(staging, "_copy", noting_copy)
    monkeypatch.setattr(writing, "write_batch", noting_write)
    repository = Repository.create(tmp_path / "r", {"words.md": WORDS})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert written == [1]
    assert len(sent["copy_texts"]) == len(sent["copy_chunks"]) == row["chunks_created"] <= len(WORDS) // 1_900
    assert max(sent["copy_texts"]) <= 2_100
    assert len(set(WORDS.split())) == DISTINCT
    [(lexemes,)] = ask(brain.url or "", "SELECT sum(lexemes)::bigint FROM gbrain.segments")
    assert lexemes >= DISTINCT


def test_the_page_of_limits_has_the_numbers_that_hold() -> None:
    page = (Path(__file__).parents[1] / "docs" / "limits.md").read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.split("|")] for line in page.splitlines() if line.startswith("|")]
    limits = {row[1]: row[2] for row in rows}
    assert limits["a file"] == f"{MAX_BLOB_BYTES:,} bytes"
    assert limits["chunks of a page"] == f"{derivation.MAX_CHUNKS:,}"
    assert limits["links of a page"] == f"{derivation.MAX_LINKS:,}"
    headings = limits["headings, counted with each chunk that stands under them"]
    assert headings == f"{derivation.MAX_HEADING_CHARACTERS:,} characters"
    steps = limits["lines of a Markdown page times the lists and quotes that one line may open"]
    assert steps == f"{MAX_STEPS:,}"
    assert limits["values in front matter"] == f"{yaml_values.MAX_NODES:,}"
    assert limits["characters in front matter"] == f"{yaml_values.MAX_CHARACTERS:,}"
    assert limits["aliases in front matter"] == f"{yaml_values.MAX_ALIASES:,}"
    assert limits["levels in front matter"] == f"{yaml_values.MAX_DEPTH:,}"
    assert limits["a chunk"].startswith(f"{LIMIT_BYTES:,} bytes")
    assert limits["a heading or a title"] == f"{MAX_TITLE:,} characters"
    assert limits["a slug"].startswith(f"{MAX_BASE:,} characters")
    assert limits["a lexeme"] == f"{LONGEST} characters"
    assert limits["how often a word counts in a text"] == f"{MOST_TIMES} times"
    assert limits["lexemes of a query"] == str(MOST_LEXEMES)
    assert limits["a batch"].startswith(f"{writing.BATCH_ITEMS:,} paths; ")
    assert f" {writing.BATCH_BYTES:,} bytes" in limits["a batch"]
    transaction = limits["chunks and links that a transaction writes, compares or deletes"]
    assert transaction.startswith(
        f"{parts.MAX_ROWS:,}, or one page; {parts.HEADING_CHARACTERS} characters of headings "
    )
    assert limits["a process"].startswith(f"{LARGEST_PROCESS_BYTES // 1_000_000} MB ")


def test_pages_of_long_headings_share_no_transaction() -> None:
    chunks = "".join(f"###### {number}\n\na\n\n" for number in range(990))
    page = derive(b"a.md", ("".join("#" * level + " " + "h" * 500 + "\n" for level in range(1, 6)) + chunks).encode())
    assert not isinstance(page, Refused)
    rows = [
        PageRow(
            page_id=number,
            is_new=True,
            renamed=False,
            path=b"%d.md" % number,
            blob=b"",
            slug=str(number),
            content=encode_page(number, page),
        )
        for number in range(6)
    ]
    pieces = [Batch(items=1, pages=[row]) for row in rows]
    assert [len(part) for part in parts.bounded(pieces, {})] == [1] * 6


def test_front_matter_has_strings_where_json_has_no_word() -> None:
    content = derive(b"yaml.md", CONTENTS["yaml.md"].encode())
    assert not isinstance(content, Refused)
    assert content.front_matter == {
        "day": "2024-05-06",
        "at": "2024-05-06T07:08:09",
        "no": "no",
        "nan": ".nan",
        "big": "1e23",
    }


@pytest.mark.parametrize("text", [CONTENTS["line.md"], WORDS, CONTENTS["links.md"]], ids=["line", "words", "links"])
def test_no_chunk_of_a_page_without_places_to_cut_passes_what_a_row_can_hold(text: str) -> None:
    content = derive(b"a.md", text.encode())
    assert not isinstance(content, Refused)
    assert "".join(chunk.text for chunk in content.chunks) == text
    assert max(len(chunk.text.encode()) for chunk in content.chunks) <= 4_000


def test_any_number_of_empty_files_are_pages_without_text(brain: BrainCommand, tmp_path: Path) -> None:
    files = 100_000 if TORTURE else 25_000
    repository = Repository.create(tmp_path / "empty")
    _forge(repository, [b"%d/%d.md" % (number % 300, number) for number in range(files)], content=b"")
    brain.add("wiki", repository.folder)
    done, peak_bytes = measured.run(brain, "sync", "--all", "--json", folder=tmp_path)
    [row] = checked(done, "sync")["sources"]
    assert (row["added"], row["chunks_created"]) == (files, 0)
    assert peak_bytes <= LARGEST_PROCESS_BYTES / 4


def _forge(repository: Repository, paths: list[bytes], content: bytes = b"# A\n") -> None:
    """Commit files at paths that no file system need be able to hold."""
    lines = [b"commit refs/heads/main", b"committer a <a@example.org> 1700000000 +0000", b"data 0", b""]
    for number, path in enumerate(paths):
        name = b'"' + path.replace(b"\n", b"\\n") + b'"'
        said = content and content + b"%d\n" % number
        lines.append(b"M 100644 inline %b\ndata %d\n%b" % (name, len(said), said))
    repository.git("fast-import", "--quiet", fed=b"\n".join(lines) + b"\n")
