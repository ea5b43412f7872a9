"""The tutorial, the README and each how-to are played from top to bottom, and do what they show."""

from __future__ import annotations

import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support import scenes
from support.commands import GBRAIN
from support.how_tos import blocks_of, complaints, difference
from support.playing import play, run_detached
from support.repositories import Repository
from support.scenery import PASSWORD, Databases
from support.servers import Server, postgres, run_pgbouncer
from support.stage import Stage

ROOT = Path(__file__).parents[1]
PAGES = {
    "README.md": scenes.without_sources,
    "docs/tutorial.md": scenes.from_nothing,
    "docs/how-to/agents.md": scenes.for_agents,
    "docs/how-to/search.md": scenes.for_search,
    "docs/how-to/backup.md": scenes.kept,
    "docs/how-to/cron.md": scenes.with_wiki,
    "docs/how-to/embeddings.md": scenes.with_endpoint,
    "docs/how-to/machines.md": scenes.two_machines,
    "docs/how-to/pgbouncer.md": scenes.pooled,
    "docs/how-to/private.md": scenes.private,
    "docs/how-to/served.md": scenes.from_embedded_to_served,
    "docs/how-to/sources.md": scenes.sources,
    "docs/how-to/stuck.md": scenes.stuck,
    "docs/how-to/uninstall.md": scenes.to_be_removed,
    "docs/how-to/watch.md": scenes.with_wiki,
}
"""Each page that holds blocks of code, and what must be there before it is played."""

HOW_TOS = sorted(f"docs/how-to/{file.name}" for file in (ROOT / "docs/how-to").iterdir())
DOCUMENTS = ["README.md", "docs/tutorial.md", *HOW_TOS]


def nothing(stage: Stage) -> None:
    """It changes nothing that the page goes on with."""


def start_timer(stage: Stage) -> None:
    """What systemd would run at the timer's times is run once."""
    units = stage.home / ".config/systemd/user"
    assert "OnCalendar=" in (units / "gbrain.timer").read_text()
    lines = (units / "gbrain.service").read_text().splitlines()
    command = next(line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
    words = shlex.split(command.replace("%h", str(stage.home)))
    assert run_detached(stage, words, {"PATH": "/usr/local/bin:/usr/bin:/bin"}) == ""


def start_pgbouncer(stage: Stage) -> None:
    """The real one, with the file of the page."""
    url = stage.real("postgresql://gbrain@db.example.org:6432/brain").replace("gbrain@", f"gbrain:{PASSWORD}@")
    stage.closing.enter_context(run_pgbouncer(stage.folder / "pgbouncer/pgbouncer.ini", url))


def make_key(stage: Stage) -> None:
    """The file of a key is there; what stands for ssh does not read it."""
    (stage.home / ".ssh").mkdir(mode=0o700)
    (stage.home / ".ssh/wiki-deploy").touch(mode=0o600)


def know_host(stage: Stage) -> None:
    """The host's key has been accepted."""
    (stage.home / ".ssh/known_hosts").write_text("wiki-deploy ssh-ed25519 AAAA\n")


def end_the_other(stage: Stage) -> None:
    """The process that the page names is told to end, and does."""
    stage.others["4711"].terminate()
    assert stage.others["4711"].wait(60) == 143


def watch(stage: Stage) -> None:
    """It is started, sees a commit within its first minute, and stops in order."""
    process = _started(stage, [GBRAIN, "sync", "--all", "--watch"])
    assert process.stdout is not None
    assert process.stdout.readline().startswith("[wiki] first sync")
    assert process.stdout.readline().startswith("embedded 2 chunks")
    assert process.stdout.readline() == "1 ok\n"
    Repository(stage.home / "wiki").commit({"new.md": "# New\n"})
    assert "1 added" in process.stdout.readline()
    _stop(process, signal.SIGINT)


def look_on(stage: Stage) -> None:
    """It shows the wiki, and stops in order."""
    process = _started(stage, [GBRAIN, "sources", "status", "--watch"])
    assert process.stdout is not None
    assert process.stdout.readline().startswith("SOURCE")
    assert process.stdout.readline().startswith("wiki")
    _stop(process, signal.SIGINT)


def start_service(stage: Stage) -> None:
    """What systemd would run runs until systemd would stop it."""
    lines = (stage.home / ".config/systemd/user/gbrain-watch.service").read_text().splitlines()
    command = next(line.removeprefix("ExecStart=") for line in lines if line.startswith("ExecStart="))
    process = _started(stage, shlex.split(command.replace("%h", str(stage.home))))
    assert process.stdout is not None
    assert process.stdout.readline().startswith("[wiki] up to date")
    _stop(process, signal.SIGTERM)


def serve(stage: Stage) -> None:
    """It listens, on a port that is free here, until the page is played."""
    port = stage.real("127.0.0.1:7433").rpartition(":")[2]
    process = _started(stage, [GBRAIN, "serve", "--port", port])
    assert process.stderr is not None
    assert process.stderr.readline() == f"listening on http://127.0.0.1:{port}\n"
    assert process.stderr.readline().startswith(f"agents speak MCP to http://127.0.0.1:{port}/mcp, ")


def _started(stage: Stage, command: list[str]) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        command,
        env=stage.environs["you"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    stage.others[f"{command[0]} {process.pid}"] = process
    return process


def _stop(process: subprocess.Popen[str], number: signal.Signals) -> None:
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 0, said


BY_HAND: dict[str, Callable[[Stage], None]] = {
    "./demo\n./check": nothing,
    "python3 -m venv ~/.gbrain-venv && ~/.gbrain-venv/bin/pip install .\nexport PATH=~/.gbrain-venv/bin:$PATH": nothing,
    "python3 -m venv ~/.gbrain-venv\n~/.gbrain-venv/bin/pip install .\nexport PATH=~/.gbrain-venv/bin:$PATH": nothing,
    "systemctl --user daemon-reload\nsystemctl --user enable --now gbrain.timer\nloginctl enable-linger": start_timer,
    "sudo systemctl restart pgbouncer": start_pgbouncer,
    "ssh-keygen -t ed25519 -N '' -f ~/.ssh/wiki-deploy": make_key,
    "ssh wiki-deploy": know_host,
    "kill 4711": end_the_other,
    "systemctl --user disable --now gbrain.timer": nothing,
    "gbrain sync --all --watch": watch,
    "gbrain serve": serve,
    "gbrain sources status --watch": look_on,
    "systemctl --user enable --now gbrain-watch\nloginctl enable-linger": start_service,
}
"""Every block that no test can run, and what is done in its place. A new one is a decision to write down here."""


@pytest.fixture(scope="module")
def guarded() -> Iterator[Server]:
    """PostgreSQL 18 that lets nobody in without a password."""
    with postgres(18, owner="postgres", password="of-the-administrator", durable=False) as running:
        yield running


@pytest.fixture
def databases(request: pytest.FixtureRequest) -> Databases:
    def new_url() -> str:
        server: Server = request.getfixturevalue("server")
        name: str = request.getfixturevalue("new_database")()
        return server.url(name)

    return Databases(new_url=new_url, guarded=lambda: request.getfixturevalue("guarded"))


@pytest.fixture
def stage() -> Iterator[Stage]:
    folder = Path(tempfile.mkdtemp(prefix="gbrain-page-"))
    folder.chmod(0o755)
    prepared = Stage.prepare(folder, BY_HAND)
    try:
        yield prepared
    finally:
        prepared.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_does_what_it_shows(page: str, stage: Stage, databases: Databases) -> None:
    PAGES[page](stage, databases)
    play(stage, ROOT / page)
    if stage.unplayed:
        pytest.skip("; ".join(stage.unplayed))


@pytest.mark.parametrize("page", DOCUMENTS)
def test_every_block_of_code_has_a_tag_that_says_what_is_done_with_it(page: str) -> None:
    assert list(complaints(ROOT / page)) == []


def test_every_page_with_blocks_of_code_is_played() -> None:
    assert {page for page in DOCUMENTS if blocks_of(ROOT / page)} == set(PAGES)


def test_no_block_is_left_to_a_person_that_is_not_listed_and_none_is_listed_in_vain() -> None:
    left = {block.commands for page in PAGES for block in blocks_of(ROOT / page) if block.tag == "text"}
    assert left == set(BY_HAND)


@pytest.mark.parametrize(
    "page",
    [
        "```\ngbrain sync\n```\n",
        "```bash\ngbrain sync\n```\n",
        "- see\n\n  ~~~ shell\n  gbrain sync\n  ~~~\n",
        "See:\n\n    gbrain sync\n",
        "<pre>gbrain sync</pre>\n",
        "```console\n1 ok\n```\n",
        "```text\nmake it\n```\n```console\n1 ok\n```\n",
        "```ini\n[x]\n```\n",
    ],
)
def test_a_block_that_would_escape_is_found(page: str, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(page)
    assert len(list(complaints(tmp_path / "page.md"))) == 1


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("[a] synced 1f3870be27: 1 added (0.1 s)", "[a] synced 9c1e2d3f40: 1 added (12.4 s)"),
        ("2026-01-31 07:00 UTC  a: ok", "2027-12-01 23:59:59 UTC a: ok"),
        ("embedded 3 texts, 0.1 s, 30/s", "embedded 3 texts, 0.4 s, 1,207.5/s"),
        ("…\n2 ok", "[a] x\n\n[b] y\n2 ok\n"),
        ("1 ok\n…", "1 ok\n"),
        ("[a] x\n[b] y\n2 ok", "[b] y\n[a] x\n2 ok"),
        ("", "\n"),
    ],
)
def test_times_hashes_and_the_order_of_sources_may_differ(shown: str, said: str) -> None:
    assert difference(shown, said) is None


@pytest.mark.parametrize(
    ("shown", "said"),
    [
        ("1 ok", "2 ok"),
        ("1 ok", "1 ok, 1 error"),
        ("1 ok", "[a] x\n1 ok"),
        ("1 ok", ""),
        ("", "1 ok"),
        ("…\n1 ok", "1 ok\n2 ok"),
        ("2 ok\n[a] x", "[a] x\n2 ok"),
        ("[a] 1 added (0.1 s)", "[a] 2 added (0.1 s)"),
        ("30/s", "30/sec"),
    ],
)
def test_everything_else_that_differs_is_found(shown: str, said: str) -> None:
    assert difference(shown, said) is not None


@pytest.mark.parametrize(
    "page",
    [
        "```sh\necho one\n```\n```console\ntwo\n```\n",
        "```sh\nfalse\ntrue\n```\n",
        "```sh\nfalse | true\n```\n",
        "```sh\necho $nobody_set_this\n```\n",
        "```sh exit=1\ntrue\n```\n",
        "```sh exit=1\ntrue\nfalse\n```\n",
        "```crontab\n* * * * *  echo mail\n```\n",
        "```crontab\n* * * *  true\n```\n",
        "```text\nmake it so\n```\n",
    ],
)
def test_a_page_that_does_not_do_what_it_shows_fails(page: str, stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(AssertionError):
        play(stage, tmp_path / "page.md")


def test_a_page_is_one_session_of_its_reader(stage: Stage, tmp_path: Path) -> None:
    page = "```sh\nmkdir a\ncd a\nexport X=1\n```\n```sh exit=3\n(exit 3)\n```\n```sh\necho $X $PWD\n```\n"
    (tmp_path / "page.md").write_text(page + "```console\n1 /home/you/a\n```\n")
    play(stage, tmp_path / "page.md")
