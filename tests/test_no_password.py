"""A password in the URL of a remote appears on no surface: not on a stream, in a document, in a row or in a log."""

from __future__ import annotations

from pathlib import Path

import psycopg
import pytest

from support.commands import BrainCommand
from support.inside import Inside
from support.repositories import Repository

SECRET = "s3cr3t-w0rd"


def every_row(brain: BrainCommand) -> str:
    with psycopg.connect(brain.url or "") as conn:
        tables = conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'gbrain'").fetchall()
        return "\n".join(
            row[0] for (name,) in tables for row in conn.execute(f"SELECT x::text FROM gbrain.{name} AS x".encode())
        )


@pytest.mark.parametrize("scheme", ["http", "https", "ssh"])
@pytest.mark.parametrize("flags", [(), ("--full",), ("--dry-run",)], ids=" ".join)
def test_the_password_of_a_checkouts_remote_is_nowhere_to_be_read(
    brain: BrainCommand, repository: Repository, inside: Inside, scheme: str, flags: tuple[str, ...], tmp_path: Path
) -> None:
    brain.configure("allow_private_hosts = true\nfetch_stall = 5\n")
    folder = tmp_path / "checkout"
    repository.git("clone", "-q", str(repository.folder), str(folder))
    checkout = Repository(folder)
    checkout.git("remote", "set-url", "origin", f"{scheme}://me:{SECRET}@127.0.0.1:9/notes.git")
    inside.run(brain, "sources", "add", "wiki", "--path", str(folder))
    commands = [
        ("-v", "sync", "--all", *flags, "--json"),
        ("-v", "--log-format", "json", "sync", "--all", *flags),
        *[("sources", word) for word in ("list", "status", "runs", "failures", "current")],
        *[("sources", word, "--json") for word in ("list", "status", "runs", "failures")],
        ("sources", "show", "wiki"),
        ("sources", "verify", "wiki", "--json"),
        ("export", str(tmp_path / "brain.json"), "--json"),
    ]
    said = ""
    for command in commands:
        done = inside.run(brain, *command, code=None)
        said += done.out + done.err
    assert "fetch" in said
    assert SECRET not in said
    assert SECRET not in every_row(brain)
    assert SECRET not in (tmp_path / "brain.json").read_text()


@pytest.mark.parametrize("command", [("add", "wiki"), ("set", "other")], ids=" ".join)
def test_a_url_with_a_password_is_refused_without_being_repeated(
    brain: BrainCommand, repository: Repository, inside: Inside, command: tuple[str, str]
) -> None:
    inside.run(brain, "sources", "add", "other", "--path", str(repository.folder))
    url = f"https://me:{SECRET}@example.org/notes.git"
    done = inside.run(brain, "-v", "sources", *command, "--url", url, "--json", code=2)
    assert SECRET not in done.out + done.err
    assert "credential" in done.err
    assert SECRET not in every_row(brain)
