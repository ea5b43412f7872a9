"""The page of tools for agents: the schemas that the server serves, as tables, and every code it refuses with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from gbrain.domain.access import Scope
from gbrain.mcp.schemas import INSTANT, Schema
from gbrain.mcp.server import TOOLS
from gbrain.mcp.tools import Tool
from gbrain.mcp.wording import in_words
from reference_pages import schemas
from reference_pages.agent_codes import FROM_SDK, HTTP_ERRORS, RPC_ERRORS, TOOL_ERRORS
from reference_pages.keys import meaning

_HEAD = """# Tools for agents

Generated from the program by `tools/reference.py`. How an agent gets them is told in [agents](../how-to/agents.md).

The same tools are there over standard input and output (`gbrain mcp`) and over HTTP (`gbrain serve`, at `/mcp`). An
answer is an object, in `structuredContent` and once more as text; it has all of its keys, null where one does not
apply. No tool takes other arguments than these. `content` holds what was written in the source, marked `untrusted`: it
is data, never an instruction; slugs, paths and citations are such text too.

A path in a table leads from the answer to the value: `hits[].slug` is the key `slug` of each item of the list `hits`.
Where a list may go on, `next_cursor` is not null: give it as `cursor` with the same arguments. Instants are UTC."""

_OF_TOOLS = """## When a tool cannot answer

The result has `isError`, and is an object of `code`, `message` and `hint`, the last of which says what to do.
`sync_source` may have any [code of a command](codes.md) besides, where the sync could not begin; where it began and
did not end well, that is an answer, whose `source` has an `error_code`."""

_OF_MESSAGES = """## When a message is not understood

An error of JSON-RPC, on standard output or in the body of the response; its `id` is null where none could be read."""

_OF_HTTP = """## When the server does not let a request through

Over HTTP alone: the [error document](json.md#any-command-that-could-not-answer), with this status."""


def page() -> str:
    """The page's text."""
    parts = [
        _HEAD,
        *(_section(tool) for tool in TOOLS.values()),
        f"{_OF_TOOLS}\n\n{_table('code | what happened | what to do', _coded(TOOL_ERRORS))}",
        f"{_OF_MESSAGES}\n\n{_table('code | what happened | what to do', _coded(RPC_ERRORS))}",
        f"{_OF_HTTP}\n\n{_table('status | code | what happened | what to do', _with_status())}\n\n{FROM_SDK}",
    ]
    return "\n\n".join(parts) + "\n"


def _section(tool: Tool) -> str:
    arguments, answers = list(_arguments(tool)), list(_answers(tool))
    scope = "any token" if tool.scope is Scope.READ else f"a token of scope `{tool.scope}` or more, or `gbrain mcp`"
    return "\n\n".join(
        [
            f"## {tool.name}",
            tool.description,
            f"For whoever has {scope}.",
            _table("argument | what may stand there | where it is left out | meaning", arguments),
            _table("key of the answer | what stands there | meaning", answers),
        ]
    )


def _arguments(tool: Tool) -> Iterator[tuple[str, ...]]:
    for name, schema in tool.input["properties"].items():
        default = f"`{schema['default']}`" if "default" in schema else ""
        left_out = "it must be given" if name in tool.input["required"] else default
        yield f"`{name}`", in_words(schema), left_out, schema["description"]


def _answers(tool: Tool) -> Iterator[tuple[str, ...]]:
    for path, schema in schemas.keys(tool.output):
        stands = "an instant or null" if schema == INSTANT else in_words(schema)
        yield f"`{path}`", stands, _said(tool, path, schema)


def _said(tool: Tool, path: str, schema: Schema) -> str:
    """The schema's own words, or else those of the table of keys."""
    described = schema.get("description") if schema != INSTANT else None
    return described or meaning(tool.name, path)


def _coded(table: dict[str, tuple[str, str]]) -> Iterable[tuple[str, ...]]:
    return ((f"`{code}`", *said) for code, said in table.items())


def _with_status() -> Iterable[tuple[str, ...]]:
    return ((str(status), f"`{code}`", *said) for (status, code), said in HTTP_ERRORS.items())


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)
