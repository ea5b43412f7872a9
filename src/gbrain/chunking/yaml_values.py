"""YAML as JSON values, within limits that are counts: nodes, depth, aliases, characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from gbrain.chunking.decode import REPLACEMENT
from gbrain.chunking.lines import BLANKS, count_line_ends
from gbrain.chunking.scalars import plain_value, storable
from gbrain.domain.content import Reason, Refused

MAX_NODES = 10_000
MAX_DEPTH = 100
MAX_ALIASES = 1_000
MAX_CHARACTERS = 4_000_000
"""Nodes and characters are counted with every alias expanded, which is what storing the value would take."""

_STRING_TAGS = frozenset({"!", "tag:yaml.org,2002:str"})
_SHOWN_CHARACTERS = 80


def read_mapping(text: str, *, first_line: int) -> dict[str, Any] | Refused | None:
    """The mapping that `text` holds, empty where it holds nothing; None where it holds a scalar or a list.

    Tags are ignored, `!!str` and `!` apart. Keys are strings: others become their text as written. Aliases share
    their value, nothing is copied. `first_line` is the line of the file on which `text` begins; the detail of a
    refusal names a line of the file.
    """
    if not text.strip(BLANKS.decode()):
        return {}
    try:
        return _Builder(text).build()
    except _UnfitError as unfit:
        before = text[: unfit.index].encode()
        line = first_line + count_line_ends(before, 0, len(before))
        return Refused(unfit.reason, f"front matter, line {line}: {unfit.problem}")


class _UnfitError(Exception):
    """Why the YAML cannot be taken in, and the index of the character at which that shows."""

    def __init__(self, reason: Reason, problem: str, index: int) -> None:
        super().__init__(problem)
        self.reason = reason
        self.problem = " ".join(problem.split()).replace("\0", REPLACEMENT)
        self.index = index


@dataclass(slots=True, kw_only=True)
class _Node:
    """A collection being built, or what an anchor names.

    While it is open, `nodes` and `characters` are the builder's counts where it began; afterwards they are its own.
    """

    value: Any
    nodes: int
    characters: int
    anchor: str | None = None
    start: int = 0
    height: int = 0
    key: str | None = None
    closed: bool = False


class _Builder:
    """Makes the value from libyaml's events on a stack of its own: limits strike before recursion could hurt."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._open: list[_Node] = []
        self._anchors: dict[str, _Node] = {}
        self._nodes = 0
        self._characters = 0
        self._aliases = 0

    def build(self) -> dict[str, Any] | None:
        """The root mapping. The first node decides: where it is not a mapping, what follows is not looked at."""
        root: dict[str, Any] | None = None
        try:
            for event in yaml.parse(self._text, Loader=yaml.CSafeLoader):
                if root is not None:
                    self._take(event)
                elif isinstance(event, yaml.MappingStartEvent):
                    root = {}
                    self._begin(root, event)
                elif isinstance(event, yaml.NodeEvent):
                    return None
        except (yaml.YAMLError, ValueError) as error:
            raise _UnfitError(Reason.FRONT_MATTER_BROKEN, *_place(error, self._text)) from error
        return {} if root is None else root

    def _take(self, event: yaml.Event) -> None:
        match event:
            case yaml.ScalarEvent():
                self._scalar(event)
            case yaml.MappingStartEvent():
                self._begin({}, event)
            case yaml.SequenceStartEvent():
                self._begin([], event)
            case yaml.CollectionEndEvent():
                self._end(event)
            case yaml.AliasEvent():
                self._alias(event)
            case yaml.DocumentStartEvent():
                raise _unfit(Reason.FRONT_MATTER_BROKEN, "a second document begins", event)
            case _:
                pass

    def _scalar(self, event: yaml.ScalarEvent) -> None:
        text: str = event.value
        self._count(1, len(text), event)
        plain = event.style == "" and event.tag not in _STRING_TAGS and not self._wants_key()
        value = plain_value(text) if plain else storable(text)
        if event.anchor is not None:
            self._anchors[event.anchor] = _Node(value=value, nodes=1, characters=len(text), closed=True)
        self._put(value, event, written=text)

    def _begin(self, value: dict[str, Any] | list[Any], event: yaml.CollectionStartEvent) -> None:
        node = _Node(
            value=value,
            nodes=self._nodes,
            characters=self._characters,
            anchor=event.anchor,
            start=_index(event.start_mark),
        )
        self._count(1, 0, event)
        self._open.append(node)
        self._check_depth(len(self._open), event)
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _end(self, event: yaml.CollectionEndEvent) -> None:
        node = self._open.pop()
        node.nodes = self._nodes - node.nodes
        node.characters = self._characters - node.characters
        node.height += 1
        node.closed = True
        if self._open:
            self._rise(node.height)
            self._put(node.value, event, written=self._text[node.start : _index(event.end_mark)].strip())

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        name = event.anchor or ""
        node = self._anchors.get(name)
        if node is None:
            raise _unfit(Reason.FRONT_MATTER_BROKEN, f"no anchor is named {_shown(name)}", event)
        if not node.closed:
            raise _unfit(Reason.FRONT_MATTER_TOO_DEEP, f"{_shown(name)} contains itself", event)
        if self._aliases > MAX_ALIASES:
            raise _unfit(Reason.FRONT_MATTER_TOO_LARGE, f"more than {MAX_ALIASES} aliases", event)
        self._count(node.nodes, node.characters, event)
        self._check_depth(len(self._open) + node.height, event)
        self._rise(node.height)
        self._put(node.value, event, written=f"*{name}")

    def _put(self, value: Any, event: yaml.Event, *, written: str) -> None:
        parent = self._open[-1]
        if isinstance(parent.value, list):
            parent.value.append(value)
        elif parent.key is not None:
            parent.value[parent.key] = value
            parent.key = None
        else:
            parent.key = value if isinstance(value, str) else storable(written)
            if parent.key in parent.value:
                raise _unfit(Reason.FRONT_MATTER_BROKEN, f"the key {_shown(parent.key)} appears twice", event)

    def _wants_key(self) -> bool:
        parent = self._open[-1]
        return parent.key is None and isinstance(parent.value, dict)

    def _count(self, nodes: int, characters: int, event: yaml.Event) -> None:
        self._nodes += nodes
        self._characters += characters
        if self._nodes > MAX_NODES:
            raise _unfit(Reason.FRONT_MATTER_TOO_LARGE, f"more than {MAX_NODES} values", event)
        if self._characters > MAX_CHARACTERS:
            raise _unfit(Reason.FRONT_MATTER_TOO_LARGE, f"more than {MAX_CHARACTERS} characters", event)

    def _check_depth(self, depth: int, event: yaml.Event) -> None:
        if depth > MAX_DEPTH:
            raise _unfit(Reason.FRONT_MATTER_TOO_DEEP, f"more than {MAX_DEPTH} levels", event)

    def _rise(self, height: int) -> None:
        self._open[-1].height = max(self._open[-1].height, height)


def _unfit(reason: Reason, problem: str, event: yaml.Event) -> _UnfitError:
    return _UnfitError(reason, problem, _index(event.start_mark))


def _place(error: Exception, text: str) -> tuple[str, int]:
    """What is wrong, and the index of the character where libyaml saw it."""
    match error:
        case yaml.MarkedYAMLError() if error.problem_mark is not None:
            return str(error.problem), error.problem_mark.index
        case yaml.reader.ReaderError():
            return error.reason, len(text.encode()[: error.position].decode(errors="ignore"))
        case _:
            return str(error), 0


def _index(mark: Any) -> int:
    return mark.index if mark is not None else 0


def _shown(name: str) -> str:
    return f'"{name[:_SHOWN_CHARACTERS]}…"' if len(name) > _SHOWN_CHARACTERS else f'"{name}"'
