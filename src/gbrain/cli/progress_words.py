"""How far a run is, in words: the same in lines, in the live table and on the dashboard."""

from __future__ import annotations

from datetime import timedelta

from gbrain.domain.events import Filling, Progress
from gbrain.domain.steps import Phase

DOING = {
    Phase.FETCH: "fetching",
    Phase.PLAN: "planning",
    Phase.WRITE: "writing",
    Phase.FINISH: "finishing",
    Phase.EMBED: "embedding",
    Phase.VERIFY: "verifying",
}
"""What a run in a phase does, in a word."""


def doing(event: Progress) -> str:
    """What is being done: for the whole brain, the last phase is the index over its vectors."""
    return "indexing" if event.source_id is None and event.phase is Phase.FINISH else DOING[event.phase]


def before(event: Progress) -> str:
    """What a line about it begins with: the source, or nothing where it is about the whole brain."""
    return f"[{event.source_id}] " if event.source_id is not None else ""


def sentence(event: Progress) -> str:
    """All of it: `writing 400 of 1,003, 310/s, 2 s left`."""
    words = [" ".join(filter(None, (doing(event), amount(event.done, event.total))))]
    if event.rate_per_s:
        words.append(rate(event.rate_per_s))
    words.append(f"{span(event.eta)} left" if event.eta is not None else f"{span(event.elapsed)} so far")
    return ", ".join([*words, *of_fill(event.filling)])


def of_fill(filling: Filling | None) -> list[str]:
    """What keeps a fill back: refusals, a provider that is left alone, and what it said."""
    if filling is None:
        return []
    words = [f"{filling.refused:,} refused"] if filling.refused else []
    words += [f"sends again in {span(filling.waits)}"] if filling.waits else []
    return words + ([filling.trouble] if filling.trouble else [])


def amount(done: int, total: int | None) -> str:
    """`400 of 1,003`; nothing where nothing is counted yet."""
    if total is None:
        return f"{done:,}" if done else ""
    return f"{done:,} of {total:,}"


def rate(per_s: float) -> str:
    """`310/s`, and slow ones with a decimal."""
    return f"{per_s:,.0f}/s" if per_s >= 10 else f"{round(per_s, 1):g}/s"


def span(duration: timedelta) -> str:
    """A length of time as a person says it: `8 s`, `4 min`, `2 h 5 min`, `3 d`."""
    seconds = round(duration.total_seconds())
    if seconds < 100:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 100:
        return f"{minutes} min"
    if minutes < 48 * 60:
        hours, minutes = divmod(minutes, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{round(minutes / 60 / 24)} d"
