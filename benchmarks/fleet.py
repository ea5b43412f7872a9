"""Many sources at once: remotes that wait or hang, a large source beside small ones, a terminal, a tick of hundreds.

Where something is measured with and without company, two brains are kept of the same repositories: each new commit is
taken in by the one and by the other, which of them first changing from turn to turn. A remote that is to hang has been
answering until then, so that nothing is known against it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from benchmarks import corpus
from benchmarks.figures import Figure, at_most, compared
from benchmarks.filled import status_cases
from benchmarks.home import Home
from benchmarks.measure import MemorySampler, settle_disk
from benchmarks.remotes import Remotes, serving

SYNC = ("sync", "--all", "--no-embed")

_PRIVATE = "allow_private_hosts = true\n"
_STALL = "15s"
"""Longer than the good sources take, so that the others hang all along, and not much longer."""


def waiting_cases(work: Path, *, sources: int = 40, turns: int = 5) -> Iterator[Figure]:
    """Remotes that wait a second before their first byte, nothing changed; and how soon a terminal shows something."""
    ids = _repositories(work, sources, pages=20)
    with serving(work, wait_s=1.0) as remotes:
        home = _home(work / "home", "url", {one: remotes.url(one) for one in ids}, _PRIVATE)
        home.run(*SYNC)
        times = [_stopped(home).timed(*SYNC) for _ in range(turns)]
        yield at_most(f"{sources} remotes that wait 1 s, nothing changed, embedded, server not running", times, 3.0)
        times = [_stopped(home).first_line(*SYNC) for _ in range(turns)]
        yield at_most("the first line of that on a terminal", times, 0.4)
        home.destroy()


def hung_cases(work: Path, *, good: int = 7, pages: int = 200, pairs: int = 7) -> Iterator[Figure]:
    """One hung remote among eight: the others should not notice."""
    times = _with_hung_ones(work, good=good, hung=1, pages=pages, pairs=pairs, wait_s=0.0)
    case = f"1 hung remote among {good + 1} with {pages} changed pages each: the {good} others"
    yield compared(case, times, factor=1.05, more_s=0.2)


def half_hung_cases(work: Path, *, good: int = 20, hung: int = 20, pages: int = 20, pairs: int = 3) -> Iterator[Figure]:
    """Half of the remotes hung: they hold fetch slots, which must be enough for the others."""
    times = _with_hung_ones(work, good=good, hung=hung, pages=pages, pairs=pairs, wait_s=1.0)
    case = f"{hung} hung remotes among {good + hung}, all waiting 1 s, {pages} changed pages each: the {good} others"
    yield compared(case, times, factor=1.2, more_s=0.5)


def large_beside_small_cases(work: Path, *, small: int = 30, pages: int = 20_000, pairs: int = 3) -> Iterator[Figure]:
    """A source of many new pages, and small ones that are done long before it."""
    ids = _repositories(work, small, pages=20)
    (large,) = _repositories(work, 1, pages=20, name="large")
    alone = _home(work / "home-alone", "path", {one: str(work / one) for one in ids})
    company = _home(work / "home-company", "path", {one: str(work / one) for one in (large, *ids)})
    for home in (alone, company):
        home.run(*SYNC, "--parallel", "4")
    seeds = count(10_000_000)
    times = []
    for turn in range(pairs):
        for one, new in ((large, pages), *((one, 20) for one in ids)):
            files = [(f"new{turn}/{n % 97}/page-{n:05d}.md", corpus.page(next(seeds))) for n in range(new)]
            corpus.commit(work / one, files, message="more")
        times.append(_pair(company, alone, ids, turn, "--parallel", "4", beside=[large]))
    yield compared(
        f"{small} sources of 20 new pages beside one of {pages:,}, --parallel 4", times, factor=1.2, more_s=0.0
    )
    for home in (alone, company):
        home.destroy()


def tick_cases(work: Path, *, sources: int = 400, turns: int = 5) -> Iterator[Figure]:
    """Hundreds of repositories on this machine, none of which has changed."""
    ids = _repositories(work, sources, pages=3)
    home = _home(work / "home", "path", {one: str(work / one) for one in ids})
    home.run(*SYNC)
    times = [_stopped(home).timed(*SYNC) for _ in range(turns)]
    yield at_most(f"{sources} local sources, nothing changed, embedded, server not running", times, 4.0)
    process = _stopped(home).start(*SYNC)
    with MemorySampler(process.pid) as sampler:
        if process.wait() != 0:
            raise RuntimeError(f"the tick ended with {process.returncode}")
    yield Figure("memory of that", f"{sampler.peak_mib:.0f} MiB", "under 150 MiB", sampler.peak_mib < 150)
    home.destroy()


CASES: dict[str, Callable[[Path], Iterator[Figure]]] = {
    "waiting": waiting_cases,
    "hung": hung_cases,
    "half-hung": half_hung_cases,
    "beside-large": large_beside_small_cases,
    "million": status_cases,
    "tick": tick_cases,
}


def _with_hung_ones(
    work: Path, *, good: int, hung: int, pages: int, pairs: int, wait_s: float
) -> list[tuple[float, float]]:
    """How long the good ones take beside the hung ones, and alone, pair by pair."""
    ids = _repositories(work, good + hung, pages=2 * pages)
    hung_ones = _spread(ids, hung)
    good_ones = [one for one in ids if one not in hung_ones]
    with serving(work, wait_s=wait_s) as remotes:
        settings = f'{_PRIVATE}fetch_stall = "{_STALL}"\n'
        alone = _home(work / "home-alone", "url", {one: remotes.url(one) for one in good_ones}, settings)
        company = _home(work / "home-company", "url", {one: remotes.url(one) for one in ids}, settings)
        times = []
        for turn in range(pairs):
            for home in (alone, company):
                home.run(*SYNC)
            _change(work, ids, turn, pages)
            with _hanging(remotes, hung_ones):
                times.append(_pair(company, alone, good_ones, turn, beside=hung_ones))
        for home in (alone, company):
            home.destroy()
    return times


@contextmanager
def _hanging(remotes: Remotes, hung_ones: Sequence[str]) -> Iterator[None]:
    for one in hung_ones:
        remotes.hang(one)
    try:
        yield
    finally:
        for one in hung_ones:
            remotes.answer(one)


def _pair(
    company: Home, alone: Home, ids: Sequence[str], turn: int, *flags: str, beside: Sequence[str]
) -> tuple[float, float]:
    """When the last of these sources was done, beside others that take longer, and alone."""
    found = {}
    for home in (company, alone) if turn % 2 else (alone, company):
        settle_disk()
        done = _stopped(home).finishes(*SYNC, *flags)
        if not_well := [one for one in ids if one not in done or not done[one].said.startswith("synced")]:
            raise RuntimeError(f"not synced: {not_well} of {done}")
        found[home.folder] = max(done[one].at for one in ids)
        if home is company and (early := [one for one in beside if done[one].at < found[home.folder]]):
            raise RuntimeError(f"done before the others, and so not beside them all along: {early} of {done}")
    return found[company.folder], found[alone.folder]


def _spread(ids: Sequence[str], number: int) -> list[str]:
    """So many of them, evenly among the others."""
    return [ids[(2 * n + 1) * len(ids) // (2 * number)] for n in range(number)]


def _repositories(work: Path, number: int, *, pages: int, name: str = "s") -> list[str]:
    """So many repositories, all different; their ids."""
    ids = [f"{name}{n:03d}" for n in range(number)]
    for n, one in enumerate(ids):
        files = ((_path(i), corpus.page(n * 100_000 + i)) for i in range(pages))
        corpus.write_repository(work / one, files)
    return ids


def _change(work: Path, ids: Sequence[str], turn: int, pages: int) -> None:
    for n, one in enumerate(ids):
        changes = [(_path(i), corpus.page(20_000_000 + turn * 1_000_000 + n * 1000 + i)) for i in range(pages)]
        corpus.commit(work / one, changes, message="change")


def _path(number: int) -> str:
    return f"area{number % 20:02d}/page-{number:05d}.md"


def _home(folder: Path, flag: str, places: dict[str, str], settings: str = "") -> Home:
    home = Home(folder)
    home.configure(settings)
    home.register(flag, places)
    return home


def _stopped(home: Home) -> Home:
    home.wait_until_stopped()
    return home
