"""Repositories that would have a program run, or another content read, through the whole command."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from gbrain.git.process import run
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked
from support.inside import Inside
from support.remotes import locked_server
from support.repositories import Repository


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A program that leaves a file where it was run."""
    program = tmp_path / "canary"
    program.write_text(f"#!/bin/sh\ntouch '{tmp_path}/sang'\nexit 1\n")
    program.chmod(0o755)
    return program


def texts(brain: BrainCommand) -> str:
    return "\n".join(text for (text,) in ask(brain.url or "", "SELECT text FROM gbrain.texts ORDER BY text"))


def test_replaced_objects_are_not_what_is_read(brain: BrainCommand, repository: Repository, inside: Inside) -> None:
    real = repository.git("rev-parse", "HEAD:README.md")
    other = repository.git("hash-object", "-w", "--stdin", fed=b"# Planted\n")
    repository.git("replace", real, other)
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sync", "--all")
    assert "Planted" not in texts(brain)
    assert repository.git("cat-file", "-p", "HEAD:README.md") == "# Planted"
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "wiki").out


def test_submodules_are_named_and_their_urls_left_alone(
    brain: BrainCommand, repository: Repository, inside: Inside, canary: Path, tmp_path: Path
) -> None:
    repository.commit({".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::{canary}\n\tupdate = !{canary}\n'})
    repository.git("update-index", "--add", "--cacheinfo", f"160000,{repository.git('rev-parse', 'HEAD')},x")
    repository.git("commit", "-qm", "submodule")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    inside.run(brain, "sources", "add", "remote", "--url", f"file://{repository.folder}")
    inside.run(brain, "sync", "--all")
    assert ask(brain.url or "", "SELECT DISTINCT path, reason FROM gbrain.ledger") == [(b"x", "submodule")]
    assert not (tmp_path / "sang").exists()


def test_the_configuration_of_a_repository_runs_nothing_by_any_command(
    brain: BrainCommand, repository: Repository, inside: Inside, canary: Path, tmp_path: Path
) -> None:
    repository.commit({".gitattributes": "* filter=x diff=x merge=x text=auto\n"})
    hooks = repository.folder / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for hook in ("post-checkout", "reference-transaction", "post-index-change", "pre-auto-gc", "fsmonitor-watchman"):
        (hooks / hook).write_bytes(canary.read_bytes())
        (hooks / hook).chmod(0o755)
    for key in (
        *(
            "core.fsmonitor",
            "core.sshCommand",
            "core.pager",
            "core.editor",
            "core.askPass",
            "core.alternateRefsCommand",
        ),
        *(
            "filter.x.clean",
            "filter.x.smudge",
            "filter.x.process",
            "diff.x.textconv",
            "diff.x.command",
            "diff.external",
        ),
        *("credential.helper", "gpg.program", "uploadpack.packObjectsHook", "remote.origin.uploadpack"),
    ):
        repository.git("config", key, str(canary))
    repository.git("config", "remote.origin.url", f"file://{repository.folder}")
    repository.git("config", "remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*")
    repository.git("config", "branch.main.remote", "origin")
    repository.git("config", "branch.main.merge", "refs/heads/main")
    subprocess.run(["git", "status"], cwd=repository.folder, capture_output=True, check=False)
    assert (tmp_path / "sang").exists(), "the canary does not sing where git is run plainly"
    (tmp_path / "sang").unlink()
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    for command in (("sync", "--all", "--dry-run"), ("sync", "--all"), ("sync", "--all", "--full")):
        [row] = checked(inside.run(brain, *command, "--json"), "sync")["sources"]
        assert row["status"] == "ok"
    inside.run(brain, "sources", "set", "wiki", "--subdir", "docs")
    inside.run(brain, "sync", "--all")
    inside.run(brain, "sources", "verify", "wiki")
    inside.run(brain, "sources", "remove", "wiki", "--yes")
    assert not (tmp_path / "sang").exists()


def test_names_that_look_like_options_or_revisions_are_names(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    files: dict[str | bytes, bytes | str | None] = {
        name: f"# {number}\n"
        for number, name in enumerate(
            [
                "--upload-pack=x.md",
                "-n.md",
                "HEAD.md",
                ":/x.md",
                "a..b.md",
                "@{u}.md",
                "--/deep.md",
                "*.md",
                "%(path).md",
            ]
        )
    }
    repository = Repository.create(tmp_path / "-odd", files)
    inside.run(brain, "sources", "add", "odd", "--path", str(repository.folder))
    inside.run(brain, "sources", "add", "part", "--path", str(repository.folder / "--"))
    inside.run(brain, "sync", "--all")
    found = ask(brain.url or "", "SELECT convert_from(path, 'UTF8') FROM gbrain.pages WHERE source_id = 'odd'")
    assert {path for (path,) in found} == set(files)
    assert ask(brain.url or "", "SELECT path FROM gbrain.pages WHERE source_id = 'part'") == [(b"deep.md",)]


class Aviary:
    """Canaries by name: each is a program that leaves a file when it is run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def named(self, name: str) -> Path:
        program = self._folder / name
        if not program.exists():
            program.write_text(f"#!/bin/sh\ntouch '{self._folder}/{name}.sang'\nexit 1\n")
            program.chmod(0o755)
        return program

    def sung(self) -> set[str]:
        """The names of those that have sung since the last time; afterwards none has."""
        found = list(self._folder.glob("*.sang"))
        for path in found:
            path.unlink()
        return {path.stem for path in found}


@pytest.fixture
def aviary(tmp_path: Path) -> Aviary:
    return Aviary(tmp_path / "aviary")


@dataclass(frozen=True)
class Trap:
    """What a repository holds to have a program run, and the command of plain git that runs it."""

    arm: Callable[[Repository, Path], None]
    plain: tuple[str, ...]
    origin: str | None = None
    """Where the repository's upstream is said to be; nothing can be fetched there."""


def setting(key: str) -> Callable[[Repository, Path], None]:
    return lambda repository, canary: _set(repository, key, str(canary))


def hook(name: str) -> Callable[[Repository, Path], None]:
    def arm(repository: Repository, canary: Path) -> None:
        place = Path(repository.git("rev-parse", "--absolute-git-dir"), "hooks", name)
        place.parent.mkdir(exist_ok=True)
        shutil.copy(canary, place)

    return arm


def many_packs(repository: Repository, canary: Path) -> None:
    for name in ("HEAD", "HEAD~"):
        packed = f"{repository.git('rev-parse', name)}\n".encode()
        repository.git("pack-objects", "-q", ".git/objects/pack/pack", fed=packed)
    _set(repository, "gc.autoPackLimit", "1")
    hook("pre-auto-gc")(repository, canary)


def hooks_elsewhere(repository: Repository, canary: Path) -> None:
    folder = repository.folder.parent / f"hooks of {repository.folder.name}"
    folder.mkdir()
    shutil.copy(canary, folder / "post-checkout")
    _set(repository, "core.hooksPath", str(folder))


def included(key: str) -> Callable[[Repository, Path], None]:
    def arm(repository: Repository, canary: Path) -> None:
        outside = repository.folder.parent / f"included by {repository.folder.name}"
        outside.write_text(f'[core]\n\tfsmonitor = "{canary}"\n')
        _set(repository, key.replace("HERE", f"{repository.folder}/"), str(outside))

    return arm


def promised(repository: Repository, canary: Path) -> None:
    blob = repository.git("rev-parse", "HEAD:gone.md")
    (repository.folder / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    for key, value in (
        ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
        ("remote.origin.promisor", "true"),
        ("remote.origin.uploadpack", str(canary)),
    ):
        _set(repository, key, value)


def signed(repository: Repository, canary: Path) -> None:
    header, _, message = repository.git("cat-file", "commit", "HEAD").partition("\n\n")
    signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n iQ==\n -----END PGP SIGNATURE-----"
    forged = f"{header}\n{signature}\n\n{message}\n".encode()
    commit = repository.git("hash-object", "-t", "commit", "-w", "--stdin", fed=forged)
    repository.git("update-ref", "refs/heads/main", commit)
    _set(repository, "gpg.program", str(canary))
    _set(repository, "log.showSignature", "true")


def rewritten(repository: Repository, canary: Path) -> None:
    _set(repository, "protocol.ext.allow", "always")
    _set(repository, f"url.ext::{canary} .insteadOf", f"{repository.folder.parent}/")


def borrowing(repository: Repository, canary: Path) -> None:
    lender = Repository.create(repository.folder.parent / f"lender to {repository.folder.name}", {"x.md": "x"})
    (repository.folder / ".git" / "objects" / "info" / "alternates").write_text(f"{lender.folder}/.git/objects\n")
    _set(repository, "core.alternateRefsCommand", str(canary))


TRAPS = {
    "fsmonitor": Trap(setting("core.fsmonitor"), ("status",)),
    "post-checkout": Trap(hook("post-checkout"), ("checkout", "HEAD")),
    "reference-transaction": Trap(hook("reference-transaction"), ("fetch",)),
    "post-index-change": Trap(hook("post-index-change"), ("reset", "--hard", "HEAD")),
    "pre-auto-gc": Trap(many_packs, ("gc", "--auto")),
    "hooksPath": Trap(hooks_elsewhere, ("checkout", "HEAD")),
    "clean": Trap(setting("filter.x.clean"), ("add", "--renormalize", ".")),
    "smudge": Trap(setting("filter.x.smudge"), ("archive", "HEAD")),
    "process": Trap(setting("filter.x.process"), ("archive", "HEAD")),
    "textconv": Trap(setting("diff.x.textconv"), ("diff", "HEAD~")),
    "diff": Trap(setting("diff.external"), ("diff", "HEAD~")),
    "uploadpack": Trap(setting("remote.origin.uploadpack"), ("fetch",)),
    "sshCommand": Trap(setting("core.sshCommand"), ("fetch",), origin="ssh://127.0.0.1:1/x"),
    "gitProxy": Trap(setting("core.gitProxy"), ("fetch",), origin="git://127.0.0.1:1/x"),
    "credential": Trap(setting("credential.helper"), ("fetch",), origin="http://127.0.0.1:PORT/x"),
    "askPass": Trap(setting("core.askPass"), ("fetch",), origin="http://127.0.0.1:PORT/x"),
    "alternateRefsCommand": Trap(borrowing, ("fetch",)),
    "promisor": Trap(promised, ("cat-file", "-p", "HEAD:gone.md")),
    "gpg": Trap(signed, ("log",)),
    "include": Trap(included("include.path"), ("status",)),
    "includeIf": Trap(included("includeIf.gitdir:HERE.path"), ("status",)),
    "insteadOf": Trap(rewritten, ("fetch",)),
}


def test_each_trap_of_a_repository_catches_plain_git_and_no_command_of_ours(
    brain: BrainCommand, inside: Inside, aviary: Aviary, tmp_path: Path
) -> None:
    brain.configure("allow_private_hosts = true\n")
    upstream = Repository.create(
        tmp_path / "upstream", {".gitattributes": "* filter=x diff=x\n", "gone.md": "# Gone\n"}
    )
    upstream.commit({"page.md": "# Page\n", "gone.md": "# Other\n"})
    traps = {name: _checkout(upstream, tmp_path / f"checkout-{number}") for number, name in enumerate(TRAPS)}
    news = upstream.commit({"news.md": "# News\n"})
    with locked_server() as port:
        for name, repository in traps.items():
            TRAPS[name].arm(repository, aviary.named(name))
            if (origin := TRAPS[name].origin) is not None:
                _set(repository, "remote.origin.url", origin.replace("PORT", str(port)))
            inside.run(brain, "sources", "add", name.lower(), "--path", str(repository.folder))
        inside.run(brain, "sync", "--all", "--dry-run", code=1)
        for command in (("sync", "--all"), ("sync", "--all", "--dry-run"), ("sync", "--all", "--full", "--no-pull")):
            rows = checked(inside.run(brain, *command, "--json", code=None), "sync")["sources"]
            read = {row["source_id"]: row["to_revision"] for row in rows}
            assert all(read.values())
            assert {name for name in TRAPS if read[name.lower()] != news} == {"gpg", *_without_news()}
            cannot = {row["source_id"] for row in rows if row["status"] != "ok"}
            assert cannot == (set() if "--no-pull" in command else {name.lower() for name in _without_news()})
        assert "as a fresh sync" in inside.run(brain, "sources", "verify", "--all", code=None).out
        for name in ("fsmonitor", "uploadpack"):
            inside.run(brain, "sources", "remove", name, "--yes")
        assert aviary.sung() == set()
        for name, repository in traps.items():
            _plainly(repository, *TRAPS[name].plain)
            assert aviary.sung() == {name}, "the canary does not sing where git is run plainly"


def _without_news() -> set[str]:
    return {name for name, trap in TRAPS.items() if trap.origin is not None}


def test_an_option_for_a_branch_is_a_branch(
    brain: BrainCommand, inside: Inside, aviary: Aviary, tmp_path: Path
) -> None:
    upstream = Repository.create(tmp_path / "upstream", {"page.md": "# Page\n"})
    branch = f"refs/heads/--upload-pack={aviary.named('option')}"
    upstream.git("update-ref", branch, "HEAD")
    upstream.git("symbolic-ref", "HEAD", branch)
    checkout = Repository.create(tmp_path / "checkout", {})
    checkout.git("fetch", "-q", str(upstream.folder), f"+{branch}:{branch}")
    checkout.git("symbolic-ref", "HEAD", branch)
    short = branch.removeprefix("refs/heads/")
    for key, value in (
        ("remote.origin.url", str(upstream.folder)),
        ("remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"),
        (f"branch.{short}.remote", "origin"),
        (f"branch.{short}.merge", branch),
    ):
        _set(checkout, key, value)
    news = upstream.commit({"news.md": "# News\n"})
    inside.run(brain, "sources", "add", "checkout", "--path", str(checkout.folder))
    inside.run(brain, "sources", "add", "remote", "--url", f"file://{upstream.folder}")
    rows = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert {(row["status"], row["to_revision"]) for row in rows} == {("ok", news)}
    inside.run(brain, "sources", "set", "remote", f"--branch={short}", code=2)
    assert aviary.sung() == set()
    _plainly(checkout, "fetch", str(upstream.folder), short)
    assert aviary.sung() == {"option"}


def test_no_variable_of_the_callers_git_changes_what_is_read_or_run(
    brain: BrainCommand, repository: Repository, inside: Inside, aviary: Aviary, tmp_path: Path
) -> None:
    brain.configure("allow_private_hosts = true\n")
    secret = Repository.create(tmp_path / "secret", {"secret.md": "# Secret\n"})
    checkout = _checkout(repository, tmp_path / "checkout")
    news = repository.commit({"news.md": "# News\n"})
    (tmp_path / "template" / "hooks").mkdir(parents=True)
    shutil.copy(aviary.named("template"), tmp_path / "template" / "hooks" / "reference-transaction")
    variables = {
        "GIT_DIR": str(secret.folder / ".git"),
        "GIT_WORK_TREE": str(secret.folder),
        "GIT_OBJECT_DIRECTORY": str(secret.folder / ".git" / "objects"),
        "GIT_INDEX_FILE": str(secret.folder / ".git" / "index"),
        "GIT_NAMESPACE": "elsewhere",
        "GIT_TEMPLATE_DIR": str(tmp_path / "template"),
        "GIT_EXEC_PATH": str(tmp_path),
        "GIT_SSH_COMMAND": str(aviary.named("ssh")),
        "GIT_PROXY_COMMAND": str(aviary.named("proxy")),
        "GIT_ASKPASS": str(aviary.named("askpass")),
        "GIT_EXTERNAL_DIFF": str(aviary.named("diff")),
        "GIT_TRACE": str(tmp_path / "trace"),
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "core.fsmonitor",
        "GIT_CONFIG_VALUE_0": str(aviary.named("fsmonitor")),
        "GIT_ALLOW_PROTOCOL": "ext:ssh:git",
    }
    hostile = replace(brain, environ=variables)
    inside.run(hostile, "sources", "add", "wiki", "--path", str(checkout.folder))
    inside.run(hostile, "sources", "add", "remote", "--url", f"file://{repository.folder}")
    for scheme in ("ssh", "git"):
        inside.run(hostile, "sources", "add", scheme, "--url", f"{scheme}://127.0.0.1:1/x")
    rows = inside.run(hostile, "sync", "--all", "--json", code=1).sources()
    assert {name: (row["status"], row["to_revision"]) for name, row in rows.items()} == {
        "wiki": ("ok", news),
        "remote": ("ok", news),
        "ssh": ("error", None),
        "git": ("error", None),
    }
    assert "Secret" not in texts(brain)
    assert not (tmp_path / "trace").exists()
    assert aviary.sung() == set()
    kept = ("GIT_CONFIG", "GIT_TRACE", "GIT_SSH", "GIT_PROXY")
    named = {name: value for name, value in variables.items() if name.startswith(kept)}
    for command in (("status",), ("ls-remote", "ssh://127.0.0.1:1/x"), ("ls-remote", "git://127.0.0.1:1/x")):
        _plainly(checkout, *command, env=named)
    assert aviary.sung() == {"fsmonitor", "ssh", "proxy"}
    assert (tmp_path / "trace").exists()


ALTERNATES = {
    "system": "/etc",
    "missing": "/nowhere/objects",
    "quoted": '"/nowhere/a\\nb"',
    "badly": '"/nowhere\\q',
    "device": "/dev/zero",
    "line": "/nowhere/a\nb/objects\n\n#x",
    "relative": "../../../../../../../../../etc",
    "secret": "SECRET/.git/objects",
    "itself": "HERE/.git/objects",
    "loop": "LOOP/.git/objects",
}


def test_alternates_lend_what_is_named_in_the_tree_and_nothing_else(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    secret = Repository.create(tmp_path / "secret", {"secret.md": "# Secret\n"})
    loop = Repository.create(tmp_path / "loop", {"loop.md": "# Loop\n"})
    upstream = Repository.create(tmp_path / "upstream", {"page.md": "# Page\n"})
    repositories = {name: _checkout(upstream, tmp_path / f"r-{name}") for name in ALTERNATES}
    lent = tmp_path / "lent"
    upstream.git("clone", "-q", "--shared", str(upstream.folder), str(lent))
    news = upstream.commit({"news.md": "# News\n"})
    places = {"SECRET": secret.folder, "LOOP": loop.folder}
    for name, repository in repositories.items():
        text = ALTERNATES[name].replace("HERE", str(repository.folder))
        for word, place in places.items():
            text = text.replace(word, str(place))
        _alternates(repository, text)
        inside.run(brain, "sources", "add", name, "--path", str(repository.folder))
        inside.run(brain, "sources", "add", f"{name}-url", "--url", f"file://{repository.folder}")
    _alternates(loop, f"{repositories['loop'].folder}/.git/objects")
    inside.run(brain, "sources", "add", "lent", "--path", str(lent))
    rows = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert {(row["source_id"], row["status"], row["error"]) for row in rows if row["status"] != "ok"} == set()
    assert {row["to_revision"] for row in rows if not row["source_id"].endswith("-url")} == {news}
    found = texts(brain)
    assert ("News" in found, "Secret" in found, "Loop" in found) == (True, False, False)
    assert not list((brain.home / "mirrors").rglob("*alternates"))


@pytest.mark.parametrize("place", ["objects/info/alternates", "config", "HEAD"])
def test_a_pipe_where_git_reads_a_file_ends_with_the_deadline_and_holds_up_no_other(
    brain: BrainCommand,
    repository: Repository,
    inside: Inside,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    place: str,
) -> None:
    piped = _checkout(repository, tmp_path / "piped")
    for name, folder in (("piped", piped.folder), ("wiki", repository.folder)):
        inside.run(brain, "sources", "add", name, "--path", str(folder))
    (piped.folder / ".git" / place).unlink(missing_ok=True)
    os.mkfifo(piped.folder / ".git" / place)
    monkeypatch.setitem(run.__kwdefaults__, "deadline_s", 1.5)
    rows = inside.run(brain, "sync", "--all", "--json", code=1).sources()
    assert (rows["wiki"]["status"], rows["piped"]["status"]) == ("ok", "error")
    assert (rows["piped"]["error_code"], rows["piped"]["hint"] is not None) == ("not_a_repository", True)


def test_a_work_tree_elsewhere_and_links_to_elsewhere_are_not_read(
    brain: BrainCommand, repository: Repository, inside: Inside, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.md").write_text("# Secret\n")
    (repository.folder / "linked").symlink_to(outside)
    (repository.folder / "linked.md").symlink_to(outside / "secret.md")
    repository.commit_all()
    inside.run(brain, "sources", "add", "part", "--url", f"file://{repository.folder}", "--subdir", "linked")
    inside.run(brain, "sources", "add", "wiki", "--path", str(repository.folder))
    _set(repository, "core.worktree", str(outside))
    rows = inside.run(brain, "sync", "--all", "--json", code=1).sources()
    assert {name: row["error_code"] for name, row in rows.items()} == {"part": "path_missing", "wiki": None}
    assert ask(brain.url or "", "SELECT path, reason FROM gbrain.ledger WHERE source_id = 'wiki' ORDER BY path") == [
        (b"linked", "symlink"),
        (b"linked.md", "symlink"),
    ]
    assert "Secret" not in texts(brain)
    assert "secret.md" in repository.git("ls-files", "--others")


def test_a_repository_that_is_a_file_leads_where_git_goes_and_runs_nothing_there(
    brain: BrainCommand, repository: Repository, inside: Inside, aviary: Aviary, tmp_path: Path
) -> None:
    folder = tmp_path / "pointing"
    folder.mkdir()
    (folder / ".git").write_text(f"gitdir: {repository.folder}/.git\n")
    setting("core.fsmonitor")(repository, aviary.named("fsmonitor"))
    inside.run(brain, "sources", "add", "wiki", "--path", str(folder))
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert row["to_revision"] == repository.git("rev-parse", "HEAD")
    assert aviary.sung() == set()
    _plainly(Repository(folder), "status")
    assert aviary.sung() == {"fsmonitor"}


def _checkout(upstream: Repository, folder: Path) -> Repository:
    upstream.git("clone", "-q", str(upstream.folder), str(folder))
    return Repository(folder)


def _set(repository: Repository, key: str, value: str) -> None:
    repository.git("config", key, value)


def _alternates(repository: Repository, text: str) -> None:
    (repository.folder / ".git" / "objects" / "info" / "alternates").write_text(text + "\n")


def _plainly(repository: Repository, *arguments: str, env: dict[str, str] | None = None) -> None:
    """Run git as anybody would, whatever comes of it."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    kept |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"} | (env or {})
    subprocess.run(
        ["git", *arguments],
        cwd=repository.folder,
        env=kept,
        capture_output=True,
        check=False,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        timeout=60,
    )
