"""What a tool is: how it is called, what it answers, and who may call it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from jsonschema import Draft202012Validator

from gbrain.app.brain import Brain
from gbrain.app.searching import Searcher
from gbrain.domain.access import Access, Scope
from gbrain.mcp.complaints import complaint
from gbrain.mcp.failing import invalid
from gbrain.mcp.schemas import Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a tool: by whom, and with what arguments."""

    searcher: Searcher
    access: Access
    arguments: Mapping[str, Any]

    @property
    def brain(self) -> Brain:
        """What it is about."""
        return self.searcher.brain


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A tool of the server. `scope` is what a caller needs to see it at all."""

    name: str
    title: str
    description: str
    input: Schema
    output: Schema
    answer: Callable[[Call], Awaitable[dict[str, Any]]]
    scope: Scope = Scope.READ

    def check(self, arguments: Mapping[str, Any]) -> None:
        """Raise ToolError, saying where and what to give, unless the arguments are as the schema wants them."""
        wrong = complaint(self.name, arguments, self._validator)
        if wrong is not None:
            raise wrong
        _check_texts(arguments)

    @cached_property
    def _validator(self) -> Draft202012Validator:
        return Draft202012Validator(self.input)


def _check_texts(value: object) -> None:
    """Raise ToolError for a text that the database could not hold."""
    match value:
        case str() if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            raise invalid("a text holds a NUL or half of a character", "leave it out")
        case Mapping():
            for inner in value.values():
                _check_texts(inner)
        case list():
            for inner in value:
                _check_texts(inner)
