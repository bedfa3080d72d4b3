"""What booking has to tell: the hospital a message, the citizen a sentence, in the verb's transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from hub import exchange, people
from hub.booking.calendar import Offer
from hub.booking.tables import Appointment
from hub.db import Statement, run_together
from hub.trust import Caller
from hub.units import CHINA

_WEEKDAYS = "一二三四五六日"

_NOTICES = {
    "appointment.booked": "【预约成功】{name}，{organisation}{department}{doctor}，{when}，{number} 号。{location}。"
    "请带身份证或一卡通按时签到；不能来请提前取消。预约编号 {appointment_id}。",
    "appointment.rescheduled": "【改约成功】{name}，改到 {when}，{organisation}{department}{doctor}，{number} 号。"
    "{location}。预约编号 {appointment_id}。",
    "appointment.cancelled": "【预约已取消】{name}，{organisation}{department}{doctor}，{when}。原因：{cancel_reason}。"
    "预约编号 {appointment_id}。",
    "appointment.noshow": "【未按时就诊】{name}，{organisation}{department}{doctor}，{when} 未签到，记为爽约。"
    "如有不符请联系医院。预约编号 {appointment_id}。",
}


def spoken(instant: datetime) -> tuple[str, str]:
    """An instant as people say it, in Chinese and in English: 11月23日 周一 上午9:30."""
    local = instant.astimezone(CHINA)
    half = "上午" if local.hour < 12 else "下午"
    hour = local.hour if local.hour <= 12 else local.hour - 12
    chinese = f"{local.month}月{local.day}日 周{_WEEKDAYS[local.weekday()]} {half}{hour}:{local:%M}"
    return chinese, f"{local:%a} {local.day} {local:%b} {local:%H:%M}"


def telling(
    kind: str,
    changes: Sequence[tuple[Caller, Appointment, Offer]],
    persons: Mapping[tuple[int, str | None], dict[str, Any]],
) -> list[Statement]:
    """What posts each change to its hospital and to its citizen; order is kept per person.

    `persons` are their snapshots as the hospitals know them.
    """
    rows: list[tuple[Caller, exchange.Posted]] = []
    for caller, row, offer in changes:
        person = persons[row.person_id, row.organisation_id]
        lane = f"person/{row.person_id}"
        rows.append((caller, (row.organisation_id, lane, kind, snapshot(row, offer, person))))
        if person["telephone"]:
            rows.append((caller, ("sms", lane, "notice", _notice(kind, row, offer, person))))
    return exchange.posting_many(rows)


def tell(session: Session, caller: Caller, kind: str, row: Appointment, offer: Offer) -> None:
    """Post a change to its hospital and to its citizen."""
    persons = people.snapshots(session, [(row.person_id, row.organisation_id)])
    run_together(session, telling(kind, [(caller, row, offer)], persons))


def snapshot(row: Appointment, offer: Offer, person: dict[str, Any]) -> dict[str, Any]:
    """An appointment as its hospital is told of it."""
    practitioner = None
    if offer.practitioner_id is not None:
        practitioner = {"id": offer.practitioner_id, "name": offer.practitioner_name}
    facts = {
        "appointment_id": row.id,
        "slot_id": row.slot_id,
        "start": row.start_at.isoformat(),
        "end": row.end_at.isoformat(),
        "organisation_id": row.organisation_id,
        "department": {"id": offer.department_id, "name": offer.department_name},
        "practitioner": practitioner,
        "service": {"code": offer.service_code, "name": offer.service_name},
        "reason": row.reason,
        "referral_id": row.referral_id,
        "queue_number": row.queue_number,
        "person": person,
    }
    if row.cancel_reason is not None:
        facts["cancel_reason"] = row.cancel_reason
    return facts


def _notice(kind: str, row: Appointment, offer: Offer, person: dict[str, Any]) -> dict[str, Any]:
    text = _NOTICES[kind].format(
        name=person["name"],
        organisation=offer.organisation_name,
        department=offer.department_name,
        doctor=offer.practitioner_name or "",
        when=spoken(row.start_at)[0],
        number=row.queue_number,
        location=offer.location or "具体位置请看院内指引",
        cancel_reason=row.cancel_reason,
        appointment_id=row.id,
    )
    return {"telephone": person["telephone"], "person_id": row.person_id, "template": kind, "text": text}
