"""`gbrain sources verify`: what is stored, held against what the repositories say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from gbrain.cli.answer import counted, presentable, put, put_document
from gbrain.cli.options import Json, MaybeId, positive
from gbrain.cli.state import here, settings_of, with_brain
from gbrain.domain.paths import display
from gbrain.errors import UsageError

if TYPE_CHECKING:
    from gbrain.app.brain import Brain
    from gbrain.domain.verification import Finding
    from gbrain.services.verify import Report


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(verify)


def verify(
    context: typer.Context,
    source_id: MaybeId = None,
    all_sources: Annotated[bool, typer.Option("--all", help="Every source.")] = False,
    sample: Annotated[str | None, typer.Option(help="Derive only so many pages of each source.", metavar="N")] = None,
    as_json: Json = False,
) -> int:
    """Derive every page again at the bookmark and hold it against what is stored."""
    from gbrain.app.verifying import run_verify

    if source_id is not None and all_sources:
        raise UsageError("an id and --all do not go together", hint="give one of them")
    pages = positive(sample, "--sample")
    named = settings_of(context).source if source_id is None else source_id

    async def work(brain: Brain) -> tuple[list[Report], dict[str, int]]:
        return await run_verify(brain, named=named, here=here(), all_sources=all_sources, sample=pages)

    reports, stray = with_brain(context, work, connections=5)
    if as_json:
        put_document({"stray_rows": stray, "sources": [_document(report) for report in reports]})
    else:
        _render(reports, stray)
    wrong = any(stray.values()) or any(report.cannot or report.findings_count for report in reports)
    return 1 if wrong else 0


def _render(reports: list[Report], stray: dict[str, int]) -> None:
    for report in reports:
        put(f"[{report.source_id}] {presentable(_summary(report))}")
        for finding in report.findings:
            put(f"[{report.source_id}] {_line(finding)}")
        if report.findings_count > len(report.findings):
            put(f"[{report.source_id}] and {report.findings_count - len(report.findings)} more")
        if report.findings_count and not report.cannot and report.hint:
            put(f"[{report.source_id}] mend it with: {report.hint}")
    for table, rows in stray.items():
        if rows:
            put(f"{rows} rows of {table} belong to nothing; {_STRAY[table]}")


def _document(report: Report) -> dict[str, Any]:
    cannot = report.cannot
    return {
        "source_id": report.source_id,
        "status": "cannot_verify" if cannot else "differs" if report.findings_count else "ok",
        "commit": report.commit,
        "pages_checked": report.pages_checked,
        "pages_derived": report.pages_derived,
        "findings_count": report.findings_count,
        "findings": [
            {
                "code": finding.code,
                "path": display(finding.path) if finding.path is not None else None,
                "detail": presentable(finding.detail),
            }
            for finding in report.findings
        ],
        "error": presentable(cannot.message) if cannot else None,
        "hint": presentable(report.hint) if report.hint else None,
    }


_NO_PAGE = "mend it with: gbrain sync --all --full"
_NO_SOURCE = "their source is not registered"
_STRAY = dict.fromkeys(("chunks", "links"), _NO_PAGE)
_STRAY |= dict.fromkeys(("pages", "texts", "ledger", "coverage"), _NO_SOURCE)


def _summary(report: Report) -> str:
    if report.cannot is not None:
        return f"{report.cannot.message}; {report.cannot.hint}"
    checked = f"{counted(report.pages_checked, 'path')} checked, {report.pages_derived:,} derived again"
    found = counted(report.findings_count, "finding") if report.findings_count else "as a fresh sync would have it"
    return f"{(report.commit or '-')[:10]}: {checked}: {found}"


def _line(finding: Finding) -> str:
    where = f"{display(finding.path)}: " if finding.path is not None else ""
    return f"{where}{finding.code}: {presentable(finding.detail)}"
