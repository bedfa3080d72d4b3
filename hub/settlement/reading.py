"""Reading settlements: what became of a message, a person's bills, and one bill with every fen explained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from hub import coverage, directory, exchange, people, trust
from hub.coverage import Explanation, Referral, Share, Step
from hub.directory import Organisation
from hub.faults import Fault
from hub.records import Visit
from hub.settlement.keys import known_keys
from hub.settlement.refunding import Given, chain
from hub.settlement.rows import by_id
from hub.settlement.standing import RefundedInPart, still
from hub.settlement.tables import FeeLine, Settlement, SettlementKey
from hub.settlement.undoing import SettlementUnknown
from hub.trust import Caller
from hub.units import Money, day_of, masked_name

LOCK_NOT_AVAILABLE = "55P03"
USUAL_OF = 200
"""How many of the last visits tell what an institution usually charges."""


@dataclass(frozen=True, slots=True)
class KeyOutcome:
    """What became of a message.

    settled ...... the settlement stands
    refunded ..... in part; the settlement is that of the rest
    undone ....... the settlement stands no longer
    refused ...... `refusal` says why; the key may be used again
    reversed ..... before it was seen; the key is refused for ever
    in-progress .. it runs, and has not ended while we waited
    asked ........ a platform further up was asked and its outcome is not known yet
    unknown ...... never seen
    """

    state: str
    settlement: Settlement | None = None
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class BillLine:
    """One line as a patient reads it: what it was, what it cost, what they pay, and why, step by step."""

    number: str
    name: str
    code: str
    item_class: str
    share: Share
    steps: tuple[Step, ...]

    @property
    def person(self) -> Money:
        return Money(self.share.person)


@dataclass(frozen=True, slots=True)
class Told:
    """A settlement for a page or for print.

    `otherwise` is the same bill under the opposite referral (None where a referral changes nothing): for a bill
    with a filed referral it shows what the patient would have paid without, and the other way round.
    """

    settlement: Settlement
    visit: Visit
    hospital: Organisation
    explanation: Explanation
    steps: tuple[Step, ...]
    lines: tuple[BillLine, ...]
    otherwise: Explanation | None
    referred: bool
    names: Mapping[str, tuple[str, str]]
    """Name and code of every line of the visit, those that were refunded too."""
    refunds: tuple[Given, ...] = ()
    owner: str = ""
    """Whose shared account paid a part, as it may be shown."""
    insured_before: str | None = None
    """How the person was insured on the first day of the stay, where the day of the bill says something else."""

    @property
    def person(self) -> Money:
        return Money(self.settlement.account + self.settlement.cash)

    @property
    def saved(self) -> Money:
        """What the referral saved the patient, or would have; nothing where it changes nothing."""
        return Money(abs(self.otherwise.totals.person - self.person)) if self.otherwise else Money(0)

    @property
    def copayment(self) -> Money:
        """What of the in-scope amount the patient pays beside the deductible; below zero when aid pays into that."""
        s = self.settlement
        return Money(s.scope - s.fund - s.deductible)


def by_key(session: Session, caller: Caller, *, key: str) -> KeyOutcome:
    """What became of a message of the caller's hospital; one that is running is waited for, a while.

    Refuses: NotAllowed.
    """
    trust.require(caller, "settlement.read")
    organisation_id = caller.organisation_id or ""
    name = (organisation_id, key)
    if not _wait_for(session, name):
        return KeyOutcome("in-progress")
    known = known_keys(session, [name]).get(name)
    if known is None:
        refusal = _refusal(session, organisation_id, key)
        return KeyOutcome("unknown") if refusal is None else KeyOutcome("refused", refusal=refusal)
    if known.settlement_id is None:
        return KeyOutcome("reversed")
    row = by_id(session, [known.settlement_id]).get(known.settlement_id)
    if row is None:
        return KeyOutcome("asked")
    outcome = still(session, row, key)
    if isinstance(outcome, RefundedInPart):
        return KeyOutcome("refunded", session.get_one(Settlement, outcome.facts["stands"]))
    return KeyOutcome("undone" if isinstance(outcome, Fault) else "settled", row)


def settlement(session: Session, caller: Caller, settlement_id: int) -> Settlement:
    """A settlement, for its hospital, its person (or a proxy), the bureau, and who is admitted.

    Refuses: NotAllowed, SettlementUnknown, RecordUnknown.
    """
    trust.require(caller, "settlement.read")
    row = session.get(Settlement, settlement_id)
    if row is None:
        raise SettlementUnknown(settlement_id=settlement_id)
    if not _is_bureau(session, caller):
        persons = people.cluster(session, row.person_id)
        trust.admit(session, caller, persons, "bill", owner=row.organisation_id)
    return row


def settlements_of(session: Session, caller: Caller, *, person_id: int) -> Sequence[Settlement]:
    """A human's settlements, newest first, without counter-entries (an undone one is "cancelled").

    All for the person and who is admitted, else those of the caller's own hospital. Refuses: NotAllowed.
    """
    trust.require(caller, "settlement.read")
    persons = people.cluster(session, person_id)
    wanted = select(Settlement).where(Settlement.person_id.in_(persons), Settlement.undoes.is_(None))
    try:
        trust.admit(session, caller, persons, "bill")
    except trust.RecordUnknown:
        if caller.organisation_id is None:
            raise
        wanted = wanted.where(Settlement.organisation_id == caller.organisation_id)
    return session.scalars(wanted.order_by(Settlement.id.desc())).all()


def settlements_of_visit(session: Session, caller: Caller, *, visit_id: int) -> Sequence[Settlement]:
    """Everything settled on an own visit, counter-entries too, in order. Refuses: NotAllowed."""
    trust.require(caller, "settlement.read")
    wanted = select(Settlement).where(Settlement.visit_id == visit_id)
    if caller.kind != "job":
        wanted = wanted.where(Settlement.organisation_id == caller.organisation_id)
    return session.scalars(wanted.order_by(Settlement.id)).all()


def settled_on(session: Session, caller: Caller, *, day: date) -> Sequence[Settlement]:
    """What the caller's own hospital settled and undid on one day of the insurer's, in order. Refuses: NotAllowed."""
    trust.require(caller, "settlement.read")
    wanted = select(Settlement).where(
        Settlement.organisation_id == caller.organisation_id, Settlement.settled_on == day
    )
    return session.scalars(wanted.order_by(Settlement.id)).all()


def lines_of(session: Session, row: Settlement) -> Sequence[FeeLine]:
    """The fee lines that a settlement was made from, returns left out, in order."""
    numbers = [line["id"] for line in row.bill["lines"]]
    wanted = select(FeeLine).where(FeeLine.visit_id == row.visit_id, FeeLine.number.in_(numbers))
    return session.scalars(wanted.order_by(FeeLine.id)).all()


def bill(session: Session, caller: Caller, settlement_id: int) -> Told:
    """A settlement with every fen of every line explained, from the bill as it was adjudicated.

    Refuses: NotAllowed, SettlementUnknown, RecordUnknown.
    """
    row = settlement(session, caller, settlement_id)
    explanation = explained(session, row)
    owner = masked_name(people.person(session, row.shared_from).name) if row.shared_from else ""
    names = _line_names(session, row.visit_id)
    lines = [
        BillLine(
            number=line.id,
            name=names.get(line.id, ("", ""))[0],
            code=names.get(line.id, ("", ""))[1],
            item_class=line.item_class,
            share=share,
            steps=tuple(coverage.line_steps(explanation, line, share)),
        )
        for line, share in zip(explanation.bill.lines, explanation.shares, strict=True)
    ]
    referral = explanation.standing.referral
    return Told(
        settlement=row,
        visit=session.get_one(Visit, row.visit_id),
        hospital=directory.organisation(session, row.organisation_id),
        explanation=explanation,
        steps=tuple(coverage.bill_steps(explanation, owner)),
        owner=owner,
        lines=tuple(lines),
        otherwise=_otherwise(explanation),
        referred=referral is not None and referral.filed,
        names=names,
        refunds=tuple(chain(session, row.undoes or row.id)),
        insured_before=_insured_before(session, row),
    )


def shared_so_far(session: Session, *, owner_id: int, relative_id: int) -> Money:
    """What the account of one person has paid for another, what came back taken off (fen)."""
    t = Settlement
    drawn = select(func.coalesce(func.sum(t.shared), 0)).where(
        t.shared_from == owner_id, t.person_id.in_(people.same_card(relative_id))
    )
    return Money(session.scalar(drawn) or 0)


def usual_items(session: Session, caller: Caller, *, limit: int = 6) -> list[str]:
    """The codes that the caller's own institution has charged most often of late. Refuses: NotAllowed."""
    trust.require(caller, "settlement.read")
    recent = select(Visit.id).where(Visit.organisation_id == caller.organisation_id).order_by(Visit.id.desc())
    used = select(FeeLine.code).where(FeeLine.visit_id.in_(recent.limit(USUAL_OF)), FeeLine.returns.is_(None))
    counted = used.group_by(FeeLine.code).order_by(func.count().desc(), FeeLine.code).limit(limit)
    return list(session.scalars(counted))


def explained(session: Session, row: Settlement) -> Explanation:
    """The explanation of a settlement, run again under its own pack from the bill that was kept."""
    pack_id, facts, standing = coverage.bill_of(row.bill)
    return coverage.adjudicate(facts, coverage.pack_named(session, pack_id), standing)


def _insured_before(session: Session, row: Settlement) -> str | None:
    """The day of the bill decides; this is what the first day of the visit would have said ("310", "suspended",
    "none"), when that is something else.
    """
    begun = day_of(session.get_one(Visit, row.visit_id).begun_at)
    if begun == row.day:
        return None
    before = next(iter(coverage.enrolments(session, row.person_id, begun)), None)
    if before is None:
        return "none"
    if before.state != "active":
        return before.state
    then = next((e for e in coverage.enrolments(session, row.person_id, begun) if e.insutype == row.insutype), before)
    return None if then.insutype == row.insutype and then.state == "active" else then.insutype


def _otherwise(explanation: Explanation) -> Explanation | None:
    """The bill with a referral where there was none, or without the one there was; None if the money is the same."""
    if explanation.bill.care != "inpatient" or explanation.bill.out_of_area is not None:
        return None
    standing = explanation.standing
    opposite = None if standing.referral is not None else Referral(filed=True, direction="up")
    other = coverage.adjudicate(explanation.bill, explanation.pack, replace(standing, referral=opposite))
    return other if other.totals.person != explanation.totals.person else None


def _line_names(session: Session, visit_id: int) -> dict[str, tuple[str, str]]:
    wanted = select(FeeLine.number, FeeLine.name, FeeLine.code).where(FeeLine.visit_id == visit_id)
    return {row.number: (row.name, row.code) for row in session.execute(wanted)}


def _is_bureau(session: Session, caller: Caller) -> bool:
    own = caller.organisation_id
    return own is not None and directory.organisation(session, own).tier == "bureau"


def _wait_for(session: Session, name: tuple[str, str]) -> bool:
    """A running copy holds its key; asking for the same key waits until it has ended, and leaves nothing.

    False when it still runs after the time that the session waits for a lock.
    """
    attempt = session.begin_nested()
    try:
        session.execute(insert(SettlementKey).values(organisation_id=name[0], key=name[1]).on_conflict_do_nothing())
    except OperationalError as trouble:
        attempt.rollback()
        if getattr(trouble.orig, "sqlstate", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    attempt.rollback()
    return True


def _refusal(session: Session, organisation_id: str, key: str) -> str | None:
    """The sentence with which the last message of a hospital under this key was refused, if it was."""
    copies = exchange.earlier_of(session, senders=trust.systems_of(session, organisation_id), key=key)
    refused = copies[0] if copies and copies[0].outcome not in (None, exchange.GOOD) else None
    return None if refused is None else refused.fault or refused.outcome
