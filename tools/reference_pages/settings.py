"""The page of settings."""

from __future__ import annotations

from dataclasses import MISSING, Field, fields
from datetime import timedelta

from gbrain.app.settings import SETTINGS
from gbrain.domain.endpoint import Endpoint
from gbrain.domain.endpoint_values import MAX_DIMENSIONS

_HEAD = """# Settings

Generated from the program by `tools/reference.py`.

Defaults, then `config.toml` in the home, then the environment, then flags; read once. Durations are `90`,
`30s`, `15m`, `24h`, `3d`; a bare number is seconds. `GBRAIN_HOME` (`--home`) names the home itself; its
default is the platform's folder for user data.
"""

_ENDPOINTS = """## Endpoints (`[embedders.NAME]`)

What makes vectors elsewhere: anything that answers `POST {base_url}/embeddings` as OpenAI's does. The name is 1 to 32
of `a-z`, `0-9` and `-`; `gbrain models use NAME` fills its model and puts it to use. The key itself is never in the
file. Limits, and what was spent, are shared by all processes of the brain that use the same address, model and key.
"""

_MEANINGS = {
    "base_url": "Where it is: `https://host/v1`. Texts are sent to `{base_url}/embeddings`.",
    "model": "What it calls the model.",
    "dimensions": f"How many numbers a vector is to have, {MAX_DIMENSIONS:,} at most. Asked for only where it is set.",
    "api_key_env": "The environment variable that holds the key. None: it wants no key.",
    "max_items": "Texts a request, at most.",
    "max_tokens": "Tokens a request, at most; one text that has more goes alone.",
    "concurrency": "Requests under way, at most. How many there are follows what the endpoint takes.",
    "requests_per_minute": "Requests in any minute; 0: no limit is known.",
    "tokens_per_minute": "Tokens in any minute; 0: no limit is known.",
    "requests_per_day": "Requests a day of UTC; 0: no limit is known.",
    "tokens_per_day": "Tokens a day of UTC; 0: no limit is known.",
    "price_per_million_tokens": "What a million tokens cost, in whatever unit; 0: nothing is said of costs.",
    "max_cost_per_day": "What may be spent a day of UTC, in that unit; 0: no limit. It needs the price.",
    "timeout": "How long one request may take in all.",
}


def page() -> str:
    """The page's text."""
    rows = []
    for setting in SETTINGS:
        variable = f"`{setting.variable}`" if setting.variable else ""
        key = f"`{setting.key}`" if setting.in_file else f"(not `{setting.key}`)"
        rows.append(f"| {key} | {variable} | {setting.default} | {setting.meaning} |")
    keys = [
        f"| `{key.name}` | {_default(key)} | {_MEANINGS[key.name]} |" for key in fields(Endpoint) if key.name != "name"
    ]
    return "\n".join(
        [
            _HEAD,
            "| in config.toml | environment | default | meaning |\n|---|---|---|---|",
            *rows,
            "",
            _ENDPOINTS,
            "| key | default | meaning |\n|---|---|---|",
            *keys,
            "",
        ]
    )


def _default(key: Field[object]) -> str:
    match key.default:
        case default if default is MISSING:
            return "must be given"
        case None:
            return "none" if key.name == "api_key_env" else "what it answers"
        case timedelta() as length:
            return f"`{length.total_seconds():g}s`"
        case default:
            return f"`{default}`"
