"""A call that is answered by a part of the command line is answered as by all of it."""

from __future__ import annotations

import click
import pytest
import typer

from gbrain.cli.main import app
from gbrain.cli.narrowing import WITH_VALUE, narrowed

WHOLE = typer.main.get_command(app)


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
    assert _help(narrowed(app, path), path) == _help(app, path)
    before = ("-v", "--home", "sync", "--log-format", "text")
    assert _help(narrowed(app, (*before, *path)), path) == _help(app, path)


@pytest.mark.parametrize(
    "words", [(), ("--help",), ("nonsense",), ("--home",), ("--home", "sync"), ("--", "x"), ("--help", "sync")]
)
def test_where_no_command_is_called_all_of_them_are_there(words: tuple[str, ...]) -> None:
    assert narrowed(app, words) is app


def test_an_unknown_command_of_a_group_is_told_beside_those_that_it_has() -> None:
    found = typer.main.get_command(narrowed(app, ("sources", "lst")))
    assert isinstance(found, click.Group)
    group = found.commands["sources"]
    assert isinstance(group, click.Group)
    assert {"list", "add", "status"} <= group.commands.keys()


def test_the_general_flags_that_take_a_value_are_known() -> None:
    flags = [option for option in WHOLE.params if isinstance(option, click.Option)]
    valued = {name for option in flags if not (option.is_flag or option.count) for name in option.opts}
    assert valued == WITH_VALUE
