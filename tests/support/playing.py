"""A page of the documentation played on a stage, from its first block to its last."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from support.how_tos import Block, blocks_of, difference
from support.shell import Said
from support.stage import Stage

_DEADLINE_S = 120
_SCHEDULE = re.compile(r"(?:[\d*/,-]+\s+){5}(?P<command>[^\s%][^%]*)")
"""A time and a command, in which a percent sign would be the end of the line."""


def play(stage: Stage, page: Path) -> None:
    """Do what a page says; what it shows must be what is said, and what a crontab says must be shown."""
    blocks = blocks_of(page)
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.tag == "console":
            continue
        where = f"{page.name}:{block.line}"
        said = stage.as_written(_done(stage, block, where))
        shown = after.text if after is not None and after.tag == "console" else None
        if shown is not None or block.tag == "crontab":
            differs = difference(shown or "", said)
            assert differs is None, f"{where}:\n{differs}"


def run_detached(stage: Stage, command: Sequence[str], environ: Mapping[str, str]) -> str:
    """Run a command in the reader's home that has nobody to talk to; what it said."""
    done = subprocess.run(
        command,
        env=stage.bare_environ(stage.home) | environ,
        cwd=stage.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        timeout=_DEADLINE_S,
        text=True,
    )
    _expect(Said(code=done.returncode, text=done.stdout), 0, shlex.join(command))
    return done.stdout


def _done(stage: Stage, block: Block, where: str) -> str:
    """What the block says when it is done."""
    match block.tag:
        case "sh":
            return _run(stage, block, where)
        case "crontab":
            return "".join(_run_jobs(stage, block, where))
        case "ini":
            file = Path(stage.real(block.words[0].replace("~", str(stage.home), 1)))
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(stage.real(block.text))
        case "text":
            assert block.commands in stage.by_hand, f"{where}: nobody has decided what is done in place of this"
            stage.by_hand[block.commands](stage)
        case _:
            raise AssertionError(f"{where}: nobody knows what to do with this")
    return ""


def _run(stage: Stage, block: Block, where: str) -> str:
    """What a block of commands says in each of the shells it is for."""
    code = next((int(word.removeprefix("exit=")) for word in block.words if word.startswith("exit=")), 0)
    names = [word for word in block.words if not word.startswith("exit=")] or ["you"]
    assert code == 0 or block.text.count("\n") == 1, f"{where}: only of one command can be said how it fails"
    if missing := [name for name in names if name not in stage.environs]:
        stage.unplayed.append(f"{where}: there is no {', '.join(missing)} here")
        return ""
    typed, texts = stage.typed.get(block.text.splitlines()[0], ""), []
    for name in names:
        said = stage.shell(name).run(stage.real(block.text), typed=typed, may_fail=code != 0)
        _expect(said, code, f"{where} ({name}):\n{block.text}")
        texts.append(said.text)
    return "".join(texts)


def _run_jobs(stage: Stage, block: Block, where: str) -> Iterator[str]:
    """Run each command of a crontab as cron runs it: by sh, in the home, with next to no environment."""
    environ = {"LOGNAME": "you", "SHELL": "/bin/sh", "PATH": "/usr/bin:/bin"}
    for line in filter(str.strip, stage.real(block.text).splitlines()):
        if assigned := re.fullmatch(r"(\w+)=(.*)", line):
            environ[assigned[1]] = assigned[2]
        else:
            scheduled = _SCHEDULE.fullmatch(line)
            assert scheduled is not None, f"{where}: cron does not understand {line!r}"
            yield run_detached(stage, ["/bin/sh", "-c", scheduled["command"]], environ)


def _expect(said: Said, code: int, what: str) -> None:
    assert said.code == code, f"exit {said.code}, not {code}: {what}\n{said.text}"
