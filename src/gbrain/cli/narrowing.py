"""The part of the command line that a call needs: to describe all of it to click takes longer than many a command."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import typer
from typer.main import get_command_name

WITH_VALUE = frozenset({"--home", "--database-url", "--log-format"})
"""The general flags whose value is the next word."""
_HELP = ("-h", "--help")


def narrowed(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    """The app with nothing in it but the command that the words call; all of it where they call none that it has."""
    rest = behind_flags(words)
    return _only(app, rest) if rest else app


def behind_flags(words: Sequence[str]) -> Sequence[str]:
    """The words from the first that is no general flag nor a flag's value; none where help on all is asked for."""
    place = 0
    while place < len(words) and words[place].startswith("-"):
        if words[place] in _HELP:
            return []
        place += 2 if words[place] in WITH_VALUE else 1
    return words[place:]


def _only(app: typer.Typer, words: Sequence[str]) -> typer.Typer:
    commands = [one for one in app.registered_commands if _name(one) == words[0]]
    groups = [one for one in app.registered_groups if one.name == words[0]]
    if len(commands) + len(groups) != 1:
        return app
    found = copy.copy(app)
    found.registered_commands, found.registered_groups = commands, [_group(one, words[1:]) for one in groups]
    return found


def _group(group: typer.models.TyperInfo, words: Sequence[str]) -> typer.models.TyperInfo:
    if not words or words[0].startswith("-") or group.typer_instance is None:
        return group
    found = copy.copy(group)
    found.typer_instance = _only(group.typer_instance, words)
    return found


def _name(command: typer.models.CommandInfo) -> str:
    return command.name or get_command_name(getattr(command.callback, "__name__", ""))
