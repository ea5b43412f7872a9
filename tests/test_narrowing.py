"""A call that is answered by a part of the command line is answered as by all of it."""

from __future__ import annotations

import importlib

import click
import pytest
import typer

from gbrain.cli.main import PARTS, whole
from gbrain.cli.narrowing import WITH_VALUE, narrowed

APP = whole()
WHOLE = typer.main.get_command(APP)


def _paths(command: click.Command, words: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = command.commands if isinstance(command, click.Group) else {}
    return [words, *(path for name, one in inner.items() for path in _paths(one, (*words, name)))]


def _help(found: typer.Typer, words: tuple[str, ...]) -> str:
    command: click.Command = typer.main.get_command(found)
    context = click.Context(command, info_name="gbrain")
    for word in words:
        assert isinstance(command, click.Group)
        command = command.commands[word]
        context = click.Context(command, info_name=word, parent=context)
    return command.get_help(context)


@pytest.mark.parametrize("path", _paths(WHOLE), ids=" ".join)
def test_each_command_is_the_same_in_the_part_that_has_it(path: tuple[str, ...]) -> None:
    assert _help(narrowed(APP, path), path) == _help(APP, path)
    before = ("-v", "--home", "sync", "--log-format", "text")
    assert _help(narrowed(APP, (*before, *path)), path) == _help(APP, path)


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("nonsense",), ("--home",), ("--home", "sync"), ("--", "x"), ("--help", "sync")]
)
def test_where_no_command_is_called_all_of_them_are_there(words: tuple[str, ...]) -> None:
    assert narrowed(APP, words) is APP


def test_an_unknown_command_of_a_group_is_told_beside_those_that_it_has() -> None:
    found = typer.main.get_command(narrowed(APP, ("sources", "lst")))
    assert isinstance(found, click.Group)
    group = found.commands["sources"]
    assert isinstance(group, click.Group)
    assert {"list", "add", "status"} <= group.commands.keys()


def test_the_general_flags_that_take_a_value_are_known() -> None:
    flags = [option for option in WHOLE.params if isinstance(option, click.Option)]
    valued = {name for option in flags if not (option.is_flag or option.count) for name in option.opts}
    assert valued == WITH_VALUE


def test_each_command_is_in_the_part_that_is_loaded_for_it() -> None:
    assert isinstance(WHOLE, click.Group)
    assert [word for words in PARTS.values() for word in words] == list(WHOLE.commands)
    for part, words in PARTS.items():
        alone = typer.Typer()
        importlib.import_module(f"gbrain.cli.{part}").register(alone)
        names = [one.name or typer.main.get_command_name(one.callback.__name__) for one in alone.registered_commands]
        assert [*names, *(one.name for one in alone.registered_groups)] == list(words)
