"""`gbrain tokens …`: who may ask the brain over the network."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import instant, presentable, put, put_document, tell
from gbrain.cli.options import Json, duration, parted
from gbrain.cli.state import globals_of, with_brain
from gbrain.domain.access import Scope
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.services.tokens import Token

app = typer.Typer(help="Access tokens: who may ask the brain over the network.", no_args_is_help=True)


def register(to: typer.Typer) -> None:
    """Add `tokens` with its commands."""
    to.add_typer(app, name="tokens")


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]


@app.command()
def add(
    context: typer.Context,
    name: Name,
    scope: Annotated[str, typer.Option(help="read, write or admin.", metavar="SCOPE", show_default=False)],
    sources: Annotated[
        list[str] | None,
        typer.Option(
            "--source", help="The sources it is for, by id; all without it. May be repeated.", metavar="ID[,ID…]"
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="How long it is good for, such as 12h or 90d; for ever without it.", metavar="DURATION"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make an access token. It is shown this once: the brain keeps only its hash."""
    from gbrain.services import tokens

    allowed, lasts = _scope(scope), duration(expires, "--expires")
    if lasts is not None and not lasts:
        raise UsageError(f"--expires is {expires!r}, which is no time", hint="give one such as 12h or 90d")
    only = parted(sources) if sources else None
    made = with_brain(context, lambda brain: brain.ask(lambda conn: tokens.issue(conn, name, allowed, only, lasts)))
    is_quiet = globals_of(context).quiet
    if expires and expires.strip().isdecimal() and not is_quiet:
        tell(f"--expires {expires} means seconds: {expires.strip()}d would be days")
    if as_json:
        put_document({"tokens": [_described(made.token) | {"token": made.secret}]})
        return
    put(made.secret)
    if not is_quiet:
        tell(f"token {name} ({_what(made.token)}): keep it now, it is not shown again")


@app.command("list")
def list_(context: typer.Context, as_json: Json = False) -> None:
    """Every access token: what it is good for, until when, and when it was last used."""
    from gbrain.services import tokens

    found = with_brain(context, lambda brain: brain.ask(tokens.listed))
    if as_json:
        put_document({"tokens": [_described(token) for token in found]})
        return
    zone = datetime.now().astimezone().strftime("%Z")
    rows = [("NAME", "SCOPE", "SOURCES", f"EXPIRES ({zone})", f"LAST USED ({zone})"), *map(_cells, found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for cells in rows if found else ():
        put("  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=True)).rstrip())
    if not found:
        put("no tokens yet: gbrain tokens add NAME --scope read")


@app.command()
def revoke(context: typer.Context, name: Name, as_json: Json = False) -> None:
    """Delete an access token: whoever shows it is not let in any more, from now on."""
    from gbrain.services import tokens

    with_brain(context, lambda brain: brain.ask(lambda conn: tokens.revoke(conn, name)))
    if as_json:
        put_document({"tokens": [{"name": presentable(name), "revoked": True}]})
        return
    put(presentable(f"revoked {name}"))


def _scope(text: str) -> Scope:
    try:
        return Scope(text)
    except ValueError as error:
        hint = f"give one of {', '.join(Scope)}"
        raise UsageError(f"--scope is {text!r}", hint=hint) from error


def _described(token: Token) -> dict[str, Any]:
    return {
        "name": presentable(token.name),
        "scope": token.scope.value,
        "sources": list(token.sources) if token.sources is not None else None,
        "created_at": instant(token.created_at),
        "expires_at": instant(token.expires_at),
        "expired": token.is_expired,
        "last_used_at": instant(token.last_used_at),
    }


def _cells(token: Token) -> tuple[str, ...]:
    until = f"{_time(token.expires_at)} (over)" if token.is_expired else _time(token.expires_at)
    return presentable(token.name), token.scope.value, _sources(token), until, _time(token.last_used_at)


def _what(token: Token) -> str:
    sources = "all sources" if token.sources is None else _sources(token)
    until = f", until {_time(token.expires_at)}" if token.expires_at is not None else ""
    return f"{token.scope.value}, {sources}{until}"


def _sources(token: Token) -> str:
    if token.sources is None:
        return "all"
    return ", ".join(token.sources) or "none"


def _time(moment: datetime | None) -> str:
    return "-" if moment is None else moment.astimezone().strftime("%Y-%m-%d %H:%M")
