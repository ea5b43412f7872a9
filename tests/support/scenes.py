"""What must be there before a page can be played: the repositories, databases and remotes it speaks of."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time

import psycopg
import pytest

from gbrain.postgres import embedded
from gbrain.services.source_settings import Told
from support.commands import GBRAIN
from support.endpoint import endpoint
from support.lying import certificate
from support.private_remote import private_remote
from support.remotes import silent_server
from support.repositories import Repository
from support.scenery import (
    Databases,
    administer,
    brain,
    can_unshare,
    configure,
    machine,
    machine_of_roots,
    remote,
    repository,
    served,
    ssh,
)
from support.servers import free_port
from support.stage import Stage

_DEADLINE_S = 60
_WIKI = {"README.md": "# Wiki\n\nSee [guide](docs/guide.md).\n", "docs/guide.md": "# Guide\n\nHow to.\n"}
_SEARCHED = {
    "docs/oncall.md": "---\ntags: [operations, night]\ndate: 2026-03-02\n---\n# On call\n\n"
    "Who is on call answers the pager within ten minutes. Wake the deputy when nobody does.\n\n"
    "## Handing over\n\nWrite down what is open before you go.\n",
    "docs/backups.md": "---\ntags: operations\ndate: 2026-05-20\n---\n# Backups\n\n"
    "Databases are copied every night. To restore one, call `restore_backup` with the day.\n",
    "meetings/2026-05-21.md": "---\ntype: meeting\ndate: 2026-05-21\n---\n# Retrospective\n\n"
    "The pager was silent for a week. We keep the night shift as it is.\n",
    "README.md": "# Wiki\n\nHow we work: [on call](docs/oncall.md), [backups](docs/backups.md).\n",
}
_SERVED = 'database_url = "{}"\n'


def from_nothing(stage: Stage, databases: Databases) -> None:
    """Two repositories, and no brain."""
    repository(stage.home / "wiki", _WIKI)
    repository(stage.home / "notes", {"today.md": "# Today\n"})
    stage.closing.callback(embedded.destroy, stage.brain_home)


def without_sources(stage: Stage, databases: Databases) -> None:
    """Two repositories, and a brain without sources."""
    repository(stage.home / "wiki", _WIKI)
    remote(stage, "me/notes.git", {"today.md": "# Today\n"})
    configure(stage, _SERVED.format(databases.new_url()))


def with_wiki(stage: Stage, databases: Databases) -> None:
    """A brain with one source, which a watch asks every second."""
    url = databases.new_url()
    settings = _SERVED.format(url) + 'watch_poll = "1s"\n'
    brain(stage, url, {"wiki": Told(path=repository(stage.home / "wiki", _WIKI))}, settings)


def for_agents(stage: Stage, databases: Databases) -> None:
    """A brain with one source that is in, and a port for its server."""
    url = databases.new_url()
    brain(stage, url, {"wiki": Told(path=repository(stage.home / "wiki", _WIKI))}, _SERVED.format(url))
    subprocess.run([GBRAIN, "sync", "--all", "--no-embed"], env=stage.environs["you"], capture_output=True, check=True)
    stage.names["127.0.0.1:7433"] = f"127.0.0.1:{free_port()}"


def for_search(stage: Stage, databases: Databases) -> None:
    """A brain with one source that is in, and has its vectors."""
    configure(stage, _SERVED.format(databases.new_url()))
    env = stage.environs["you"] | {"GBRAIN_EMBEDDER": "local"}
    wiki = repository(stage.home / "wiki", _SEARCHED)
    for words in (["sources", "add", "wiki", "--path", str(wiki)], ["sync", "--all"]):
        subprocess.run([GBRAIN, *words], env=env, capture_output=True, check=True)
    stage.environs["you"] = env


def sources(stage: Stage, databases: Databases) -> None:
    """A brain without sources; a large repository, a remote with two branches, a plain folder."""
    repository(stage.home / "monorepo", {"docs/handbook/guide.md": "# Guide\n", "src/main.py": "x = 1\n"})
    shop = remote(stage, "shop/api.git", {"docs/a.md": "# A\n", "docs/archive/b.md": "# B\n"})
    Repository(shop).git("branch", "next")
    (stage.home / "Documents/vault").mkdir(parents=True)
    (stage.home / "Documents/vault/thought.md").write_text("# Thought\n")
    configure(stage, _SERVED.format(databases.new_url()))


def from_embedded_to_served(stage: Stage, databases: Databases) -> None:
    """An embedded brain with a source, and a server on which nothing is prepared."""
    from_nothing(stage, databases)
    brain(stage, None, {"wiki": Told(path=stage.home / "wiki")})
    administer(stage, databases.guarded())
    stage.typed["createuser --pwprompt gbrain"] = "THE-PASSWORD\nTHE-PASSWORD\n"


def pooled(stage: Stage, databases: Databases) -> None:
    """A served brain with three sources, and a port for pgbouncer."""
    server, port = databases.guarded(), free_port()
    administer(stage, server)
    told = {name: Told(path=repository(stage.home / name, _WIKI)) for name in ("wiki", "notes", "handbook")}
    brain(stage, served(stage, server), told)
    stage.names |= {
        "db.example.org:6432": f"127.0.0.1:{port}",
        "listen_port = 6432": f"listen_port = {port}",
        "listen_addr = *": "listen_addr = 127.0.0.1",
        "host=db.example.org port=5432": f"host=127.0.0.1 port={server.port}",
        "/etc/pgbouncer": str(stage.folder / "pgbouncer"),
    }


def kept(stage: Stage, databases: Databases) -> None:
    """A served brain with two sources, and its administrator."""
    server = databases.guarded()
    administer(stage, server)
    told = {name: Told(path=repository(stage.home / name, _WIKI)) for name in ("wiki", "notes")}
    setting = stage.real(_SERVED.format("postgresql://gbrain@db.example.org/brain"))
    brain(stage, served(stage, server), told, setting)
    stage.closing.callback(embedded.destroy, stage.home / "drill")


def private(stage: Stage, databases: Databases) -> None:
    """A git host that lets nobody in without a password or a key."""
    remote(stage, "team/wiki.git", _WIKI)
    made, key = certificate(stage.folder / "authority", "127.0.0.1")
    shutil.copy(made, stage.home / "authority.pem")
    port = stage.closing.enter_context(private_remote(stage.remotes, (made, key), user="gbrain", password="THE-TOKEN"))
    stage.names["git.example.org"] = f"127.0.0.1:{port}"
    ssh(stage)
    configure(stage, _SERVED.format(databases.new_url()))


def with_endpoint(stage: Stage, databases: Databases) -> None:
    """A brain with two sources not yet synced, a third repository, and an endpoint that wants a key and no secrets."""
    provider = stage.closing.enter_context(endpoint(key="THE-KEY", dimensions=1024, marker="PRIVATE KEY"))
    url = databases.new_url()
    told = {
        "wiki": Told(path=repository(stage.home / "wiki", _WIKI)),
        "handbook": Told(path=repository(stage.home / "handbook", _rules(300))),
    }
    repository(stage.home / "archive", _rules(200, of="of old"))
    brain(stage, url, told, _SERVED.format(url))
    stage.names |= {
        "https://api.example.org/v1": provider.base_url,
        "api.example.org": provider.base_url.removeprefix("http://").removesuffix("/v1"),
    }


def two_machines(stage: Stage, databases: Databases) -> None:
    """Two machines that reach one served brain, each with a clone of its own."""
    if not can_unshare():
        pytest.skip("needs namespaces of its own")
    remote(stage, "team/wiki.git", _WIKI)
    notes = Repository(repository(machine(stage, "laptop", "1" * 32) / "notes", {"today.md": "# Today\n"}))
    notes.bare_clone(machine(stage, "office", "2" * 32) / "notes")
    server = databases.guarded()
    administer(stage, server)
    brain(stage, served(stage, server), {})


def stuck(stage: Stage, databases: Databases) -> None:
    """A brain in which another process waits for a remote that says nothing."""
    port, url = stage.closing.enter_context(silent_server()), databases.new_url()
    remote(stage, "team/media.git", {"film.md": "# Film\n"})
    told = {"media": Told(url=f"git://127.0.0.1:{port}/media.git")}
    brain(stage, url, told, _SERVED.format(url) + "allow_private_hosts = true\n")
    waiting = subprocess.Popen(
        [GBRAIN, "sync", "--source", "media"],
        env=stage.environs["you"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    stage.others["4711"] = waiting
    stage.names |= {"process 4711": f"process {waiting.pid}", "on laptop": f"on {platform.node()}"}
    _wait_until_it_runs(url)


def to_be_removed(stage: Stage, databases: Databases) -> None:
    """Brains of every kind: an embedded one, a served one, and one of root's on a machine of its own."""
    from_nothing(stage, databases)
    brain(stage, None, {})
    server = databases.guarded()
    administer(stage, server)
    served(stage, server)
    (stage.home / "wiki/.gbrain-source").write_text("wiki\n")
    if can_unshare():
        machine_of_roots(stage)


def _rules(number: int, *, of: str = "of today") -> dict[str | bytes, bytes | str]:
    return {f"{rule:03}.md": f"# Rule {rule}\n\nWhat rule {rule} {of} is about.\n" for rule in range(1, number + 1)}


def _wait_until_it_runs(url: str) -> None:
    until = time.monotonic() + _DEADLINE_S
    with psycopg.connect(url, autocommit=True) as conn:
        while conn.execute("SELECT count(*) FROM gbrain.runs WHERE phase = 'fetch'").fetchone() == (0,):
            assert time.monotonic() < until, "the other process does not come to fetch"
            time.sleep(0.02)
