"""The reference says what the program does, and the documents speak of nothing that it does not know."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gbrain.app.settings import SETTINGS
from gbrain.domain.content import Reason
from gbrain.domain.health import Health, Staleness
from gbrain.domain.outcome import Code, Status, SyncStatus
from gbrain.domain.steps import Phase
from gbrain.errors import GbrainError
from gbrain.mcp.server import TOOLS
from support.servers import Server
from support.spoken import command_lines, commands, documents, flags, not_understood

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs" / "reference"
WORDS = [word for words in (Code, Status, SyncStatus, Phase, Reason, Staleness, Health) for word in words]
FLAGS_OF_OTHERS = {
    "--add": "git config",
    "--dbname": "pg_restore",
    "--failed": "ctl",
    "--file": "pg_dump",
    "--format": "pg_dump",
    "--global": "git config",
    "--now": "systemctl",
    "--owner": "createdb",
    "--pwprompt": "createuser",
    "--schema": "pg_dump",
    "--user": "ctl",
    "--write": "benchmarks.run",
}


@pytest.mark.parametrize("major", ["", "16"], ids=["PostgreSQL 18", "PostgreSQL 16"])
def test_the_reference_is_what_the_code_says_and_the_same_of_either_server(
    request: pytest.FixtureRequest, major: str
) -> None:
    server: Server = request.getfixturevalue(f"server{major}")
    url = server.url(request.getfixturevalue(f"new_database{major}")())
    command = [sys.executable, "tools/reference.py", "--check", "--database-url", url]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_command_and_flag_is_in_the_reference_and_no_other() -> None:
    listed = {name: set(re.findall(r"`(--?[a-z-]+)`", _first_cells(text))) for name, text in _sections("commands.md")}
    assert listed == {name: flags(command) for name, command in commands().items()}


def test_every_setting_is_in_the_reference_with_its_variable() -> None:
    rows = [line for line in (REFERENCE / "settings.md").read_text().splitlines() if line.startswith("|")]
    for setting in SETTINGS:
        assert any(f"`{setting.key}`" in row and f"`{setting.variable or ''}" in row for row in rows), setting.key


def test_every_exit_code_and_every_code_of_an_answer_is_in_the_reference() -> None:
    sections = dict(_sections("codes.md"))
    exits = {int(code) for code in re.findall(r"^\| (\d+) \|", sections["Exit codes"], re.MULTILINE)}
    assert exits == {0, 130, 143} | {kind.exit_code for kind in _errors()}
    explained = _first_cells("\n".join(sections.values()))
    assert [word.value for word in WORDS if f"`{word.value}`" not in explained] == []
    assert [kind.code for kind in _errors() if f"`{kind.code}`" not in explained] == []


def test_an_error_of_a_command_has_the_exit_code_that_the_reference_gives_for_its_code() -> None:
    section = dict(_sections("codes.md"))["Why a command could not answer (`error.code`)"]
    told = dict(re.findall(r"^\| `(\w+)` \| (\d+) \|", section, re.MULTILINE))
    assert len(told) > 5
    assert {
        kind.code: str(kind.exit_code) for kind in _errors() if kind.exit_code in (2, 3, 4, 6)
    }.items() <= told.items()


def test_every_tool_with_its_arguments_and_every_code_of_a_brain_is_in_the_reference() -> None:
    sections = dict(_sections("mcp.md"))
    assert list(sections)[: len(TOOLS)] == list(TOOLS)
    for name, tool in TOOLS.items():
        arguments, keys = (
            re.findall(r"^\| `([^`]+)` \|", part, re.MULTILINE) for part in sections[name].split("| key ")
        )
        assert arguments == list(tool.input["properties"])
        assert [key for key in keys if "." not in key and "[" not in key] == list(tool.output["properties"])
    explained = _first_cells(sections["When a tool cannot answer"])
    of_commands = ("address", "platform")
    codes = {kind.code for kind in _errors() if kind.exit_code in (4, 6) and kind.code not in of_commands}
    assert [code for code in sorted(codes) if f"`{code}`" not in explained] == []


def test_no_document_names_a_flag_that_there_is_not() -> None:
    known = {flag for command in commands().values() for flag in flags(command)} | {"--help"}
    unknown = [
        f"{file.relative_to(ROOT)}: {flag}"
        for file in documents()
        for line in file.read_text().splitlines()
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]*", line)
        if flag not in known and FLAGS_OF_OTHERS.get(flag, "\0") not in line
    ]
    assert unknown == []


def test_every_command_line_in_the_documents_is_one_that_the_program_understands() -> None:
    lines = [(file.relative_to(ROOT), line) for file in documents() for line in command_lines(file.read_text())]
    assert len(lines) > 50
    assert [f"{file}: {line}: {bad}" for file, line in lines if (bad := not_understood(line))] == []


def test_every_link_in_the_documents_leads_somewhere() -> None:
    from gbrain.chunking.derive import derive
    from gbrain.domain.content import LinkKind, PageContent

    missing = []
    for file in [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")]:
        content = derive(file.name.encode(), file.read_bytes())
        assert isinstance(content, PageContent)
        targets = [link.target for link in content.links if link.kind in (LinkKind.LINK, LinkKind.IMAGE)]
        missing += [
            f"{file.relative_to(ROOT)}: {target}"
            for target in targets
            if "://" not in target and not (file.parent / target.partition("#")[0]).exists()
        ]
    assert missing == []


def _sections(page: str) -> Iterator[tuple[str, str]]:
    """The sections of a page of the reference: title and text."""
    for part in (REFERENCE / page).read_text().split("\n## ")[1:]:
        title, _, text = part.partition("\n")
        yield title, text


def _first_cells(text: str) -> str:
    """What the rows of the tables are about."""
    return "\n".join(re.findall(r"^\| ([^|]*) \|", text, re.MULTILINE))


def _errors(kind: type[GbrainError] = GbrainError) -> Iterator[type[GbrainError]]:
    for inner in kind.__subclasses__():
        yield inner
        yield from _errors(inner)
