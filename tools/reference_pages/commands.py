"""The page of commands: each with its words, its flags and what they are where they are not given."""

from __future__ import annotations

import click
import typer

from gbrain.cli.main import whole

_HEAD = """# Commands

Generated from the program by `tools/reference.py`. Every command also takes `-h` and `--help`.
"""


def page() -> str:
    """The page's text."""
    parts = [_HEAD]
    _describe(typer.main.get_command(whole()), "gbrain", parts)
    return "\n".join(parts)


def _describe(command: click.Command, path: str, parts: list[str]) -> None:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    parts.append(f"## {path}\n\n    {path} {usage}\n\n{(command.help or '').strip()}\n")
    rows = [_row(parameter) for parameter in command.params if _is_ours(parameter)]
    if rows:
        parts.append("| flag | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    for name in sorted(getattr(command, "commands", {})):
        _describe(command.commands[name], f"{path} {name}", parts)  # type: ignore[attr-defined]


def _is_ours(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.name not in ("help",)


def _row(option: click.Parameter) -> str:
    flags = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    default = option.default
    has_default = default not in (None, False, 0) and not callable(default)
    shown = f"`{getattr(default, 'value', default)}`" if has_default and default is not True else ""
    choices = getattr(option.type, "choices", None)
    meaning = (getattr(option, "help", "") or "") + (f" One of {', '.join(map(str, choices))}." if choices else "")
    return f"| {flags} | {meaning} | {shown} |"
