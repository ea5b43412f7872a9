"""What the program's own tree of commands knows, and what documents say of it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import typer

from gbrain.cli.main import whole

ROOT = Path(__file__).parents[2]

_BEGINNING = r"(?:^|\|\|\s*|&&\s*|\*\s+)(?:\w+=\S+\s+)*"
_FENCED = re.compile(r"^```[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SPOKEN = re.compile(r"`(?:\w+=\S+\s+)*(gbrain\s[^`]*)`")
_TYPED = re.compile(_BEGINNING + r"(gbrain\s[^#|>&;]*)")


@cache
def commands() -> dict[str, click.Command]:
    """Every command by its words, groups included."""
    return dict(_walk("gbrain", typer.main.get_command(whole())))


def flags(command: click.Command) -> set[str]:
    """The flags that stand in the reference; each command also takes `-h` and `--help`."""
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    return {flag for option in options for flag in (*option.opts, *option.secondary_opts)} - {"-h", "--help"}


def documents() -> list[Path]:
    """The documents that speak of the program as it is."""
    kept = [file for file in sorted((ROOT / "docs").rglob("*.md")) if "decisions" not in file.parts]
    return [ROOT / "README.md", *kept]


def command_lines(text: str) -> list[str]:
    """The command lines of gbrain in a document: in code spans, and in blocks of either kind."""
    blocks = "\n".join(_FENCED.findall(text))
    typed = [line.strip() for line in text.splitlines() if line.startswith("    ")] + blocks.splitlines()
    found = [*_SPOKEN.findall(text), *(found for line in typed for found in _TYPED.findall(line))]
    return [line for line in found if "[OPTIONS]" not in line]


def not_understood(line: str) -> list[str]:
    """The words of a command line that name no command, and the flags that the command does not take."""
    command = commands()["gbrain"]
    unknown = []
    words = iter(shlex.split(line.replace("[", " ").replace("]", " "))[1:])
    for word in words:
        if word.startswith("-"):
            unknown += _flag(word, command, words)
        elif isinstance(command, click.Group):
            found = command.commands.get(word)
            if found is None and word != "…":
                unknown.append(word)
            command = found or command
    return unknown


def _flag(word: str, command: click.Command, words: Iterator[str]) -> list[str]:
    """The flag, where the command does not take it; its value is taken from the words."""
    name, has_value, _ = word.partition("=")
    option = next((one for one in command.params if name in (*one.opts, *one.secondary_opts)), None)
    if option is None:
        is_word = command.context_settings.get("ignore_unknown_options") and not name.startswith("--")
        return [] if is_word or name in ("-h", "--help") else [name]
    if not has_value and isinstance(option, click.Option) and not (option.is_flag or option.count):
        next(words, None)
    return []


def _walk(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    yield name, command
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from _walk(f"{name} {word}", inner)
