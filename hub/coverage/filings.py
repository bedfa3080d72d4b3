"""Filings: a referral (2501) or a chronic disease (2503) told to the insurer beforehand, and withdrawn again."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from hub import directory, people, trust
from hub.coverage.tables import FILING, Filing, filing_serial
from hub.faults import Invalid, Refused, Unknown
from hub.trust import Caller
from hub.units import Code, day_of


class FilingUnknown(Unknown):
    zh = "查不到备案 {number}，或不属于此人。请核对待遇申报明细流水号。"
    en = "There is no filing {number}, or it is another person's. Check the filing number."


class ChronicNotFiled(Refused):
    zh = "此人在 {day} 没有“{disease}”的慢特病备案，不能按慢特病结算。请先备案，或按普通门诊结算。"
    en = "No chronic-disease filing for '{disease}' is valid on {day}. File it first, or settle as an ordinary visit."


def file_referral(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    receiver_id: str,
    diagnosis: Code,
    diagnosis_name: str,
    direction: str | None = None,
    reason: str,
    since: date,
    until: date | None,
    source: str,
    sender_id: str | None = None,
    sender_visit: str | None = None,
    insutype: str | None = None,
) -> Filing:
    """Tell the insurer that a patient is sent to an institution, valid from one day to another.

    `source` names what filed it ("referral/12"); filed again from the same source it is the filing that stands.
    Without a direction the hospitals' levels tell it. sender_visit is the sending hospital's own visit number.
    Refuses: NotAllowed, PersonUnknown, OrganisationUnknown, Invalid.
    """
    _require_filing(caller)
    stands = _standing(session, source)
    if stands is not None:
        return stands
    _check_days(since, until)
    receiver = directory.organisation(session, receiver_id)
    sender_id = sender_id or caller.organisation_id
    if direction is None:
        down = sender_id is not None and directory.organisation(session, sender_id).level > receiver.level
        direction = "down" if down else "up"
    return _file(
        session,
        caller,
        kind="referral",
        person_id=people.person(session, person_id).id,
        insutype=insutype or "",
        sender_id=sender_id,
        sender_visit=sender_visit,
        receiver_id=receiver_id,
        direction=direction,
        diagnosis_code=diagnosis.value,
        diagnosis_name=diagnosis_name,
        reason=reason,
        since=since,
        until=until,
        source=source,
    )


def file_chronic(
    session: Session,
    caller: Caller,
    *,
    person_id: int,
    insutype: str,
    disease: str,
    diagnosis: Code,
    diagnosis_name: str,
    since: date,
    until: date | None,
    source: str,
) -> Filing:
    """Tell the insurer of a chronic disease, by the word that benefit packs use for it ("diabetes").

    Refuses: NotAllowed, PersonUnknown, Invalid.
    """
    trust.require(caller, "settlement.write")
    stands = _standing(session, source)
    if stands is not None:
        return stands
    _check_days(since, until)
    return _file(
        session,
        caller,
        kind="chronic",
        person_id=people.person(session, person_id).id,
        insutype=insutype,
        sender_id=caller.organisation_id,
        disease=disease,
        diagnosis_code=diagnosis.value,
        diagnosis_name=diagnosis_name,
        reason="",
        since=since,
        until=until,
        source=source,
    )


def withdraw(
    session: Session,
    caller: Caller,
    *,
    reason: str,
    filing_id: int | None = None,
    number: str | None = None,
    source: str | None = None,
    person_id: int | None = None,
) -> Filing:
    """Take a filing back, named by its id, its number or its source; done twice it changes nothing.

    What was settled under it stays settled. Refuses: NotAllowed, FilingUnknown.
    """
    _require_filing(caller)
    if filing_id is not None:
        wanted = select(Filing).where(Filing.id == filing_id)
    elif number is not None:
        wanted = select(Filing).where(Filing.number == number)
    else:
        wanted = select(Filing).where(Filing.source == source).order_by(Filing.id.desc()).limit(1)
    row = session.scalars(wanted.with_for_update()).first()
    if row is None or (person_id is not None and row.person_id not in people.cluster(session, person_id)):
        raise FilingUnknown(number=number or source or filing_id)
    if row.state == "withdrawn":
        return row
    FILING.move(row, "withdraw")
    row.withdrawn_at, row.withdrawal_reason = caller.at, reason
    session.flush()
    return row


def filings(session: Session, person_id: int, *, kind: str, since: date, until: date | None) -> Sequence[Filing]:
    """The filings of a human that stand and touch some days, the last filed first."""
    wanted = select(Filing).where(Filing.person_id.in_(people.cluster(session, person_id)), Filing.kind == kind)
    wanted = wanted.where(Filing.state == "filed", or_(Filing.until.is_(None), Filing.until >= since))
    if until is not None:
        wanted = wanted.where(Filing.since <= until)
    return session.scalars(wanted.order_by(Filing.id.desc())).all()


def _file(session: Session, caller: Caller, **facts: object) -> Filing:
    serial = session.scalar(filing_serial.next_value())
    number = f"{day_of(caller.at):%Y%m%d}{serial:012d}"
    row = Filing(number=number, filed_at=caller.at, filed_by=f"{caller.kind}/{caller.id}", state=FILING.start, **facts)
    session.add(row)
    session.flush()
    return row


def _standing(session: Session, source: str) -> Filing | None:
    return session.scalars(select(Filing).where(Filing.source == source, Filing.state == "filed")).first()


def _check_days(since: date, until: date | None) -> None:
    if until is not None and until < since:
        raise Invalid(element="enddate", found=until, allowed=f"{since} 或以后 / or later")


def _require_filing(caller: Caller) -> None:
    """Doctors file with a referral, hospital systems and the bureau by their settlement right."""
    trust.require(caller, "referral.write" if "referral.write" in caller.scopes else "settlement.write")
