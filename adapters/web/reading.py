"""A result or a document with all that a reader needs, for citizens and desks alike; audited."""

from collections import defaultdict
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from adapters.web.findings import Finding, finding
from hub import directory, people, records, trust
from hub.records import Report
from hub.trust import Caller

TREND_REPORTS = 6
"""So many earlier reports of one kind are drawn as a trend."""


def result_view(session: Session, caller: Caller, report_id: int) -> dict[str, Any]:
    """One report with its values and their trend, audited. Refuses: ReportUnknown."""
    row = records.report(session, caller, report_id)
    trust.audit(session, caller, verb="records.report", person_id=row.person_id, subject=f"report/{report_id}")
    return {
        "report": row,
        "hospital": directory.organisation(session, row.organisation_id),
        "person": people.person(session, row.person_id),
        "findings": findings_of(session, row, _earlier(session, caller, row)),
    }


def findings_of(
    session: Session, row: Report, earlier: dict[str, list[tuple[datetime, str]]] | None = None
) -> list[Finding]:
    """The values of a report, what is out of range first."""
    found = [finding(each, (earlier or {}).get(each.code, ())) for each in records.observations(session, row.id)]
    return sorted(found, key=lambda each: not each.off)


def _earlier(session: Session, caller: Caller, row: Report) -> dict[str, list[tuple[datetime, str]]]:
    """The values of the same items in earlier reports of this kind, oldest first, by code."""
    same = [
        other
        for other in records.reports(session, caller, person_id=row.person_id)
        if other.order_code == row.order_code and other.issued_at < row.issued_at
    ]
    values: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for other in same[:TREND_REPORTS][::-1]:
        for each in records.observations(session, other.id):
            values[each.code].append((other.issued_at, each.value))
    return values


def document_view(session: Session, caller: Caller, document_id: int) -> dict[str, Any]:
    """A letter, a care plan or an opinion, with who signed it, audited. Refuses: DocumentUnknown."""
    row = records.document(session, caller, document_id)
    trust.audit(session, caller, verb="records.document", person_id=row.person_id, subject=f"document/{document_id}")
    signed = records.signatures(session, document_id)
    return {
        "document": row,
        "hospital": directory.organisation(session, row.organisation_id),
        "person": people.person(session, row.person_id),
        "signatures": signed,
        "intact": records.is_intact(row, signed),
    }
