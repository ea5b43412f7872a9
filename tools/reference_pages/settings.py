"""The page of settings."""

from __future__ import annotations

from gbrain.app.settings import SETTINGS


def page() -> str:
    """The page's text."""
    rows = []
    for setting in SETTINGS:
        variable = f"`{setting.variable}`" if setting.variable else ""
        key = f"`{setting.key}`" if setting.in_file else f"(not `{setting.key}`)"
        rows.append(f"| {key} | {variable} | {setting.default} | {setting.meaning} |")
    return (
        "# Settings\n\nGenerated from the program by `tools/reference.py`.\n\n"
        "Defaults, then `config.toml` in the home, then the environment, then flags; read once. Durations are `90`,\n"
        "`30s`, `15m`, `24h`, `3d`; a bare number is seconds. `GBRAIN_HOME` (`--home`) names the home itself; its\n"
        "default is the platform's folder for user data.\n\n"
        "| in config.toml | environment | default | meaning |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )
