"""The page of codes: every word that a script may meet in an answer, and what it means."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gbrain.domain.access import SCOPE_MEANINGS, Scope
from gbrain.domain.content import REASON_MEANINGS, Reason
from gbrain.domain.embedding import CAUSE_MEANINGS, Cause
from gbrain.domain.health import Health, Staleness
from gbrain.domain.models import ModelState
from gbrain.domain.outcome import CODE_MEANINGS, Code, Status, SyncStatus, status_of
from gbrain.domain.steps import Phase
from reference_pages.meanings import (
    ERRORS,
    EXITS,
    FINDINGS,
    HEALTH_REASONS,
    HEALTHS,
    MODEL_STATES,
    NOTES,
    PHASES,
    STALENESS,
    STATUSES,
    SYNC_STATUSES,
)
from reference_pages.schemas import words


def page() -> str:
    """The page's text."""
    parts = [
        "# Codes\n\nGenerated from the program by `tools/reference.py`.",
        _section("Exit codes", "", _table("code | meaning", ((str(code), EXITS[code]) for code in EXITS))),
        _section(
            "Why a command could not answer (`error.code`)",
            "In the [error document](json.md#any-command-that-could-not-answer), the only one of such a command.",
            _table("code | exit | meaning", ((f"`{code}`", *ERRORS[code]) for code in words("error", "code"))),
        ),
        *_of_a_sync(),
        *_of_a_status(),
        *_of_models(),
        _section(
            "What a token is good for (`scope`)",
            "Each includes those before it. For agents that is a matter of tools: `sync_source` needs `write`.",
            _table("scope | meaning", _meant(Scope, {scope.value: SCOPE_MEANINGS[scope] for scope in Scope})),
        ),
        _section(
            "What verification finds (`code` of a finding)",
            "",
            _table("code | meaning", _meant(words("sources-verify", "code"), FINDINGS)),
        ),
        _section(
            "What stood in the way of a search (`code` of a note)",
            "",
            _table("code | meaning", _meant(words("search", "code"), NOTES)),
        ),
        _section(
            "Why a path has no page (`reason`)",
            "What is skipped needs nobody. What has failed makes the exit code 1 until it is mended or acknowledged.",
            _table("reason | | meaning", (_reason(reason) for reason in Reason)),
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _of_a_sync() -> Iterable[str]:
    """The words of a source's row in what `gbrain sync` answers."""
    yield _section("How a source's run ended (`status`)", "", _table("status | meaning", _meant(Status, STATUSES)))
    yield _section(
        "What a sync that worked amounts to (`sync_status`)",
        "Null where it did not. A failed fetch may stand beside it: what was committed locally is in.",
        _table("sync_status | meaning", _meant(SyncStatus, SYNC_STATUSES)),
    )
    yield _section(
        "Why a source's row is not `ok` (`error_code`)",
        "A failed fetch is `error` instead of `partial` while the source has no bookmark; `other_host` is `error` for\n"
        "one source.",
        _table("code | status | meaning", (_code(code) for code in Code)),
    )
    yield _section("What a run is busy with (`phase`)", "", _table("phase | meaning", _meant(Phase, PHASES)))


def _of_a_status() -> Iterable[str]:
    """The words of a source's row in what `gbrain sources status` answers."""
    yield _section(
        "How fresh a source is (`staleness_class`)",
        "Since the last successful check; that there is nothing new counts. A source with `--max-age` has limits of\n"
        "its own: stale from it, severe from three times it.",
        _table("staleness_class | meaning", _meant(Staleness, STALENESS)),
    )
    yield _section(
        "How well a source is (`health`)",
        "The worst of its `reasons`: `failing` before `attention` before `unknown` before `ok`.",
        _table("health | meaning", _meant(Health, HEALTHS)),
    )
    codes = {code.value: CODE_MEANINGS[code] for code in Code}
    yield _section(
        "Why a source is not well (`reasons`)",
        "An `error_code` stands here where the last attempt ended with it.",
        _table("reason | meaning", _meant(words("sources-status", "reasons"), HEALTH_REASONS | codes)),
    )


def _of_models() -> Iterable[str]:
    """The words of a model's row, and of what a sync embedded."""
    yield _section(
        "What a model is there for (`state`)", "", _table("state | meaning", _meant(ModelState, MODEL_STATES))
    )
    causes = {cause.value: CAUSE_MEANINGS[cause] for cause in Cause}
    yield _section(
        "Why texts are left without a vector (`reason`)",
        "Of `gbrain embed` and `gbrain models use`, which exit with 1 then; and of a sync, whose exit code does not\n"
        "depend on it.",
        _table("reason | meaning", _meant(causes, causes)),
    )


def _section(title: str, text: str, table: str) -> str:
    return "\n\n".join(filter(None, (f"## {title}", text, table)))


def _table(head: str, rows: Iterable[Iterable[str]]) -> str:
    lines = [f"| {head} |", "|" + "---|" * (head.count("|") + 1), *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def _meant(words: Iterable[str], meanings: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    return ((f"`{word}`", meanings[word]) for word in words)


def _code(code: Code) -> tuple[str, str, str]:
    return f"`{code.value}`", f"`{status_of(code, has_bookmark=True, all_sources=True).value}`", CODE_MEANINGS[code]


def _reason(reason: Reason) -> tuple[str, str, str]:
    return f"`{reason.value}`", "skipped" if reason.skips else "failed", REASON_MEANINGS[reason]
