"""Results: read by whoever may, published by the hospital that made them."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body, Coded, Id, Named, local
from hub import journeys, records
from hub.records import Author, ObservationFacts, Order, Report, ReportUnknown
from hub.trust import RecordUnknown


class ObservationBody(Body, frozen=True):
    """One measured item; `abnormal` is a flag of HL7 table 0078, empty when nothing is said."""

    code: str
    name: str
    value: str
    unit: str = ""
    range: str = ""
    abnormal: Literal["", "N", "H", "L", "HH", "LL", "A", "AA", "<", ">"] = ""


class ReportBody(Body, frozen=True):
    """`filler_number` is the hospital's own number: sent again it is one report, with other content a correction."""

    person_id: Id
    filler_number: str
    order: Coded
    author: Named
    issued_at: Annotated[datetime, msgspec.Meta(tz=True)]
    observations: tuple[ObservationBody, ...] = ()
    text: str = ""
    visit_id: Id | None = None


class ReportView(msgspec.Struct):
    report_id: int
    version: int
    organisation_id: str
    filler_number: str
    person_id: int
    order: Coded
    author: Named
    issued_at: datetime
    observations: list[ObservationBody]
    text: str


class ReportQuery(msgspec.Struct, frozen=True):
    person_id: Id


@operation("POST", "/reports", tag="records", body=ReportBody, answer=ReportView, status=201)
def publish(call: Call[ReportBody]) -> ReportView:
    """Publish a result; the hospitals that referred the patient get it too."""
    said = call.body
    call.about(person_id=said.person_id)
    row = journeys.publish(
        call.session,
        call.caller,
        organisation_id=call.caller.organisation_id or "",
        person_id=said.person_id,
        visit_id=said.visit_id,
        order=Order(code=said.order.code, name=said.order.name),
        observations=[ObservationFacts(**msgspec.structs.asdict(item)) for item in said.observations],
        text=said.text,
        issued_at=said.issued_at,
        author=Author(id=said.author.id, name=said.author.name),
        filler_number=said.filler_number,
    )
    return _view(call, row)


@operation("GET", "/reports", tag="records", query=ReportQuery, answer=list[ReportView], names=(RecordUnknown,))
def reports(call: Call[None]) -> list[ReportView]:
    """The reports of a person that the caller may read, newest first."""
    call.about(person_id=call.query.person_id)
    rows = records.reports(call.session, call.caller, person_id=call.query.person_id)
    return [report_view(call, row) for row in rows]


@operation("GET", "/reports/{report_id:int}", tag="records", answer=ReportView, names=(ReportUnknown,))
def report(call: Call[None]) -> ReportView:
    """One report."""
    call.about(subject=f"report/{call.number('report_id')}")
    return _view(call, records.report(call.session, call.caller, call.number("report_id")))


def report_view(call: Call[object], row: Report) -> ReportView:
    return ReportView(
        report_id=row.id,
        version=row.version,
        organisation_id=row.organisation_id,
        filler_number=row.filler_number,
        person_id=row.person_id,
        order=Coded(row.order_code, row.order_name),
        author=Named(row.author_id, row.author_name),
        issued_at=local(row.issued_at),
        observations=[
            ObservationBody(o.code, o.name, o.value, o.unit, o.range, o.abnormal)  # type: ignore[arg-type]
            for o in records.observations(call.session, row.id)
        ],
        text=row.text,
    )


def _view(call: Call[object], row: Report) -> ReportView:
    call.about(person_id=row.person_id, subject=f"report/{row.id}")
    return report_view(call, row)
