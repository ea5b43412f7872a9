"""What a command loads before it does anything, by name: time is not measured here."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from support.commands import BrainCommand
from support.repositories import Repository

HEAVY = {
    "anyio", "fastapi", "httpx", "httpx2", "hypothesis", "jinja2", "jsonschema", "mcp", "mcp_types", "numpy",
    "prometheus_client", "procrastinate", "pydantic", "safetensors", "starlette", "tokenizers", "tree_sitter",
    "uvicorn", "wordllama",
}  # fmt: skip
RUN = """
import sys
sys.argv[0] = "gbrain"
from gbrain.entry import main
try:
    main()
except SystemExit as left:
    assert not left.code, left.code
finally:
    print(*sorted(sys.modules), file=sys.stderr)
"""


def test_the_version_loads_nothing_but_itself(tmp_path: Path) -> None:
    loaded = _loaded(BrainCommand(home=tmp_path / "home"), "--version")
    assert _tops(loaded) & (HEAVY | {"asyncio", "click", "orjson", "psycopg", "rich", "structlog", "typer"}) == set()
    assert {name for name in loaded if name.startswith("gbrain")} == {"gbrain", "gbrain.entry"}
    assert not (tmp_path / "home").exists()


def test_help_loads_neither_the_database_nor_anything_heavy(tmp_path: Path) -> None:
    loaded = _loaded(BrainCommand(home=tmp_path / "home"), "--help")
    assert _tops(loaded) & (HEAVY | {"asyncio", "psycopg", "structlog"}) == set()


def test_a_listing_loads_the_database_and_little_else(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    for arguments in (("sources", "list"), ("sources", "status"), ("sources", "status", "--json"), ("tokens", "list")):
        loaded = _loaded(brain, *arguments)
        assert "psycopg" in loaded
        unneeded = HEAVY | {"multiprocessing", "pyromark", "sqlite3", "structlog", "yaml"}
        assert _tops(loaded) & unneeded == set(), arguments
        assert not {name for name in loaded if name.startswith(("gbrain.chunking", "gbrain.spool"))}
        work = {f"gbrain.services.{name}" for name in ("attempt", "run", "verify")}
        drawing = {f"rich.{name}" for name in ("live", "progress", "table")}
        assert not loaded & (drawing | work | {"gbrain.git.folder", "gbrain.git.fetch"})
        assert ("rich.text" in loaded) == (arguments == ("sources", "status"))


def test_a_sync_with_nothing_new_loads_no_web_no_models_and_no_logs(
    brain: BrainCommand, repository: Repository
) -> None:
    brain.add("wiki", repository.folder)
    embedding = replace(brain, environ={"GBRAIN_EMBEDDER": "local"})
    for command in (brain, embedding):
        command.run("sync", "--all")
        assert _tops(_loaded(command, "sync", "--all")) & (HEAVY | {"structlog"}) == set()
    assert _tops(_loaded(embedding, "embed")) & HEAVY == set()
    assert _tops(_loaded(embedding, "models")) & HEAVY == set()


def test_a_search_with_vectors_loads_neither_numpy_nor_the_model(brain: BrainCommand, repository: Repository) -> None:
    brain.add("wiki", repository.folder)
    embedding = replace(brain, environ={"GBRAIN_EMBEDDER": "local"})
    embedding.run("sync", "--all")
    document = json.loads(embedding.run("search", "--json", "some words").out)
    assert (document["mode"], document["notes"]) == ("hybrid", [])
    assert _tops(_loaded(embedding, "search", "some words")) & HEAVY == set()


@pytest.mark.parametrize("arguments", [["sources", "list"], ["sources", "status", "--watch"]])
def test_garbage_is_collected_once_the_work_begins(brain: BrainCommand, arguments: list[str]) -> None:
    program = """
import gc, sys
from gbrain.app import brain, readings
from gbrain.services import registry
from gbrain.entry import main

async def looking(*_):
    print(gc.isenabled(), file=sys.stderr)
    raise KeyboardInterrupt

registry.current_sources = readings.read_dashboard = looking
gc.enable()
main()
"""
    brain.run("init")
    done = subprocess.run([sys.executable, "-c", program, *arguments], env=brain.env(), capture_output=True, text=True)
    assert "True" in done.stderr.split()
    assert "False" not in done.stderr.split()


def _loaded(brain: BrainCommand, *arguments: str) -> set[str]:
    """The modules that the command line has loaded when it ends."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *arguments],
        env=brain.env(),
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stderr
    return set(done.stderr.splitlines()[-1].split())


def _tops(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}
