"""What came of a question to a platform: settled, undone, refused, or not known. Each is believed once.

The row of the question is locked and moved by its lifecycle, so that who sent it and who looks after it later may
both come with an answer: the second finds it recorded.
"""

from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, insert, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from hub import directory, people
from hub.coverage import bill_of
from hub.faults import Refused
from hub.settlement.hearing import WEBHOOK
from hub.settlement.rows import Row, as_settlement, by_id, plain
from hub.settlement.settling import OutcomeNotKnown
from hub.settlement.tables import AMOUNTS, SETTLEMENT, ChargeKey, Posting, Settlement, SettlementKey
from hub.settlement.telling import News, tell
from hub.settlement.upstream.answers import Answer, differences, suspense
from hub.settlement.upstream.shadow import explain, with_balance
from hub.settlement.upstream.tables import FORWARDED, MOVES_MONEY, Forwarded, UpstreamVisit
from hub.trust import Caller
from hub.units import Money, day_of

BACK_OFF = tuple(timedelta(minutes=minutes) for minutes in (0, 1, 5, 15, 60))
"""How long after each attempt the next one comes; the last repeats. The first is for the sweep's next round."""

APART = ("other", "hospital", "suspense")
"""Amounts that only a platform's settlement has; they stand in `platform`."""


class PlatformRefused(Refused):
    zh = "上级医保平台拒绝：{sentence}"
    en = "The platform further up refused: {sentence}"


def record_settled(session: Session, caller: Caller, forwarded_id: int, answer: Answer) -> Settlement:
    """The platform's answer as the settlement, its amounts the truth, beside our calculation and the difference.

    Recorded once; who comes second gets what stands. Refuses: OutcomeNotKnown, when it is being reversed.
    """
    asked = locked(session, forwarded_id)
    if asked.state not in FORWARDED.sources("answer"):
        return _recorded(session, asked)
    assert asked.bill is not None
    row = _settlement_row(session, caller, asked, answer)
    session.execute(insert(Settlement), [row])
    _post(session, row)
    _move(asked, "answer", caller.at, answer=dict(answer.words))
    _tell(session, caller, row)
    session.flush()
    return as_settlement(row)


def record_undone(session: Session, caller: Caller, forwarded_id: int, words: dict[str, Any]) -> Settlement:
    """The platform has undone a settlement: its counter-entry, its lines open again. Recorded once."""
    asked = locked(session, forwarded_id)
    if asked.state not in FORWARDED.sources("answer"):
        return _recorded(session, asked)
    assert asked.settlement_id is not None
    original = session.get_one(Settlement, asked.undoes, with_for_update=True, populate_existing=True)
    row = _counter_row(caller, asked, original)
    session.execute(insert(Settlement), [row])
    _post(session, row)
    SETTLEMENT.move(original, "undo")
    session.execute(delete(ChargeKey).where(ChargeKey.settlement_id == original.id))
    _move(asked, "answer", caller.at, answer=words)
    _tell(session, caller, row)
    session.flush()
    return as_settlement(row)


def record_refused(session: Session, caller: Caller, forwarded_id: int, sentence: str) -> None:
    """The platform did nothing, and says so: the keys are let go, so that the same may be asked again."""
    asked = locked(session, forwarded_id)
    if asked.state in FORWARDED.sources("refuse"):
        _move(asked, "refuse", caller.at, problem=sentence)
        let_go(session, asked)


def record_lost(session: Session, caller: Caller, forwarded_id: int, problem: str) -> None:
    """No answer, or none that says anything. A settle or an undo is looked at again, ever more seldom."""
    asked = locked(session, forwarded_id)
    if asked.state == FORWARDED.start:
        FORWARDED.move(asked, "lose")
    if asked.state == "unanswered":
        asked.problem = problem[:500]
        if asked.kind in MOVES_MONEY:
            asked.due_at = caller.at + BACK_OFF[min(asked.attempts, len(BACK_OFF) - 1)]


def record_done(session: Session, caller: Caller, forwarded_id: int, words: dict[str, Any] | None) -> None:
    """An answer to what moves no money."""
    _move(locked(session, forwarded_id), "answer", caller.at, answer=words)


def visit_known_as(session: Session, visit_id: int, area: str, mdtrt_id: str) -> None:
    """What the platform calls a visit from now on."""
    said = upsert(UpstreamVisit).values(visit_id=visit_id, area=area, mdtrt_id=mdtrt_id, discharged=False)
    session.execute(said.on_conflict_do_nothing())


def visit_discharged(session: Session, visit_id: int, area: str) -> None:
    """The platform has been told that the stay is over."""
    own = update(UpstreamVisit).where(UpstreamVisit.visit_id == visit_id, UpstreamVisit.area == area)
    session.execute(own.values(discharged=True).execution_options(synchronize_session=False))


def let_go(session: Session, asked: Forwarded) -> None:
    """Free the keys that were kept for what will not come; what moves no money has none."""
    if asked.settlement_id is None:
        return
    for table in (ChargeKey, SettlementKey):
        session.execute(delete(table).where(table.settlement_id == asked.settlement_id))


def locked(session: Session, forwarded_id: int) -> Forwarded:
    return session.get_one(Forwarded, forwarded_id, with_for_update=True, populate_existing=True)


def _move(asked: Forwarded, event: str, at: datetime, **facts: Any) -> None:
    FORWARDED.move(asked, event)
    asked.answered_at, asked.due_at = at, None
    for name, value in facts.items():
        setattr(asked, name, value)


def _recorded(session: Session, asked: Forwarded) -> Settlement:
    assert asked.settlement_id is not None
    row = by_id(session, [asked.settlement_id]).get(asked.settlement_id)
    if row is None:
        raise OutcomeNotKnown(key=asked.key)
    return row


def _settlement_row(session: Session, caller: Caller, asked: Forwarded, answer: Answer) -> Row:
    assert asked.bill is not None
    assert asked.facts is not None
    explanation = explain(session, asked.bill, account_balance=answer.balance + answer.account)
    _, bill, standing = bill_of(asked.bill)
    inpatient = bill.care == "inpatient"
    return {
        "id": asked.settlement_id,
        "undoes": None,
        "state": SETTLEMENT.start,
        "organisation_id": asked.organisation_id,
        "visit_id": asked.visit_id,
        "batch": asked.batch,
        "person_id": asked.person_id,
        "insutype": asked.facts["insutype"],
        "med_type": asked.facts["med_type"],
        "clr_type": answer.clr_type,
        "clr_office": answer.clr_office,
        "msgid": asked.key,
        "settled_at": answer.settled_at,
        "settled_on": day_of(answer.settled_at),
        "settled_by": f"{caller.kind}/{caller.id}",
        "day": bill.day,
        "year": bill.day.year,
        "care": bill.care,
        "disease": bill.chronic,
        "admission": standing.admission,
        "new_admission": asked.facts["new_admission"],
        "filing_id": asked.facts["filing_id"],
        "sender_visit_id": asked.facts["sender_visit_id"],
        "pack_id": explanation.pack.id,
        "ratio": answer.ratio,
        "balance": Money(answer.balance),
        **{name: Money(getattr(answer, name)) for name in AMOUNTS},
        "shared": None,
        "shared_from": None,
        "own_in_scope": Money(answer.scope - answer.pool if inpatient and explanation.scheme.serious else 0),
        "last_line_id": asked.facts["last_line_id"],
        "bill": with_balance(asked.bill, explanation),
        "shares": [list(share) for share in explanation.shares],
        "platform": {
            "area": asked.area,
            "setl_id": answer.setl_id,
            "mdtrt_id": answer.mdtrt_id,
            "words": dict(answer.words),
            "other": answer.other,
            "hospital": answer.hospital,
            "suspense": suspense(answer),
            "differences": [asdict(one) for one in differences(answer, explanation)],
        },
    }


def _counter_row(caller: Caller, asked: Forwarded, original: Settlement) -> Row:
    assert original.platform is not None
    row = plain(original)
    return row | {
        "id": asked.settlement_id,
        "undoes": original.id,
        "state": SETTLEMENT.start,
        "msgid": asked.key,
        "settled_at": caller.at,
        "settled_on": day_of(caller.at),
        "settled_by": f"{caller.kind}/{caller.id}",
        "balance": Money(original.balance + original.account),
        **{name: Money(-row[name]) for name in (*AMOUNTS, "own_in_scope")},
        "platform": original.platform | {name: -original.platform[name] for name in APART},
    }


def _post(session: Session, row: Row) -> None:
    """What leaves a payer is negative, what the hospital is owed positive; the funds are those of the area."""
    platform = row["platform"]
    area = platform["area"]
    legs = {
        **{f"fund.{area}.{name}": -row[name] for name in ("pool", "large", "serious", "civil", "aid")},
        f"fund.{area}.other": -platform["other"],
        f"person.{area}.account": -row["account"],
        "person.cash": -row["cash"],
        "hospital.share": -platform["hospital"],
        f"suspense.{area}": -platform["suspense"],
        "hospital.receivable": row["total"],
    }
    posted = [
        {"settlement_id": row["id"], "account": account, "amount": Money(amount)}
        for account, amount in legs.items()
        if amount
    ]
    if posted:
        session.execute(insert(Posting), posted)


def _tell(session: Session, caller: Caller, row: Row) -> None:
    hospital = directory.organisation(session, row["organisation_id"])
    hears = directory.has_endpoint(session, hospital.id, WEBHOOK)
    telephone = people.person(session, row["person_id"]).telephone
    tell(session, caller, [News(row, hospital.name, telephone, hears=hears)])
