"""Visits, results and documents of a person, from every hospital, under one card.

visits.py ....... Visit: a stay or an attendance, in the words of a FHIR Encounter
reports.py ...... Report and Observation: results; a resend is one report, a correction a new version
documents.py .... Document and Signature: letters, care plans, opinions; signed and countersigned

Rows belong to the hospital that wrote them; everybody else passes `trust.admit` first, and who may
not pass gets the answer for a row that is not there.
"""

from hub.records.access import NotYourRecord, require_own
from hub.records.documents import (
    Document,
    DocumentUnknown,
    Signature,
    SignedByAnother,
    document,
    documents,
    is_intact,
    sign,
    signatures,
    write_document,
)
from hub.records.notices import tell
from hub.records.reports import (
    Author,
    Observation,
    ObservationFacts,
    Order,
    Report,
    ReportUnknown,
    observations,
    publish,
    report,
    reports,
    snapshot,
)
from hub.records.visits import (
    AFTER_VISIT,
    VISIT,
    Diagnosis,
    Visit,
    VisitCancelled,
    VisitEnded,
    VisitNumberTaken,
    VisitUnknown,
    amend_visit,
    cancel_visit,
    change_stay,
    close_visit,
    open_visit,
    opened,
    opening,
    reopen_visit,
    stays,
    visit,
    visit_by_id,
    visit_under_way,
    visits,
)

__all__ = [
    "AFTER_VISIT",
    "VISIT",
    "Author",
    "Diagnosis",
    "Document",
    "DocumentUnknown",
    "NotYourRecord",
    "Observation",
    "ObservationFacts",
    "Order",
    "Report",
    "ReportUnknown",
    "Signature",
    "SignedByAnother",
    "Visit",
    "VisitCancelled",
    "VisitEnded",
    "VisitNumberTaken",
    "VisitUnknown",
    "amend_visit",
    "cancel_visit",
    "change_stay",
    "close_visit",
    "document",
    "documents",
    "is_intact",
    "observations",
    "open_visit",
    "opened",
    "opening",
    "publish",
    "reopen_visit",
    "report",
    "reports",
    "require_own",
    "sign",
    "signatures",
    "snapshot",
    "stays",
    "tell",
    "visit",
    "visit_by_id",
    "visit_under_way",
    "visits",
    "write_document",
]
