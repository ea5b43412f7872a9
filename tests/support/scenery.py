"""What scenes are made of: repositories, remotes, brains with sources, served databases, machines."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg

from gbrain.app.brain import Brain, open_brain, reach_database
from gbrain.app.settings import read_settings
from gbrain.services.registry import add_source
from gbrain.services.source_settings import Told
from support.repositories import Repository
from support.servers import Server
from support.stage import Stage

PASSWORD = "THE-PASSWORD"

_SSH = """#!/bin/sh
# Stands for ssh: the host must be known and the key be there; then the command is run here.
case " $* " in *" BatchMode=yes "*) ;; *) echo "it would ask" >&2; exit 255 ;; esac
while [ "$1" = -o ]; do shift 2; done
key=$(awk -v host="$1" '$1 == "Host" { here = $2 } here == host && $1 == "IdentityFile" { print $2 }' ~/.ssh/config)
grep -q "^$1 " ~/.ssh/known_hosts || { echo "Host key verification failed." >&2; exit 255; }
test -f "$HOME/${key#??}" || { echo "$1: Permission denied (publickey)." >&2; exit 255; }
cd REMOTES && shift && exec sh -c "$*"
"""


@dataclass(frozen=True, kw_only=True)
class Databases:
    """Where brains can be: each call of `new_url` gives an empty one; `guarded` is a server that wants passwords."""

    new_url: Callable[[], str]
    guarded: Callable[[], Server]


def repository(folder: Path, files: Mapping[str | bytes, bytes | str]) -> Path:
    """A checkout of one commit; where it is."""
    return Repository.create(folder, files).folder


def remote(stage: Stage, name: str, files: Mapping[str | bytes, bytes | str]) -> Path:
    """A bare repository of git.example.org; where it is."""
    work = stage.folder / "work" / name
    return Repository.create(work, files).bare_clone(stage.remotes / name)


def brain(stage: Stage, url: str | None, told: Mapping[str, Told], settings: str = "") -> None:
    """A brain with these sources, in the database of the URL or embedded; the settings are the reader's config.toml."""
    configure(stage, settings)
    environ = {"GBRAIN_HOME": str(stage.brain_home)} | ({"GBRAIN_DATABASE_URL": url} if url else {})
    wiring = read_settings(environ)

    async def work(conninfo: str) -> None:
        async with open_brain(wiring, conninfo, connections=1) as opened:
            for source_id, what in told.items():
                await _add(opened, source_id, what)

    with reach_database(wiring, lambda text: None) as conninfo:
        asyncio.run(work(conninfo))


def configure(stage: Stage, settings: str) -> None:
    """Write the reader's config.toml."""
    stage.brain_home.mkdir(mode=0o700, parents=True)
    (stage.brain_home / "config.toml").write_text(settings)


def administer(stage: Stage, server: Server) -> None:
    """Give the stage an administrator of a guarded server, on which it leaves nothing."""
    stage.inhabit("admin")
    stage.environs["admin"] |= {"PGHOST": "127.0.0.1", "PGPORT": str(server.port)}
    stage.environs["admin"] |= {"PGUSER": server.owner, "PGPASSWORD": server.password or ""}
    stage.names |= {"db.example.org:5432": f"127.0.0.1:{server.port}", "db.example.org/": f"127.0.0.1:{server.port}/"}
    stage.closing.callback(_cleared, server)


def served(stage: Stage, server: Server) -> str:
    """The database that the page on served brains makes, and a URL that needs no pass file."""
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        conn.execute(f"CREATE ROLE gbrain LOGIN PASSWORD '{PASSWORD}'")
        conn.execute("CREATE DATABASE brain OWNER gbrain")
    with psycopg.connect(server.url("brain"), autocommit=True) as conn:
        conn.execute("CREATE EXTENSION vector")
    for home in {environ["HOME"] for environ in stage.environs.values()}:
        passes = Path(home, ".pgpass")
        passes.write_text(f"127.0.0.1:{server.port}:*:gbrain:{PASSWORD}\n")
        passes.chmod(0o600)
    return f"postgresql://gbrain:{PASSWORD}@127.0.0.1:{server.port}/brain"


def ssh(stage: Stage) -> None:
    """A program in the place of ssh that reaches git.example.org with a key."""
    program = stage.home / ".gbrain-venv/bin/ssh"
    program.write_text(_SSH.replace("REMOTES", str(stage.remotes)))
    program.chmod(0o755)


def machine(stage: Stage, name: str, identity: str) -> Path:
    """A machine of that name with an id and a home of its own; the home."""
    file = stage.folder / f"{name}-id"
    file.write_text(f"{identity}\n")
    enter = f'hostname {name} && mount --bind {file} /etc/machine-id && exec "$@"'
    return stage.inhabit(name, enter=("unshare", "--mount", "--uts", "sh", "-c", enter, "sh"))


def machine_of_roots(stage: Stage) -> None:
    """A machine on which root has used an embedded brain: no other process, users of its own, and a new /var/lib."""
    etc, state = stage.folder / "etc", stage.folder / "state"
    shutil.copytree("/etc", etc, symlinks=True, ignore=shutil.ignore_patterns("ssl", "ssh"))
    state.mkdir()
    enter = f'mount --bind {etc} /etc && mount --bind {state} /var/lib && exec "$@"'
    alone = ("--mount", "--pid", "--fork", "--mount-proc")
    stage.inhabit("root", enter=("unshare", *alone, "sh", "-c", enter, "sh"))
    stage.shell("root").run("userdel gbrain 2>&1 || true; gbrain -q init")


def can_unshare() -> bool:
    """Whether machines can be played here: it takes namespaces, which usually only root may have."""
    if shutil.which("unshare") is None or os.geteuid() != 0 or not Path("/etc/machine-id").exists():
        return False
    tried = ["unshare", "--mount", "--uts", "--pid", "--fork", "--mount-proc", "true"]
    return subprocess.run(tried, stderr=subprocess.DEVNULL, check=False).returncode == 0


async def _add(opened: Brain, source_id: str, what: Told) -> None:
    await opened.ask(lambda conn: add_source(conn, source_id, what, allow_private_hosts=True))


def _cleared(server: Server) -> None:
    with psycopg.connect(server.url("postgres"), autocommit=True) as conn:
        for name in ("brain", "restored"):
            conn.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        conn.execute("DROP ROLE IF EXISTS gbrain")
