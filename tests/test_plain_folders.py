"""Plain folders, without git: every file is taken in as it is, and nothing is written or run there."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from gbrain.domain.tree import UNREADABLE_FILE
from gbrain.git import folder_child, folder_walk
from gbrain.git.folder_files import read_file
from gbrain.git.folder_refs import REF, REF_BEFORE, remember_folders
from support.commands import BrainCommand
from support.databases import ask
from support.documents import checked, checked_error
from support.fresh import Fresh
from support.inside import Inside
from support.remembered import settle
from support.repositories import Repository


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A folder of notes, with what a folder may have in it."""
    folder = tmp_path / "my vault"
    for name, text in {
        "note.md": "# Note\n\nSee [[Other note]].\n",
        "Other note.md": "# Other\r\n\r\nWith CRLF.\r\n",
        ".hidden/secret.md": "# Hidden\n",
        "build/ignored.md": "# Ignored by git, and taken in here\n",
        ".gitignore": "build/\n*.md\n",
        ".gitattributes": "*.md text eol=lf filter=canary ident working-tree-encoding=UTF-16\n",
        "deep/er/ä.txt": "Tief.\n",
    }.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode())
    return folder


def stored(brain: BrainCommand) -> list[str]:
    return [os.fsdecode(path) for (path,) in ask(brain.url or "", "SELECT path FROM gbrain.pages ORDER BY path")]


def noted(brain: BrainCommand) -> list[tuple[str, str]]:
    rows = ask(brain.url or "", "SELECT path, reason FROM gbrain.ledger ORDER BY path")
    return [(os.fsdecode(path), reason) for path, reason in rows]


def everything(folder: Path) -> list[tuple[str, int, int]]:
    return sorted((str(path), path.lstat().st_mtime_ns, path.lstat().st_mode) for path in folder.rglob("*"))


def test_every_file_is_taken_in_whatever_gitignore_and_attributes_say_and_nothing_is_written(
    brain: BrainCommand, inside: Inside, fresh: Fresh, vault: Path
) -> None:
    before = everything(vault)
    [row] = checked(inside.run(brain, "sources", "add", "vault", "--path", str(vault), "--json"), "sources")["sources"]
    assert row["is_plain_folder"]
    inside.run(brain, "sync", "--all")
    assert stored(brain) == [".hidden/secret.md", "Other note.md", "build/ignored.md", "deep/er/ä.txt", "note.md"]
    shown = inside.run(brain, "show", "vault:Other note.md", "--json").document["page"]
    assert shown["body"] == "# Other\r\n\r\nWith CRLF.\r\n"
    assert everything(vault) == before
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out
    # Each look is a commit of its own, with a time of its own.
    assert [found for found in fresh.differences(brain) if not found.startswith("states: ")] == []
    [again] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert again["sync_status"] == "up_to_date"


def test_what_changes_is_found_without_a_commit(brain: BrainCommand, inside: Inside, vault: Path) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    (vault / "note.md").rename(vault / "moved.md")
    (vault / "deep" / "er" / "ä.txt").write_text("Anders.\n")
    (vault / "build" / "ignored.md").unlink()
    (vault / "new.md").write_text("# New\n")
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    counts = {name: row[name] for name in ("added", "modified", "renamed", "deleted")}
    assert counts == {"added": 1, "modified": 1, "renamed": 1, "deleted": 1}
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def test_what_cannot_be_a_page_has_a_reason_and_comes_in_once_it_can(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    Repository.create(vault / "nested", {"inner.md": "# Inner\n"})
    Repository.create(vault / "unborn")
    (vault / "unborn" / "loose.md").write_text("# Loose\n")
    (vault / "link.md").symlink_to("note.md")
    os.mkfifo(vault / "pipe.md")
    with (vault / "large.md").open("wb") as large:
        large.truncate(5_000_001)
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    with socket.socket(socket.AF_UNIX) as listening:
        os.chdir(vault)
        listening.bind("socket")
        inside.run(brain, "sync", "--all", code=1)
    assert noted(brain) == [
        ("large.md", "too_large"),
        ("link.md", "symlink"),
        ("nested", "submodule"),
        ("pipe.md", "special_file"),
        ("socket", "special_file"),
        ("unborn", "submodule"),
    ]
    assert not any("nested" in path or "unborn" in path for path in stored(brain))
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out
    for name in ("nested", "unborn"):
        shutil.rmtree(vault / name / ".git")
    for name in ("large.md", "pipe.md", "link.md", "socket"):
        (vault / name).unlink()
    (vault / "large.md").write_text("# Small now\n")
    (vault / "pipe.md").mkdir()
    (vault / "pipe.md" / "page.md").write_text("# Page\n")
    inside.run(brain, "sync", "--all")
    assert noted(brain) == []
    assert {"nested/inner.md", "unborn/loose.md", "large.md", "pipe.md/page.md"} <= set(stored(brain))
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def test_a_folder_that_is_gone_or_empty_is_an_error_and_no_deletion(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    before = stored(brain)
    aside = vault.rename(vault.with_name("aside"))
    for make in (vault.mkdir, vault.rmdir):
        document = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")
        assert [row["error_code"] for row in document["sources"]] == ["path_missing"]
        make()
    aside.rename(vault)
    inside.run(brain, "sync", "--all")
    assert stored(brain) == before


def test_the_home_inside_the_folder_is_left_out(inside: Inside, vault: Path, brain: BrainCommand) -> None:
    within = BrainCommand(home=vault / "brain home", url=brain.url)
    inside.run(within, "sources", "add", "vault", "--path", str(vault))
    inside.run(within, "sync", "--all")
    inside.run(within, "sync", "--all")
    assert not any("brain home" in path for path in stored(within))
    assert noted(within) == []


def test_filters_folders_and_later_changes_are_those_of_repositories(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault), "--exclude", ".hidden/")
    inside.run(brain, "sync", "--all")
    assert ".hidden/secret.md" not in stored(brain)
    inside.run(brain, "sources", "set", "vault", "--subdir", "deep", "--exclude", "")
    inside.run(brain, "sync", "--all")
    assert stored(brain) == ["er/ä.txt"]
    checked_error(inside.run(brain, "sources", "set", "vault", "--branch", "main", "--json", code=2), "usage")
    checked_error(inside.run(brain, "sources", "set", "vault", "--subdir", "nosuch", "--json", code=2), "usage")


def test_a_folder_that_became_a_repository_stays_what_it_was_until_it_is_told(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    before = stored(brain)
    repository = Repository.create(vault)
    (vault / ".gitignore").unlink()
    (vault / ".gitattributes").unlink()
    repository.commit({"committed.md": "# Committed\n"})
    inside.run(brain, "sync", "--all")
    assert stored(brain) == sorted([*before, "committed.md"])
    [row] = checked(inside.run(brain, "sources", "set", "vault", "--path", str(vault), "--json"), "sources")["sources"]
    assert not row["is_plain_folder"]
    inside.run(brain, "sync", "--all")
    assert stored(brain) == sorted([*before, "committed.md"])


def test_removing_the_source_removes_its_snapshots(brain: BrainCommand, inside: Inside, vault: Path) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    assert (brain.home / "folders" / "vault.git").is_dir()
    inside.run(brain, "sources", "remove", "vault", "--yes")
    assert list((brain.home / "folders").iterdir()) == []


def test_no_program_of_the_folder_or_of_the_users_configuration_runs(
    brain: BrainCommand, inside: Inside, vault: Path, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    configuration = tmp_path / "gitconfig"
    run = f"touch '{canary}'; cat"
    configuration.write_text(
        f'[filter "canary"]\n\tclean = "{run}"\n\tsmudge = "{run}"\n\tprocess = "{run}"\n\trequired = true\n'
        f'[core]\n\tfsmonitor = "{run}"\n\thooksPath = {tmp_path}/hooks\n\tautocrlf = true\n'
        f'[diff "canary"]\n\ttextconv = "{run}"\n'
    )
    told = BrainCommand(home=brain.home, url=brain.url, environ={"GIT_CONFIG_GLOBAL": str(configuration)})
    inside.run(told, "sources", "add", "vault", "--path", str(vault))
    inside.run(told, "sync", "--all")
    assert not canary.exists()
    with psycopg.connect(brain.url or "") as conn:
        [(body,)] = conn.execute("SELECT text FROM gbrain.texts WHERE text LIKE '%CRLF%'").fetchall()
    assert body == "# Other\r\n\r\nWith CRLF.\r\n"


def test_names_that_git_would_not_take_and_files_it_would_open_keep_nothing_out(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    for name in (
        ".GIT/config.md",
        "git~1.md",
        "x\\.git\\y.md",
        "line\nbreak.md",
        "-x.md",
        ":(exclude)z.md",
        "index.lock.md",
    ):
        place = vault / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(f"# {name!r}\n")
    (vault / "sub").mkdir()
    (vault / "sub" / "page.md").write_text("# Page\n")
    os.mkfifo(vault / "sub" / ".gitattributes")
    (vault / ".gitmodules").symlink_to("/etc/passwd")
    (vault / b"caf\xe9.md".decode(errors="surrogateescape")).write_text("# Caf\u00e9\n")
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    assert {".GIT/config.md", "git~1.md", "x\\.git\\y.md", "line\nbreak.md", "-x.md", "sub/page.md"} <= set(
        stored(brain)
    )
    assert (".gitmodules", "symlink") in noted(brain)
    assert ("sub/.gitattributes", "special_file") in noted(brain)
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def test_a_folder_that_became_a_symlink_or_lies_behind_one_is_not_followed(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    before = stored(brain)
    vault.rename(vault.with_name("aside"))
    vault.symlink_to("/etc/default")
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (row["error_code"], stored(brain)) == ("path_missing", before)


def test_a_folder_of_empty_folders_alone_is_taken_for_an_unmounted_disk(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    before = stored(brain)
    shutil.rmtree(vault)
    (vault / "mount" / "point").mkdir(parents=True)
    [row] = checked(inside.run(brain, "sync", "--all", "--json", code=1), "sync")["sources"]
    assert (row["error_code"], stored(brain)) == ("path_missing", before)


def test_a_home_behind_a_symlink_is_left_out_and_one_around_the_folder_refused(
    inside: Inside, vault: Path, brain: BrainCommand, tmp_path: Path
) -> None:
    (vault / "home").mkdir()
    (tmp_path / "link").symlink_to(vault / "home")
    within = BrainCommand(home=tmp_path / "link", url=brain.url)
    inside.run(within, "sources", "add", "vault", "--path", str(vault))
    inside.run(within, "sync", "--all")
    [row] = checked(inside.run(within, "sync", "--all", "--json"), "sync")["sources"]
    assert row["sync_status"] == "up_to_date"
    (vault / "home" / "notes").mkdir()
    (vault / "home" / "notes" / "a.md").write_text("# A\n")
    inside.run(within, "sources", "add", "notes", "--path", str(vault / "home" / "notes"))
    found = {row["source_id"]: row for row in inside.run(within, "sync", "--all", "--json", code=1).document["sources"]}
    assert found["notes"]["error_code"] == "path_missing"
    assert "home of gbrain" in found["notes"]["error"]


def test_files_that_change_all_the_time_keep_no_look_from_its_end(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    for number in range(40):
        (vault / f"f{number}.md").write_text("x" * 200_000)
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    ended = threading.Event()

    def change() -> None:
        number = 0
        while not ended.is_set():
            number += 1
            place = vault / f"f{number % 40}.md"
            place.write_text("y" * (number % 300_000))
            place.rename(vault / f"g{number % 7}.md")
            place.write_text("z")

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(5):
            inside.run(brain, "sync", "--all")
    finally:
        ended.set()
        changing.join()
    inside.run(brain, "sync", "--all")
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def test_a_change_of_the_same_size_and_time_is_seen(brain: BrainCommand, inside: Inside, vault: Path) -> None:
    note = vault / "note.md"
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    before = note.stat()
    note.write_text(note.read_text().replace("Note", "Note".swapcase()))
    os.utime(note, ns=(before.st_atime_ns, before.st_mtime_ns))
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert row["modified"] == 1


@pytest.fixture
def look(vault: Path, tmp_path: Path) -> Callable[[], str]:
    """Looks at the vault in this process, where a test may play a permission that does not bind root."""
    place = tmp_path / "place.git"
    subprocess.run(["git", "init", "-q", "--bare", place], check=True)

    def looked() -> str:
        commit = folder_child.Look(os.fsencode(place), []).take(os.fsencode(vault), os.fsencode(tmp_path / "home"))
        return subprocess.run(["git", "-C", place, "ls-tree", "-r", commit], capture_output=True, text=True).stdout

    return looked


def refusing(taken: Callable[..., Any], name: bytes) -> Callable[..., Any]:
    def refuse(*arguments: Any) -> Any:
        if any(isinstance(each, bytes) and each.rstrip(b"/") == name for each in arguments):
            raise PermissionError(13, "Permission denied", name)
        return taken(*arguments)

    return refuse


def test_a_file_that_may_not_be_read_is_a_failure_of_its_own(
    vault: Path, look: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (vault / "secret.md").write_text("# Secret\n")
    monkeypatch.setattr(folder_child, "read_file", refusing(folder_child.read_file, b"secret.md"))
    listed = look()
    assert f"160000 commit {UNREADABLE_FILE.hex()}\tsecret.md" in listed
    assert "note.md" in listed


def test_a_folder_that_may_not_be_entered_is_a_failure_of_its_own_unless_it_held_files(
    vault: Path, look: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (vault / "lost+found").mkdir()
    (vault / "lost+found" / "x.md").write_text("# X\n")
    with monkeypatch.context() as shut:
        shut.setattr(folder_walk, "_opened", refusing(folder_walk._opened, b"lost+found"))
        listed = look()
        assert f"160000 commit {UNREADABLE_FILE.hex()}\tlost+found\n" in listed
        assert "note.md" in listed
    assert "lost+found/x.md" in look()
    monkeypatch.setattr(folder_walk, "_opened", refusing(folder_walk._opened, b"lost+found"))
    with pytest.raises(PermissionError):
        look()


def snapshots(brain: BrainCommand) -> Path:
    return brain.home / "folders" / "vault.git"


@pytest.mark.parametrize("spoilt", ["seen.sqlite", "objects", "HEAD"])
def test_what_is_kept_of_a_folder_is_made_anew_where_it_is_damaged(
    brain: BrainCommand, inside: Inside, vault: Path, spoilt: str
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    (vault / "note.md").write_text("# Changed\n")
    place = snapshots(brain) / spoilt
    if place.is_dir():
        shutil.rmtree(place)
        (place / "info").mkdir(parents=True)
    else:
        place.write_bytes(b"noise" * 1000)
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert row["modified"] == 1
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def test_what_no_snapshot_holds_is_let_go_of_and_a_folder_that_comes_back_is_read_again(
    brain: BrainCommand, inside: Inside, vault: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("gbrain.git.folder._MOST_PACKS", -1)
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    lost = subprocess.run(
        ["git", "hash-object", vault / "deep" / "er" / "ä.txt"], capture_output=True, text=True, check=True
    ).stdout.strip()
    settle(snapshots(brain), vault)
    (vault / "deep").rename(tmp_path / "away")
    for number in range(3):
        assert holds(brain, lost) == (number < 2)
        (vault / "note.md").write_text(f"# Changed {number}\n")
        inside.run(brain, "sync", "--all")
    (tmp_path / "away").rename(vault / "deep")
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert (row["added"], holds(brain, lost)) == (1, True)
    assert "as a fresh sync" in inside.run(brain, "sources", "verify", "vault").out


def holds(brain: BrainCommand, blob: str) -> bool:
    command = ["git", f"--git-dir={snapshots(brain)}", "cat-file", "-e", blob]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def test_a_file_that_another_program_has_a_lease_on_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n")
    with open(tmp_path / "note.md", "rb+") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        before = signal.signal(signal.SIGIO, lambda *_: fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_UNLCK))
        try:
            assert read_file(b"note.md", os.open(tmp_path, os.O_RDONLY))[0] == b"# Note\n"
        finally:
            signal.signal(signal.SIGIO, before)


@pytest.mark.parametrize("code", [errno.EIO, errno.EMFILE, errno.ESTALE])
def test_a_file_that_cannot_be_opened_for_any_other_reason_is_not_taken_for_gone(
    vault: Path, look: Callable[[], str], monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def broken(name: bytes, folder: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("gbrain.git.folder_files._opened", broken)
    with pytest.raises(OSError, match=str(vault)):
        look()


def test_a_folder_whose_names_alone_may_be_read_is_a_failure_of_its_own(
    vault: Path, look: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = folder_walk._listed

    def refusing_below(opened: int, below: bytes) -> Any:
        if below == b"deep/":
            raise PermissionError(13, "Permission denied")
        return listed(opened, below)

    monkeypatch.setattr(folder_walk, "_listed", refusing_below)
    assert f"160000 commit {UNREADABLE_FILE.hex()}\tdeep\n" in look()


def test_a_snapshot_that_the_memory_does_not_know_is_not_believed(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    git = ["git", f"--git-dir={snapshots(brain)}"]
    first = subprocess.run([*git, "rev-parse", REF], capture_output=True, text=True, check=True).stdout.strip()
    (vault / "late.md").write_text("# Late\n")
    inside.run(brain, "sync", "--all")
    # As an older look leaves it, whose sync was killed before the memory was kept.
    subprocess.run([*git, "update-ref", REF, first], check=True)
    [row] = checked(inside.run(brain, "sync", "--all", "--json"), "sync")["sources"]
    assert (row["status"], row["deleted"]) == ("ok", 0)
    assert ask(brain.url or "", "SELECT count(*) FROM gbrain.pages WHERE path = 'late.md'") == [(1,)]


def test_what_looks_that_broke_off_have_left_goes_with_the_next_one(
    brain: BrainCommand, inside: Inside, vault: Path
) -> None:
    inside.run(brain, "sources", "add", "vault", "--path", str(vault))
    inside.run(brain, "sync", "--all")
    (snapshots(brain) / "objects" / "ab").mkdir(exist_ok=True)
    left = ["objects/pack/tmp_pack_x", "objects/pack/.tmp-1-pack-x.pack", "objects/ab/tmp_obj_x", "fast_import_crash_7"]
    for name in [*left, f"{REF}.lock", f"{REF_BEFORE}.lock"]:
        (snapshots(brain) / name).write_bytes(b"x")
    (vault / "late.md").write_text("# Late\n")
    inside.run(brain, "sync", "--all")
    assert not any((snapshots(brain) / name).exists() for name in left)


def test_a_closed_folder_holds_what_it_held_where_the_snapshots_are_made_anew(
    vault: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "place.git"
    subprocess.run(["git", "init", "-q", "--bare", place], check=True)
    remember_folders(os.fsencode(place), [b"deep", b"deep/er", b""])
    monkeypatch.setattr(folder_walk, "_opened", refusing(folder_walk._opened, b"deep"))
    with pytest.raises(PermissionError):
        folder_child.Look(os.fsencode(place), []).take(os.fsencode(vault), os.fsencode(tmp_path / "home"))
