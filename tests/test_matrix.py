"""Trees, names, histories and settings in combination: whatever a source went through, it ends as in a fresh brain.

Every history is gone through step by step by repositories that differ in the shape of their tree and the kind of its
names; each is followed by sources of several settings at once, of which some change on the way. With GBRAIN_TORTURE=1
all combinations of the four are tried (about two hours). Else one repository takes each history, and it has three
sources: row k of 12 has shape k of 8, names k of 9, and the settings 3k to 3k + 2 of 13, each counted round. So
that every value of each of the four is met with several of the others, the same ones each time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gbrain.app.brain import Brain, open_brain, reach_database
from gbrain.app.settings import read_settings
from gbrain.domain.source import Strategy
from gbrain.domain.sync_options import SyncOptions
from gbrain.services.registry import add_source, change_source
from gbrain.services.source_settings import Told
from support import driver, looking
from support.commands import BrainCommand
from support.forest import NAMES, SHAPES, tree
from support.fresh import Fresh
from support.histories import HISTORIES, Living
from support.repositories import Repository
from support.rows import differences, rows

_TORTURE = os.environ.get("GBRAIN_TORTURE") == "1"
_WIDE = 2000 if _TORTURE else 150
_ROWS_PER_HISTORY, _SETTINGS_PER_ROW = 1, 3
_OPTIONS = SyncOptions(allow_mass_delete=True)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a source's files are (`path`, `url` or `plain`), what is told of it, and what is told halfway."""

    place: str = "path"
    told: Mapping[str, Any] | None = None
    place_later: str | None = None
    told_later: Mapping[str, Any] | None = None


SETTINGS: Mapping[str, Setting] = {
    "whole": Setting(),
    "url": Setting("url"),
    "plain": Setting("plain"),
    "subdir": Setting(told={"subdir": "sub"}),
    "branch": Setting(told={"branch": "side"}),
    "include": Setting(told={"include": ["*.md", "sub/"]}),
    "exclude": Setting("url", told={"exclude": ["sub2/", "*.txt", "**/d/d/d/*"]}),
    "code": Setting(told={"strategy": Strategy.CODE}),
    "markdown": Setting("plain", told={"strategy": Strategy.MARKDOWN}),
    "url-below": Setting("url", told={"subdir": "sub", "branch": "main"}),
    "narrowed": Setting(told_later={"subdir": "sub", "exclude": ["*.txt"]}),
    "widened": Setting("plain", {"subdir": "sub", "include": ["*.md"]}, None, {"subdir": "", "include": []}),
    "moved": Setting("plain", place_later="url", told_later={"strategy": Strategy.MARKDOWN}),
}


def _rows(history: str) -> list[tuple[str, str, list[str]]]:
    """The repositories that take a history in the quick form: shape, kind of names, settings."""
    first = list(HISTORIES).index(history) * _ROWS_PER_HISTORY
    kinds, settings = list(NAMES), list(SETTINGS)
    return [
        (
            SHAPES[row % len(SHAPES)],
            kinds[row % len(kinds)],
            [settings[(row * _SETTINGS_PER_ROW + number) % len(settings)] for number in range(_SETTINGS_PER_ROW)],
        )
        for row in range(first, first + _ROWS_PER_HISTORY)
    ]


def _cases() -> Iterator[Any]:
    for history in HISTORIES:
        if not _TORTURE:
            yield pytest.param(history, _rows(history), id=history)
            continue
        for shape in SHAPES:
            yield pytest.param(history, [(shape, kind, list(SETTINGS)) for kind in NAMES], id=f"{history}, {shape}")


@pytest.mark.parametrize(("history", "repositories"), list(_cases()))
def test_whatever_a_source_went_through_it_ends_as_in_a_fresh_brain(
    brain: BrainCommand, fresh: Fresh, tmp_path: Path, history: str, repositories: list[tuple[str, str, list[str]]]
) -> None:
    fleet: dict[str, tuple[Living, Setting]] = {}
    for number, (shape, kind, settings) in enumerate(repositories):
        living = Living.create(tmp_path / str(number), HISTORIES[history](tree(shape, kind, wide=_WIDE)))
        if history == "shallow checkout":
            living.checkout = _shallow(living, tmp_path / f"{number}-shallow")
        fleet |= {f"{shape}-{kind}-{name}": (living, SETTINGS[name]) for name in settings}
    lives = {id(living): living for living, _ in fleet.values()}.values()
    _asked(brain, lambda open_: _register(open_, fleet))
    _sync(brain)
    steps = max(len(living.history.steps) for living in lives)
    for step in range(1, steps):
        for living in lives:
            living.go(min(step, len(living.history.steps) - 1))
        if step == steps // 2:
            _asked(brain, lambda open_: _change(open_, fleet))
        _sync(brain)
    twin = fresh.beside(brain)
    _sync(twin)
    assert differences(*(_comparable(rows(one.url or ""), fleet) for one in (brain, twin))) == []
    reports, stray = driver.verify(brain.env())
    assert [(report.source_id, report.findings, report.cannot) for report in reports] == [
        (source_id, [], None) for source_id in sorted(fleet)
    ]
    assert set(stray.values()) == {0}


def test_the_quick_form_leaves_no_value_out() -> None:
    rows_of_all = [row for history in HISTORIES for row in _rows(history)]
    assert {shape for shape, _, _ in rows_of_all} == set(SHAPES)
    assert {kind for _, kind, _ in rows_of_all} == set(NAMES)
    assert {name for _, _, settings in rows_of_all for name in settings} == set(SETTINGS)


def _sync(brain: BrainCommand) -> None:
    found = looking.sync(brain.env(), options=_OPTIONS, parallel=4)
    assert [(row.source_id, row.trouble) for row in found if row.status != "ok"] == []


def _told(living: Living, place: str | None, told: Mapping[str, Any] | None) -> Told:
    """What the flags say of a source at this place."""
    match place:
        case "path":
            return Told(path=living.checkout, **told or {})
        case "plain":
            return Told(path=living.plain, **told or {})
        case "url":
            return Told(url=living.repository.folder.as_uri(), **told or {})
        case _:
            return Told(**told or {})


async def _register(brain: Brain, fleet: Mapping[str, tuple[Living, Setting]]) -> None:
    for source_id, (living, setting) in fleet.items():
        told = _told(living, setting.place, setting.told)
        await brain.ask(lambda conn, of=source_id, told=told: add_source(conn, of, told, allow_private_hosts=False))


async def _change(brain: Brain, fleet: Mapping[str, tuple[Living, Setting]]) -> None:
    for source_id, (living, setting) in fleet.items():
        if setting.told_later is not None:
            told = _told(living, setting.place_later, setting.told_later)
            await brain.ask(
                lambda conn, of=source_id, told=told: change_source(conn, of, told, allow_private_hosts=False)
            )


def _asked(brain: BrainCommand, work: Callable[[Brain], Awaitable[None]]) -> None:
    async def within(conninfo: str) -> None:
        async with open_brain(settings, conninfo, connections=1) as open_:
            await work(open_)

    settings = read_settings(brain.env())
    with reach_database(settings, lambda text: None) as conninfo:
        asyncio.run(within(conninfo))


def _shallow(living: Living, folder: Path) -> Path:
    """A shallow clone without a work tree that stays where it is; its upstream moves."""
    url = living.repository.folder.as_uri()
    Repository(folder.parent).git("clone", "-q", "--depth=1", "--no-checkout", "--no-single-branch", url, str(folder))
    Repository(folder).git("branch", "-q", "--track", "side", "origin/side")
    return folder


def _comparable(
    found: dict[str, list[tuple[Any, ...]]], fleet: Mapping[str, tuple[Living, Setting]]
) -> dict[str, list[tuple[Any, ...]]]:
    """The same but for the commits of looks at plain folders and their times, which no two looks share."""
    plain = {
        source_id for source_id, (_, setting) in fleet.items() if (setting.place_later or setting.place) == "plain"
    }
    states = [(row[0], *row[2:4], *row[5:]) if row[0] in plain else row for row in found["states"]]
    return found | {"states": states}
