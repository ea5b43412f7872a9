"""Writes docs/reference from the code: commands, settings, codes, JSON documents, tools for agents, the database.

With --check only says what differs. The database is described from the brain in --database-url, or else from an
embedded one that is made for it and destroyed.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from reference_pages import agents, codes, commands, database, documents, settings

from gbrain.app.brain import destroy_embedded, open_brain, reach_database
from gbrain.app.settings import Settings

FOLDER = Path(__file__).parents[1] / "docs" / "reference"


def pages(conninfo: str) -> dict[str, str]:
    """Each page's text by file name."""
    return {
        "commands.md": commands.page(),
        "settings.md": settings.page(),
        "codes.md": codes.page(),
        "json.md": documents.page(),
        "mcp.md": agents.page(),
        "schema.md": database.page(conninfo),
    }


def main() -> int:
    """Write the pages, or with --check compare them; 1 where they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, and exit 1 where a page differs")
    parser.add_argument("--database-url", help="a migrated brain")
    arguments = parser.parse_args()
    with _brain(arguments.database_url) as conninfo:
        made = pages(conninfo)
    stale = [name for name, text in made.items() if _read(FOLDER / name) != text]
    for name in stale:
        if arguments.check:
            sys.stderr.write(f"docs/reference/{name} is not what the code says: run python tools/reference.py\n")
        else:
            (FOLDER / name).write_text(made[name], encoding="utf-8")
    return bool(stale) if arguments.check else 0


@contextmanager
def _brain(url: str | None) -> Iterator[str]:
    """How to connect to the brain, or to one that lasts as long as the block."""
    if url:
        yield url
        return
    with tempfile.TemporaryDirectory(prefix="gbrain-reference-") as folder:
        made = Settings(home=Path(folder))
        try:
            with reach_database(made, lambda text: None) as conninfo:
                asyncio.run(_migrate(made, conninfo))
                yield conninfo
        finally:
            destroy_embedded(made)


async def _migrate(made: Settings, conninfo: str) -> None:
    async with open_brain(made, conninfo, connections=1):
        pass


def _read(file: Path) -> str | None:
    return file.read_text(encoding="utf-8") if file.exists() else None


if __name__ == "__main__":
    sys.exit(main())
