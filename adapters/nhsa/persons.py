"""1101, 2001, 5206: who somebody is to the insurer, what they may enjoy, what the year has moved."""

from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.filings import disease
from adapters.nhsa.funds import CHRONIC, care_of, fund_pay_type
from adapters.nhsa.identity import about, by_certificate, by_psn_no, must_match, psn_no_of, today
from adapters.nhsa.verbs import Asked, Done
from hub import coverage, people
from hub.coverage import Enrolment
from hub.faults import Invalid, Refused
from hub.units import Money, day_of, masked_number

STATES = {"active": "1", "suspended": "2"}
ON_AID = "23"
FUNDS_CHECKED = "01"


def person_info(session: Session, asked: Asked) -> Done:
    """1101: the person behind a credential, how they are insured, and with what rank. Refuses: PersonUnknown."""
    said = asked.nodes["data"]
    person = by_certificate(session, said)
    must_match(person, said, "input.data")
    day = day_of(said["begntime"] or asked.caller.at)
    insured = coverage.enrolments(session, person.id, day)
    psn_no = insured[0].psn_no if insured else psn_no_of(session, person)
    answer = {
        "baseinfo": about(person, psn_no=psn_no, on=today(asked)),
        "insuinfo": [_insured(session, row) for row in insured],
        "idetinfo": [
            {"psn_idet_type": ON_AID, "begntime": row.since, "endtime": row.until} for row in insured if row.aid
        ],
    }
    return Done(answer, person.id, f"person/{person.id}")


def entitlement(session: Session, asked: Asked) -> Done:
    """2001: may this person draw on the funds for care of this kind, and if not, why."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    chronic = said["med_type"] == CHRONIC and said["dise_codg"]
    day = day_of(said["begntime"])
    try:
        people.require_alive(session, person_id=person.id, on=day, shown=masked_number(said["psn_no"]))
        found = coverage.benefits(
            session,
            asked.caller,
            person_id=person.id,
            insutype=said["insutype"],
            organisation_id=said["fixmedins_code"],
            care=care_of(said["med_type"]),
            day=day,
            disease=disease(asked, said["dise_codg"], "input.data.dise_codg") if chronic else None,
        )
        rows = [_checked(said, benefit.fund, enjoyed=benefit.enjoyed, reason=benefit.zh) for benefit in found]
    except Refused as no:
        rows = [_checked(said, "pool", enjoyed=False, reason=no.sentence("zh"))]
    return Done({"trtinfo": rows}, person.id, f"person/{person.id}")


def accumulated(session: Session, asked: Asked) -> Done:
    """5206: what the funds have paid and the person has borne in a year."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    month = said["cum_ym"] or f"{today(asked):%Y%m}"
    known = coverage.year_so_far(session, asked.caller, person_id=person.id, day=_last_day(month))
    sums = known.year._asdict()
    rows = [
        {"insutype": known.insutype, "year": month[:4], "cum_ym": month, "cum_type_code": item, "cum": Money(amount)}
        for item, amount in ({"admissions": known.admissions * 100} | sums).items()
    ]
    return Done({"cuminfo": rows}, person.id, f"person/{person.id}")


def _insured(session: Session, row: Enrolment) -> dict[str, Any]:
    return {
        "balc": coverage.balance(session, row.person_id) if row.insutype == "310" else 0,
        "insutype": row.insutype,
        "psn_type": row.psn_type,
        "psn_insu_stas": STATES[row.state],
        "psn_insu_date": row.since,
        "paus_insu_date": row.since if row.state == "suspended" else None,
        "cvlserv_flag": row.civil_servant,
        "insuplc_admdvs": row.area,
        "emp_name": row.employer,
    }


def _rank(row: Enrolment) -> dict[str, Any]:
    return {"psn_idet_type": ON_AID, "begntime": row.since, "endtime": row.until}


def _checked(said: dict[str, Any], fund: str, *, enjoyed: bool, reason: str) -> dict[str, Any]:
    return {
        "psn_no": said["psn_no"],
        "trt_chk_type": FUNDS_CHECKED,
        "fund_pay_type": fund_pay_type(said["insutype"], fund, care_of(said["med_type"])),
        "trt_enjymnt_flag": enjoyed,
        "begndate": day_of(said["begntime"]),
        "enddate": day_of(said["endtime"]) if said["endtime"] else None,
        "trt_chk_rslt": reason,
    }


def _last_day(month: str) -> date:
    """The last day of yyyyMM. Refuses: Invalid."""
    try:
        first = date(int(month[:4]), int(month[4:]), 1)
    except ValueError:
        raise Invalid(element="input.data.cum_ym", found=month, allowed="yyyyMM") from None
    return (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
