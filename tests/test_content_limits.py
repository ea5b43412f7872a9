"""Contents that would break a careless reader: each comes in or is refused for a named reason, alone."""

from __future__ import annotations

import random

import pytest

from gbrain.chunking.derive import derive
from gbrain.domain.content import Refused
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.fresh import Fresh
from support.inside import Inside
from support.repositories import Repository


def _many_words() -> str:
    """4.9 MB of 800,000 distinct words: more lexemes than one tsvector takes."""
    return " ".join(f"w{number:05x}" for number in range(700_000))[:4_900_000]


def _aliases(levels: int) -> str:
    """Front matter whose aliases stand for 10**levels values."""
    lines = ["a0: &a0 [x]"] + [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, levels + 1)]
    return "---\n" + "\n".join(lines) + "\n---\n# Aliases\n"


CONTENTS = {
    "line.md": "x" * 4_900_000,
    "words.md": _many_words(),
    "links.md": "# Links\n\n" + "".join(f"[a{n}](b{n}.md) " for n in range(50_000)),
    "deep/" * 100 + "page.md": "# Deep\n",
    "/".join(["d" * 200] * 18) + ".md": "# Long path\n",
    "aliases.md": _aliases(9),
    "key.md": f'---\n"{"k" * 1_000_000}": 1\n---\n# Key\n',
    "yaml.md": "---\nday: 2024-05-06\nat: 2024-05-06T07:08:09\nno: no\nnan: .nan\nbig: 1e23\n---\n# YAML\n",
    "twice.md": "---\na: 1\na: 2\n---\n# Twice\n",
    "bom.md": "\ufeff# BOM\n",
    "nul.md": "# NUL\x00 inside\n\n" + "plain words " * 20,
    "crlf.md": "# CRLF\r\n\r\nText\r\n",
}
BYTES = {
    "latin.md": b"# Latin\n\n" + b"caf\xe9 " + b"plain words " * 100,
    "mostly-not-text.md": b"\xe9\xe8" * 1000,
    "pointer.md": b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 1\n",
    "binary.md": bytes(random.Random(7).randbytes(10_000)),
    "large.md": b"# Large\n" * 650_000,
}
REASONS = {
    "aliases.md": "front_matter_too_large",
    "binary.md": "binary",
    "large.md": "too_large",
    "mostly-not-text.md": "binary",
    "pointer.md": "lfs_pointer",
    "twice.md": "front_matter_broken",
}


def test_everything_comes_in_or_has_a_reason_and_a_second_sync_reads_nothing(
    brain: BrainCommand, inside: Inside, fresh: Fresh, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository = Repository.create(tmp_path_factory.mktemp("r"), {**CONTENTS, **BYTES})
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    found = ask(brain.url or "", "SELECT convert_from(path, 'UTF8'), reason FROM gbrain.ledger ORDER BY path")
    assert dict(found) == REASONS
    assert (row["added"], row["failed"], row["skipped"]) == (len(CONTENTS) + len(BYTES) - len(REASONS), 3, 3)
    [again] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (again["sync_status"], again["failed"]) == ("up_to_date", 0)
    inside.run(brain, "sync", "--all", "--skip-failed")
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


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


@pytest.mark.parametrize("path", ["line.md", "words.md", "links.md"])
def test_no_chunk_of_a_page_without_places_to_cut_passes_what_a_row_can_hold(path: str) -> None:
    content = derive(path.encode(), CONTENTS[path].encode())
    assert not isinstance(content, Refused)
    assert "".join(chunk.text for chunk in content.chunks) == CONTENTS[path]
    assert max(len(chunk.text.encode()) for chunk in content.chunks) <= 4_000


def test_a_hundred_thousand_empty_files_are_pages_without_text(
    brain: BrainCommand, inside: Inside, tmp_path_factory: pytest.TempPathFactory
) -> None:
    repository = Repository.create(tmp_path_factory.mktemp("empty"))
    lines = [b"commit refs/heads/main", b"committer a <a@example.org> 1700000000 +0000", b"data 0", b""]
    lines += [b"M 100644 inline %d/%d.md\ndata 0\n" % (number % 300, number) for number in range(100_000)]
    repository.git("fast-import", "--quiet", fed=b"\n".join(lines) + b"\n")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert (row["added"], row["chunks_created"]) == (100_000, 0)
