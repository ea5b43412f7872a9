"""Writes docs/reference from the code: commands, settings, codes. With --check only says what differs."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import typer

from gbrain.app.settings import SETTINGS
from gbrain.cli.main import app
from gbrain.domain.content import REASON_MEANINGS, Reason
from gbrain.domain.outcome import CODE_MEANINGS, Code, status_of

FOLDER = Path(__file__).parents[1] / "docs" / "reference"

EXITS = (
    (0, "done, nothing needs attention"),
    (1, "ran, and something needs attention"),
    (2, "usage: an unknown flag, a bad value, flags that do not go together"),
    (3, "refused for want of a confirmation (`--yes`)"),
    (4, "no such source or page"),
    (5, "busy: another process holds the lease of the one source asked for"),
    (6, "could not run: database or home not usable, disk full, schema newer than the program"),
    (130, "interrupted; what was committed stays"),
    (143, "terminated; what was committed stays"),
)


def pages() -> dict[str, str]:
    """Each page's text by file name."""
    return {"commands.md": _commands(), "settings.md": _settings(), "codes.md": _codes()}


def main() -> int:
    """Write the pages, or with --check compare them; 1 where they differ."""
    stale = [name for name, text in pages().items() if _read(FOLDER / name) != text]
    if "--check" in sys.argv:
        for name in stale:
            sys.stderr.write(f"docs/reference/{name} is not what the code says: run python tools/reference.py\n")
        return bool(stale)
    for name, text in pages().items():
        (FOLDER / name).write_text(text)
    return 0


def _read(file: Path) -> str | None:
    return file.read_text() if file.exists() else None


def _commands() -> str:
    root = typer.main.get_command(app)
    parts = ["# Commands\n\nGenerated from the program by `tools/reference.py`.\n"]
    _describe(root, "gbrain", parts)
    return "\n".join(parts)


def _describe(command: click.Command, path: str, parts: list[str]) -> None:
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    parts.append(f"## {path}\n\n    {path} {usage}\n\n{(command.help or '').strip()}\n")
    rows = [_row(parameter, context) for parameter in command.params if _is_ours(parameter)]
    if rows:
        parts.append("| flag | meaning | default |\n|---|---|---|\n" + "\n".join(rows) + "\n")
    for name in sorted(getattr(command, "commands", {})):
        _describe(command.commands[name], f"{path} {name}", parts)  # type: ignore[attr-defined]


def _is_ours(parameter: click.Parameter) -> bool:
    return isinstance(parameter, click.Option) and parameter.name not in ("help",)


def _row(parameter: click.Parameter, context: click.Context) -> str:
    option = parameter
    flags = ", ".join(f"`{flag}`" for flag in (*option.opts, *option.secondary_opts))
    default = option.default
    has_default = default not in (None, False, 0) and not callable(default)
    shown = f"`{getattr(default, 'value', default)}`" if has_default and default is not True else ""
    choices = getattr(option.type, "choices", None)
    meaning = (getattr(option, "help", "") or "") + (f" One of {', '.join(map(str, choices))}." if choices else "")
    return f"| {flags} | {meaning} | {shown} |"


def _settings() -> str:
    rows = []
    for setting in SETTINGS:
        variable = f"`{setting.variable}`" if setting.variable else ""
        rows.append(f"| `{setting.key}` | {variable} | {setting.default} | {setting.meaning} |")
    return (
        "# Settings\n\nGenerated from the program by `tools/reference.py`.\n\n"
        "Defaults, then `config.toml` in the home, then the environment, then flags; read once. Durations are `90`,\n"
        "`30s`, `15m`, `24h`, `3d`; a bare number is seconds. `GBRAIN_HOME` (`--home`) names the home itself; its\n"
        "default is the platform's folder for user data.\n\n"
        "| in config.toml | environment | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _codes() -> str:
    exits = "\n".join(f"| {code} | {meaning} |" for code, meaning in EXITS)
    rows = "\n".join(
        f"| `{code.value}` | `{status_of(code, has_bookmark=True, all_sources=True).value}` | {CODE_MEANINGS[code]} |"
        for code in Code
    )
    reasons = "\n".join(
        f"| `{reason.value}` | {'skipped' if reason.skips else 'failed'} | {REASON_MEANINGS[reason]} |"
        for reason in Reason
    )
    return (
        "# Codes\n\nGenerated from the program by `tools/reference.py`.\n\n## Exit codes\n\n"
        f"| code | meaning |\n|---|---|\n{exits}\n\n## Why a source's row is not `ok` (`error_code`)\n\n"
        "A failed fetch is `error` instead of `partial` while the source has no bookmark; `other_host` is `error` for\n"
        f"one source.\n\n| code | status | meaning |\n|---|---|---|\n{rows}\n\n"
        f"## Why a path has no page (`reason`)\n\n"
        "What is skipped needs nobody. What has failed makes the exit code 1 until it is mended or acknowledged.\n\n"
        f"| reason | | meaning |\n|---|---|---|\n{reasons}\n"
    )


if __name__ == "__main__":
    sys.exit(main())
