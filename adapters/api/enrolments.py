"""Who is insured how, fed by the insurer's own system: all rows of a call or none."""

from datetime import date
from typing import Annotated, Literal

import msgspec

from adapters.api.operations import Call, operation
from adapters.api.shapes import Body
from hub import coverage
from hub.coverage import Enrolled, Row, SharedWith
from hub.faults import Invalid
from hub.units import Money


class SharedBody(Body, frozen=True):
    """The person of the row may pay from the personal account of `account_of` (a document number), being that one's
    `relation`. `proof` names the paper shown. Without `since`, from the day of the consent on.
    """

    account_of: str
    relation: Literal["parent", "spouse", "child"]
    proof: str
    consented_on: date
    since: date | None = None
    until: date | None = None


class EnrolmentBody(Body, frozen=True):
    """One person's enrolment from a day on; account_credit (yuan) is put into the personal account, once a source."""

    certno: str
    name: str
    insutype: str
    psn_no: str
    psn_type: str
    area: str
    since: date
    until: date | None = None
    state: Literal["active", "suspended"] = "active"
    retired: bool = False
    civil_servant: bool = False
    aid: bool = False
    employer: str = ""
    account_credit: str = "0.00"
    shared: SharedBody | None = None


class Feed(Body, frozen=True):
    """`source` names the feed and its day, such as "core/2026-11-24"."""

    source: str
    rows: Annotated[list[EnrolmentBody], msgspec.Meta(min_length=1, max_length=10_000)]


class FedView(msgspec.Struct):
    new: int
    changed: int
    unchanged: int
    credited: int
    shared: int


@operation("POST", "/enrolments", tag="coverage", body=Feed, answer=FedView)
def feed(call: Call[Feed]) -> FedView:
    """Say how people are insured; those not yet known are registered. All rows or none, each wrong one named."""
    rows = [_row(number, said) for number, said in enumerate(call.body.rows)]
    fed = coverage.feed(call.session, call.caller, rows=rows, source=call.body.source, place=lambda n: f"rows[{n}].")
    call.about(subject=f"enrolments/{call.body.source}")
    return FedView(fed.new, fed.changed, fed.unchanged, fed.credited, fed.shared)


def _row(number: int, said: EnrolmentBody) -> Row:
    try:
        credit = int(Money.yuan(said.account_credit))
    except ValueError:
        element, found = f"rows[{number}].account_credit", said.account_credit[:20]
        raise Invalid(element=element, found=found, allowed="1234.56") from None
    enrolled = {name: getattr(said, name) for name in Enrolled.__slots__}
    shared = said.shared and SharedWith(**{name: getattr(said.shared, name) for name in SharedWith.__slots__})
    return Row(said.certno, said.name, Enrolled(**enrolled), credit, shared)
