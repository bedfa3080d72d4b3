"""What would I pay: the same adjudication, asked before anything happens."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from sqlalchemy.orm import Session

from hub import people, trust
from hub.coverage.adjudication import adjudicate
from hub.coverage.bills import LEVELS, Bill, Line, Referral, Standing
from hub.coverage.entitlements import Question, entitlement
from hub.coverage.explanation import Explanation
from hub.coverage.packs import Pack
from hub.trust import Caller
from hub.units import Money, day_of


@dataclass(frozen=True, slots=True)
class Choice:
    """One hospital level: the bill with a filed referral and without."""

    level: int
    referred: Explanation
    unreferred: Explanation


@dataclass(frozen=True, slots=True)
class Estimate:
    """Made on `day` from the year so far; only a settlement is money."""

    day: date
    insutype: str
    pack: Pack
    care: str
    total: Money
    choices: tuple[Choice, ...]


def estimate(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    care: str = "inpatient",
    total: int | None = None,
    lines: Sequence[Line] = (),
    insutype: str | None = None,
    emergency: bool = False,
    deductible_paid: int = 0,
    levels: Sequence[int] = LEVELS,
) -> Estimate:
    """What a planned treatment would cost at each level, with and without a referral. Writes nothing.

    Give lines, or only a total (fen), which is then taken as class A. deductible_paid (fen) is what the stay
    from which the patient would be sent has borne. Refuses: NotAllowed, RecordUnknown, NotInsured, PackMissing,
    BillWrong.
    """
    persons = people.cluster(session, people.person(session, person_id).id)
    if caller.kind == "citizen":
        trust.admit(session, caller, persons, "bill")
    else:
        trust.require(caller, "referral.write" if "referral.write" in caller.scopes else "settlement.read")
    day = day_of(caller.at)
    known = entitlement(session, Question(persons, insutype, "", "", day, day))
    planned = tuple(lines) or (Line("1", "A", Decimal(1), Decimal(total or 0) / 100),)

    def at(level: int, referral: Referral | None) -> Explanation:
        standing = Standing(
            insutype=known.insutype,
            retired=known.enrolment.retired,
            civil_servant=known.enrolment.civil_servant,
            aid=known.enrolment.aid,
            admission=known.admissions + (0 if referral and deductible_paid else 1) or 1,
            referral=referral,
            account_balance=known.balance,
            year=known.year,
        )
        bill = Bill(day=day, care=care, hospital_level=level, lines=planned, emergency=emergency)
        return adjudicate(bill, known.pack, standing)

    referral = Referral(filed=True, direction="up", deductible_paid=deductible_paid)
    choices = tuple(Choice(level, at(level, referral), at(level, None)) for level in levels)
    amount = choices[0].referred.totals.total if choices else 0
    return Estimate(day, known.insutype, known.pack, care, Money(amount), choices)
