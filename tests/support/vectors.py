"""What is stored of embeddings in a brain, read beside the program."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.commands import BrainCommand
from support.databases import ask
from support.endpoint import EndpointServer


def embedding(brain: BrainCommand, embedder: str = "local", **environ: str) -> BrainCommand:
    """The command with embedding switched on."""
    return replace(brain, environ={"GBRAIN_EMBEDDER": embedder, **environ})


def served_by(server: EndpointServer, brain: BrainCommand, *, head: str = "", **keys: object) -> BrainCommand:
    """The command with the endpoint `test` configured, and named as its embedder."""
    brain.configure(head + server.toml("test", **keys))
    return embedding(brain, "test")


def pages(folder: Path, number: int, *, words: str = "Words") -> Path:
    """A plain folder of so many pages of one chunk each."""
    folder.mkdir(exist_ok=True)
    for page in range(number):
        (folder / f"page-{page}.md").write_text(f"# Page {page}\n\n{words} of number {page}.\n")
    return folder


def states(brain: BrainCommand) -> dict[str, str]:
    """The state of each model."""
    return dict(ask(brain.url or "", "SELECT name, state FROM gbrain.models"))


def stored(brain: BrainCommand, name: str) -> int:
    """How many vectors a model has."""
    [(number,)] = ask(brain.url or "", "SELECT id FROM gbrain.models WHERE name = %s", name)
    [(count,)] = ask(brain.url or "", f"SELECT count(*) FROM gbrain.embedding_{number}")
    return int(count)
