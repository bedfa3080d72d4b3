"""PaymentReconciliation: what the insurer owes a hospital for one of its days, settlement by settlement."""

from datetime import date

from adapters.fhir import money
from adapters.fhir.outcome import ResourceUnknown
from adapters.fhir.resources import Call, Parameter, Query, Resource, ResourceType, coded, reference
from adapters.fhir.search import days
from hub import settlement, trust
from hub.faults import Missing
from hub.units import CHINA

_TYPE = "http://terminology.hl7.org/CodeSystem/payment-type"


def read(call: Call, logical_id: str) -> Resource:
    """`<institution>-<yyyymmdd>`, the caller's own. Refuses: NotAllowed, ResourceUnknown."""
    organisation_id, _, said = logical_id.rpartition("-")
    try:
        day = date.fromisoformat(said) if len(said) == 8 else None
    except ValueError:
        day = None
    if day is None or organisation_id != call.caller.organisation_id:
        raise ResourceUnknown(reference=f"PaymentReconciliation/{logical_id}")
    return payment_reconciliation(call, day)


def search(call: Call, query: Query) -> list[Resource]:
    """The caller's own, of one day. Refuses: NotAllowed, Missing."""
    span = days(query.all("created"), element="created")
    if span.first is None or span.first != span.last:
        raise Missing(element="created", allowed="created=2026-11-23")
    return [payment_reconciliation(call, span.first)]


def payment_reconciliation(call: Call, day: date) -> Resource:
    """Every settlement and counter-entry of the day, by the insurer's time, and their sum."""
    trust.require(call.caller, "settlement.read")
    organisation_id = call.caller.organisation_id or ""
    call.about(subject=f"organisation/{organisation_id}")
    rows = settlement.settled_on(call.session, call.caller, day=day)
    told: Resource = {
        "resourceType": "PaymentReconciliation",
        "id": f"{organisation_id}-{day:%Y%m%d}",
        "status": "active",
        "period": {"start": day.isoformat(), "end": day.isoformat()},
        "created": call.caller.at.astimezone(CHINA).isoformat(),
        "requestor": reference("Organization", organisation_id),
        "outcome": "complete",
        "paymentDate": day.isoformat(),
        "paymentAmount": money.amount(sum(row.fund for row in rows)),
    }
    details = [
        {
            "identifier": money.keyed(row),
            "type": coded(_TYPE, "payment" if row.undoes is None else "adjustment"),
            "request": reference("Claim", row.undoes or row.id),
            "response": reference("ClaimResponse", row.undoes or row.id),
            "date": row.settled_on.isoformat(),
            "amount": money.amount(row.fund),
        }
        for row in rows
    ]
    return told | ({"detail": details} if details else {})


PAYMENT_RECONCILIATION = ResourceType(
    "PaymentReconciliation",
    parameters={"created": Parameter("date", "one day, by the insurer's time of settlement")},
    read=read,
    search=search,
)
