"""Work that nobody asks for: done by whichever worker is free, once at a time, seen in `onecard jobs`.

    WORK = {"make-slots": Periodic(every, work), ...}

A job's work is one transaction (or several, each small), and doing it twice changes nothing.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from adapters import door
from adapters.hl7v2 import inbound
from adapters.nhsa import upward_sweep
from adapters.reconciling import journal
from hub import booking, journeys, reconciliation, referrals, settlement, trust
from hub.exchange import jobs
from hub.faults import Fault
from hub.trust import SCOPES, Caller
from hub.units import day_of

IDLE_SECONDS = 1.0
DAYS_AHEAD = 14
PROVED = timedelta(days=2)
PATIENCE = "2min"

log = structlog.get_logger("onecard.jobs")


class ReferralsAstray(Exception):
    """A bug of ours: open referrals that nobody has to act on. Names them."""


class LedgerBroken(Exception):
    """A bug of ours: the books do not prove. Names the settlements."""


class SomeNotSeenTo(Exception):
    """Patients of a stopped clinic whose turn went wrong; the next round tries again."""


@dataclass(frozen=True)
class Periodic:
    """`work` changes what is due in one transaction and says in a word or two what it did."""

    every: timedelta
    work: Callable[[Session, Caller], str]


@dataclass(frozen=True)
class Talking:
    """`work` is handed no transaction and opens its own: it waits for other computers, or does many things."""

    every: timedelta
    work: Callable[[Caller], str]


def make_slots(session: Session, caller: Caller) -> str:
    today: date = day_of(caller.at)
    return f"{booking.make_slots(session, caller, day_from=today, days=DAYS_AHEAD)} slots"


def pass_places_on(session: Session, caller: Caller) -> str:
    return f"{booking.pass_places_on(session, caller)} places"


def see_to_stopped(caller: Caller) -> str:
    """Everybody a stopped clinic has met, each in a transaction of their own: one that fails stops nobody else."""
    seen = failed = 0
    for visit_id in door.transact(booking.waiting_visits):
        try:
            door.transact(lambda session, one=visit_id: journeys.settle_visit(session, caller, visit_id=one))
            seen += 1
        except Exception:
            log.exception("stopped visit", visit_id=visit_id)
            failed += 1
    if failed:
        raise SomeNotSeenTo(f"{failed} of {seen + failed}")
    return f"{seen} visits"


def miss_appointments(caller: Caller) -> str:
    """Who never came, each in a transaction of their own, so that no card stays locked while others are seen to."""
    missed = 0
    for appointment_id in door.transact(lambda session: booking.unkept(session, at=caller.at)):
        with suppress(Fault):  # told of since we looked, or busy: the next round looks again
            door.transact(partial(journeys.miss_appointment, caller=caller, appointment_id=appointment_id))
            missed += 1
    return f"{missed} appointments"


def seal_audit(session: Session, caller: Caller) -> str:
    return f"{trust.chain(session, at=caller.at)} rows"


def expire_referrals(session: Session, caller: Caller) -> str:
    return f"{journeys.expire_overdue(session, caller)} referrals"


def return_referrals(session: Session, caller: Caller) -> str:
    return f"{journeys.return_not_taken(session, caller)} referrals"


def watch_referrals(session: Session, caller: Caller) -> str:
    late, soon = journeys.watch(session, caller)
    return f"{late} unconfirmed, {soon} ending soon"


def prove_worklists(session: Session, caller: Caller) -> str:
    astray = referrals.astray(session)
    if astray:
        raise ReferralsAstray("; ".join(f"{one.referral_id} {one.state}: {one.worklists}" for one in astray))
    return "every open referral stands on one worklist"


def verify_books(session: Session, caller: Caller) -> str:
    breaches = settlement.verify(session)
    if breaches:
        raise LedgerBroken("; ".join(f"{breach.subject}: {breach.check}" for breach in breaches))
    return "every row fits"


def prove_ledger(session: Session, caller: Caller) -> str:
    proof = settlement.prove(session, since=caller.at - PROVED)
    if proof.broken:
        raise LedgerBroken(f"settlements {', '.join(map(str, proof.broken))} do not foot")
    return f"{proof.settlements} settlements foot"


def compare_journal(caller: Caller) -> str:
    """Yesterday's rows against the wire, in transactions of its own: a day of a city takes more than one."""
    done = journal.compare(caller, day_of(caller.at) - timedelta(days=1))
    return f"{done.settlements} settlements, {done.answers} answers, {len(done.differing)} differ"


def miss_results(session: Session, caller: Caller) -> str:
    return f"{len(reconciliation.miss_results(session, caller))} results not fetched"


WORK: dict[str, Periodic | Talking] = {
    "make-slots": Periodic(timedelta(hours=1), make_slots),
    "expire-referrals": Periodic(timedelta(minutes=5), expire_referrals),
    "return-referrals": Periodic(timedelta(minutes=15), return_referrals),
    "watch-referrals": Periodic(timedelta(minutes=5), watch_referrals),
    "prove-worklists": Periodic(timedelta(days=1), prove_worklists),
    "pass-places-on": Periodic(timedelta(seconds=15), pass_places_on),
    "see-to-stopped": Talking(timedelta(seconds=3), see_to_stopped),
    "miss-appointments": Talking(timedelta(minutes=10), miss_appointments),
    "finish-messages": Periodic(timedelta(seconds=30), inbound.sweep),
    "prove-ledger": Periodic(timedelta(hours=1), prove_ledger),
    "compare-journal": Talking(timedelta(days=1), compare_journal),
    "verify-books": Periodic(timedelta(days=1), verify_books),
    "seal-audit": Periodic(timedelta(minutes=1), seal_audit),
    "miss-results": Periodic(timedelta(hours=1), miss_results),
    "ask-platforms": Talking(timedelta(seconds=5), upward_sweep.sweep),
    "agree-with-platforms": Talking(timedelta(minutes=10), upward_sweep.agree),
}


def run(stop: threading.Event, *, owner: str) -> None:
    """Until `stop`: claim what is due, do it, record how it went."""
    door.transact(lambda session: jobs.schedule(session, {n: p.every for n, p in WORK.items()}, at=door.now()))
    while not stop.is_set():
        try:
            worked = run_one(owner)
        except Exception:  # the database is away: the next round tries again
            log.exception("jobs")
            worked = False
        if not worked:
            stop.wait(IDLE_SECONDS)


def run_one(owner: str) -> bool:
    """Do the job that has been due longest. False when none is."""
    claimed = door.transact(lambda session: jobs.claim(session, owner=owner, at=door.now()))
    if claimed is None:
        return False
    caller = Caller(
        kind="job", id=claimed.name, at=door.now(), scopes=SCOPES, purpose="operation", trace=f"job/{claimed.name}"
    )

    failed = False
    try:
        outcome = _done(WORK[claimed.name], caller)
    except Exception as trouble:
        log.exception("job", name=claimed.name)
        outcome, failed = f"{type(trouble).__name__}: {trouble}"[:200], True
    door.transact(lambda s: jobs.finish(s, claimed, at=door.now(), outcome=outcome, failed=failed))
    return True


def _done(periodic: Periodic | Talking, caller: Caller) -> str:
    if isinstance(periodic, Talking):
        return periodic.work(caller)

    def work(session: Session) -> str:
        session.execute(text(f"SET LOCAL statement_timeout = '{PATIENCE}'"))  # nobody waits at a window for this
        return periodic.work(session, caller)

    return door.transact(work)
