"""Two looks at one folder at once: one whose sync was killed goes on for a moment, and the next one waits for it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gbrain.git import folder_files
from support.commands import BrainCommand
from support.driven import children_of, poll
from support.inside import Inside


def test_a_sync_waits_for_a_look_that_a_killed_one_left_behind(
    brain: BrainCommand, inside: Inside, tmp_path: Path
) -> None:
    folder = tmp_path / "vault"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.md").write_text(f"# {number}\n")
    inside.run(brain, "sources", "add", "vault", "--path", str(folder))
    inside.run(brain, "sync", "--all")
    for number in range(300):
        (folder / f"{number}.md").write_text(f"# {number}, changed\n")
    place = brain.home / "folders" / "vault.git"
    left = subprocess.Popen(
        [sys.executable, "-P", "-m", "gbrain.git.folder_child", place, folder, brain.home], stdout=subprocess.PIPE
    )
    poll(lambda: (place / "seen.sqlite-journal").exists(), "the look that is left behind has begun to write")
    left.send_signal(signal.SIGSTOP)
    syncing = brain.start("sync", "--all", "--json")
    try:
        poll(lambda: children_of(syncing.pid, "gbrain.git.folder_child") or syncing.poll() is not None, "the next look")
        with pytest.raises(subprocess.TimeoutExpired):
            syncing.wait(1.5)
        left.send_signal(signal.SIGCONT)
        out, err = syncing.communicate(timeout=60)
    finally:
        left.kill()
        left.communicate()
        syncing.kill()
    assert syncing.returncode == 0, out.decode() + err.decode()
    [row] = json.loads(out)["sources"]
    assert (row["status"], row["modified"]) == ("ok", 300)


def test_a_change_within_one_tick_of_a_coarse_clock_is_seen(tmp_path: Path) -> None:
    """Size and time of change are put back, and the time of the inode's change is too coarse to tell."""
    path = os.fsencode(tmp_path / "note.md")
    folder = os.open(tmp_path, os.O_RDONLY)
    for content in (b"one", b"two"):
        with open(path, "wb") as file:
            file.write(content)
        os.utime(path, ns=(10**18, 10**18))
        _, state = folder_files.read_file(b"note.md", folder)
        assert state is None, "what changed just now is read again, whatever time its content claims"
