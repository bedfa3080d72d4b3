"""What a person may enjoy on a day, fund by fund, with what is left of it (2001), and the year so far (5206)."""

from dataclasses import dataclass
from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub import directory, people, trust
from hub.coverage.entitlements import Entitlement, Question, entitlement
from hub.coverage.movements import ACCUMULATORS
from hub.coverage.tables import Accumulator, ChronicUse
from hub.trust import Caller
from hub.units import Money


@dataclass(frozen=True, slots=True)
class Benefit:
    """One fund; `left` is what it may still pay this year (fen), None without a yearly limit. Not enjoyed says why in
    both languages.
    """

    fund: str
    enjoyed: bool
    left: Money | None
    zh: str = ""
    en: str = ""


def benefits(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    insutype: str,
    organisation_id: str,
    care: str,
    day: date,
    disease: str | None = None,
) -> list[Benefit]:
    """Which funds would look at a bill of this kind. Refuses: NotAllowed, NotInsured, PackMissing, ChronicNotFiled."""
    trust.require(caller, "settlement.read")
    hospital = directory.organisation(session, organisation_id)
    persons = people.cluster(session, person_id)
    known = entitlement(session, Question(persons, insutype, hospital.id, hospital.district, day, day, disease))
    scheme, year = known.pack.schemes[known.insutype], known.year
    if disease is not None:
        most = scheme.chronic[disease].fund_at_most if disease in scheme.chronic else 0
        pool = _of("pool", most - year.chronic)
    elif care == "inpatient":
        pool = _of("pool", scheme.inpatient.fund_at_most - year.pool)
    elif not scheme.outpatient.ratio[hospital.level]:
        pool = Benefit(
            "pool", False, Money(0), "本级医院的门诊不在报销范围", "Out-patients at this level are not covered"
        )
    else:
        rules = scheme.outpatient
        most = rules.retired_fund_at_most if known.enrolment.retired else rules.fund_at_most
        pool = _of("pool", most - year.outpatient_pool)
    rows = [pool]
    if care == "inpatient" and scheme.large:
        rows.append(_of("large", scheme.large.fund_at_most - year.large))
    if care == "inpatient" and scheme.serious:
        rows.append(_of("serious", scheme.serious.fund_at_most - year.serious))
    if known.enrolment.civil_servant and scheme.civil_servant_share and (care == "inpatient" or disease):
        rows.append(Benefit("civil", True, None))
    if known.enrolment.aid and scheme.aid and (care == "inpatient" or disease):
        rows.append(_of("aid", scheme.aid.fund_at_most - year.aid))
    if scheme.personal_account:
        rows.append(_of("account", known.balance))
    return rows


def year_so_far(session: Session, caller: Caller, *, person_id: int, day: date) -> Entitlement:
    """What the year of a day has moved for a person, by any enrolment. Refuses: NotAllowed, NotInsured, PackMissing."""
    trust.require(caller, "settlement.read")
    return entitlement(session, Question(people.cluster(session, person_id), None, "", "", day, day))


def accumulated(session: Session, person_id: int, year: int) -> dict[str, dict[str, int]]:
    """What a year has moved for a human, by insurance type and accumulator: fen, and for admissions a count."""
    persons = people.cluster(session, person_id)
    sums: dict[str, dict[str, int]] = {}
    for row in session.scalars(select(Accumulator).where(Accumulator.person_id.in_(persons), Accumulator.year == year)):
        of_type = sums.setdefault(row.insutype, dict.fromkeys(ACCUMULATORS, 0))
        for name in ACCUMULATORS:
            of_type[name] += getattr(row, name)
    for used in session.scalars(select(ChronicUse).where(ChronicUse.person_id.in_(persons), ChronicUse.year == year)):
        of_type = sums.setdefault(used.insutype, {})
        of_type[f"chronic-{used.disease}"] = of_type.get(f"chronic-{used.disease}", 0) + used.paid
    return sums


def _of(fund: str, left: int) -> Benefit:
    if left > 0:
        return Benefit(fund, True, Money(left))
    return Benefit(fund, False, Money(0), "今年的额度已经用完", "This year's limit is used up")
