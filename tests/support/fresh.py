"""A second brain with the same sources and nothing of them in yet: what a fresh sync makes of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psycopg

from support.commands import BrainCommand
from support.rows import differences, rows
from support.servers import Server


@dataclass(frozen=True)
class Fresh:
    """Makes fresh brains on a server."""

    server: Server
    new_database: Callable[[], str]
    folder: Path

    def beside(self, brain: BrainCommand) -> BrainCommand:
        """A brain with a home and a database of its own, and the registry of `brain`."""
        name = self.new_database()
        home = self.folder / name
        url = self.server.url(name)
        twin = BrainCommand(home=home, url=url, environ=brain.environ)
        if (configuration := brain.home / "config.toml").exists():
            twin.configure(configuration.read_text())
        assert brain.url is not None
        _register(brain.url, url)
        return twin

    def differences(self, brain: BrainCommand) -> list[str]:
        """In what the brain is not as one that syncs its sources for the first time."""
        twin = self.beside(brain)
        twin.run("sync", "--all", code=None)
        assert brain.url is not None
        assert twin.url is not None
        return differences(rows(brain.url), rows(twin.url))


def _register(here: str, there: str) -> None:
    with psycopg.connect(here) as old, psycopg.connect(there) as new:
        found = old.execute("SELECT * FROM gbrain.sources")
        names = [column.name for column in found.description or []]
        places = ", ".join(["%s"] * len(names))
        for row in found.fetchall():
            new.execute(f"INSERT INTO gbrain.sources ({', '.join(names)}) VALUES ({places})", row)
            new.execute("INSERT INTO gbrain.states (source_id) VALUES (%s)", (row[names.index("id")],))
        leases = old.execute("SELECT name FROM gbrain.leases").fetchall()
        for (name,) in leases:
            new.execute(
                "INSERT INTO gbrain.leases VALUES (%s, 0, 'epoch', '', '', '', 0, '') ON CONFLICT DO NOTHING", (name,)
            )
