"""What `sources verify` found, as text and as JSON."""

from __future__ import annotations

from typing import Any

from gbrain.cli.answer import presentable, put
from gbrain.domain.paths import display
from gbrain.domain.verification import Finding
from gbrain.services.verify import Report


def render(reports: list[Report], stray: dict[str, int]) -> None:
    """A line a source, then what is wrong with it."""
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


def document(report: Report) -> dict[str, Any]:
    """The report of one source."""
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
_STRAY = {"chunks": _NO_PAGE, "links": _NO_PAGE, "pages": _NO_SOURCE, "texts": _NO_SOURCE, "ledger": _NO_SOURCE}


def _summary(report: Report) -> str:
    if report.cannot is not None:
        return f"{report.cannot.message}; {report.cannot.hint}"
    checked = f"{report.pages_checked} paths checked, {report.pages_derived} derived again"
    found = f"{report.findings_count} findings" if report.findings_count else "as a fresh sync would have it"
    return f"{(report.commit or '-')[:10]}: {checked}: {found}"


def _line(finding: Finding) -> str:
    where = f"{display(finding.path)}: " if finding.path is not None else ""
    return f"{where}{finding.code}: {presentable(finding.detail)}"
