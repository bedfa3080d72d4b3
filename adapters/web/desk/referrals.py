"""Referrals in and out: the worklist, the letter beside the record, and what may be done with it now."""

from collections.abc import Callable, Sequence
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import letters, sessions
from adapters.web.desk.frame import clerk_of
from adapters.web.effect import insurance_effect
from adapters.web.forms import Form, form_of, query_of
from adapters.web.look import look_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import booking, directory, journeys, people, records, referrals, trust
from hub.faults import Forbidden, Invalid, Problem, Unknown
from hub.referrals import ACTIONS, Referral
from hub.trust import Caller
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
GROUPS = {
    "in": ("to-answer", "to-place", "expected", "letters", "all"),
    "out": ("to-decide", "to-inform", "unsent", "all"),
}
"""The worklists of the two sides, by their names in the room, and everything."""
ORDER = (
    "accept",
    "arrive",
    "complete",
    "send",
    "answer-info",
    "book",
    "receive",
    "request-info",
    "redirect",
    "recall",
    "reject",
    "discard",
)
"""Actions in the order of likelihood; the first possible one is the filled button."""
LOOK_AHEAD_DAYS = 13


@router.get("/desk/referrals/{side}")
def worklist(request: Request, side: str) -> Response:
    """`side` is in or out; the opened letter stands beside the list, its number in the address."""
    query, language = query_of(request), look_of(request).language
    group = query.text("group", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        if side not in GROUPS:
            raise Invalid(element="side", found=side, allowed="、".join(GROUPS), problem=Problem.CODE)
        chosen = group if group in GROUPS[side] else ("to-answer" if side == "in" else "all")
        trust.audit(session, clerk.caller, verb=f"referrals.{side}")
        return {
            "frame": clerk.frame,
            "group": chosen,
            "waiting": referrals.waiting(session, clerk.caller),
            "rows": [_row(session, row, side) for row in _listed(session, clerk.caller, side, chosen)],
            "opened": opened(session, clerk, query.number("open"), language) if query.text("open") else None,
        }

    return page(
        request,
        "desk/referrals.html",
        side=side,
        groups=GROUPS.get(side, ()),
        done=query.text("done", limit=20),
        **door.transact(work),
    )


@router.get("/desk/duty")
def duty(request: Request) -> Response:
    """The duty desk: what came in and nobody has confirmed in the time for it, the longest waiting first."""

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        trust.require(clerk.caller, "referral.read")
        trust.audit(session, clerk.caller, verb="referrals.unconfirmed")
        rows = referrals.unconfirmed(session, at=clerk.at, receiver_id=clerk.organisation_id)
        return {"frame": clerk.frame, "rows": [_row(session, row, "in") for row in rows]}

    return page(request, "desk/duty.html", span=referrals.time_for("confirm"), **door.transact(work))


@router.post("/desk/referrals/{referral_id}/{action}")
def act(request: Request, referral_id: int, action: str) -> Response:
    """Do one of the available actions; the form carries what it needs (a reason, a question, a place, a letter)."""
    form = form_of(request)

    def work(session: Session) -> str:
        clerk = sessions.clerk(session, request, "desk")
        if action not in ACTS:
            raise Invalid(element="action", found=action, allowed="、".join(ACTS), problem=Problem.CODE)
        ACTS[action](session, clerk.caller, referral_id, form)
        trust.audit(session, clerk.caller, verb=f"referrals.{action}", subject=f"referral/{referral_id}")
        row = referrals.referral(session, clerk.caller, referral_id)
        return "in" if row.receiver_id == clerk.organisation_id else "out"

    side = door.transact(work)
    return see_other(f"/desk/referrals/{side}?group=all&open={referral_id}&done={action}")


def opened(session: Session, clerk: sessions.Clerk, referral_id: int, language: str) -> dict[str, Any]:
    """One letter with the shared record, the money, and the actions. Refuses: ReferralUnknown."""
    row = referrals.referral(session, clerk.caller, referral_id)
    trust.audit(
        session, clerk.caller, verb="referrals.referral", person_id=row.person_id, subject=f"referral/{referral_id}"
    )
    possible = referrals.available_actions(clerk.caller, row)
    return {
        "letter": letters.letter(session, clerk.caller, row),
        "record": shared_record(session, clerk.caller, row.person_id),
        "effect": insurance_effect(
            session,
            clerk.caller,
            person_id=row.person_id,
            sender_id=row.sender_id,
            receiver_id=row.receiver_id,
            filed=row.insurance_leg == "filed",
            language=language,
        ),
        "actions": [action for action in ORDER if action in possible and action in ACTS],
        "places": _places(session, clerk, row) if "book" in possible or "accept" in possible else [],
        "receivers": _receivers(session, row) if "redirect" in possible else [],
        "chain": letters.chain(session, clerk.caller, row),
        "may_send_again": row.sender_id == clerk.organisation_id
        and row.state in ("rejected", "recalled", "expired")
        and not any(each.previous_id == row.id for each in referrals.chain(session, clerk.caller, row.id)),
        "may_send_down": row.state in ("arrived", "completed") and row.receiver_id == clerk.organisation_id,
    }


def shared_record(session: Session, caller: Caller, person_id: int) -> dict[str, Any] | None:
    """What the hospitals share of a person, newest first; None while this one may not see it yet."""
    try:
        found = {
            "reports": records.reports(session, caller, person_id=person_id),
            "visits": records.visits(session, caller, person_id=person_id),
            "documents": records.documents(session, caller, person_id=person_id),
        }
    except (Unknown, Forbidden):
        return None
    organisations = {row.organisation_id for rows in found.values() for row in rows}
    return {**found, "hospitals": {each: directory.organisation(session, each) for each in organisations}}


def _listed(session: Session, caller: Caller, side: str, group: str) -> Sequence[Referral]:
    if group != "all":
        return referrals.on_worklist(session, caller, group)
    return (referrals.incoming if side == "in" else referrals.outgoing)(session, caller)


def _row(session: Session, row: Referral, side: str) -> dict[str, Any]:
    other = row.sender_id if side == "in" else row.receiver_id
    return {
        "referral": row,
        "person": people.person(session, row.person_id),
        "other": directory.organisation(session, other),
    }


def _places(session: Session, clerk: sessions.Clerk, row: Referral) -> list[booking.Offer]:
    """Free places at the receiver, those kept for referrals first."""
    today = day_of(clerk.at)
    free = booking.search(
        session,
        clerk.caller,
        day_from=today,
        day_to=today.fromordinal(today.toordinal() + LOOK_AHEAD_DAYS),
        organisation_id=row.receiver_id,
        department_id=row.receiver_department_id,
        only_free=True,
        limit=60,
    )
    return sorted(free, key=lambda offer: offer.pool != "referral")[:12]


def _receivers(session: Session, row: Referral) -> list[tuple[str, str]]:
    return [
        (each.id, each.name)
        for each in directory.organisations(session, tiers=("tertiary", "county", "community"))
        if each.id not in (row.sender_id, row.receiver_id)
    ]


def _accept(session: Session, caller: Caller, referral_id: int, form: Form) -> None:
    """Accept; with a slot chosen the place is taken in the same transaction."""
    referrals.accept(session, caller, referral_id=referral_id, note=form.text("note", limit=500))
    if form.text("slot_id"):
        journeys.reserve(session, caller, referral_id=referral_id, slot_id=form.number("slot_id"))


def _complete(session: Session, caller: Caller, referral_id: int, form: Form) -> None:
    letter = referrals.Letter(
        title=form.text("title", limit=100) or "转诊回信",
        text=form.needed("text"),
        signer_id=caller.practitioner_id or "",
    )
    journeys.close(session, caller, referral_id=referral_id, letter=letter)


ACTS: dict[str, Callable[[Session, Caller, int, Form], object]] = {
    "send": lambda s, c, n, f: referrals.send(s, c, referral_id=n),
    "discard": lambda s, c, n, f: referrals.discard(s, c, referral_id=n),
    "receive": lambda s, c, n, f: referrals.receive(s, c, referral_id=n),
    "accept": _accept,
    "request-info": lambda s, c, n, f: referrals.request_info(s, c, referral_id=n, question=f.text("note")),
    "answer-info": lambda s, c, n, f: referrals.answer_info(s, c, referral_id=n, answer=f.text("note")),
    "reject": lambda s, c, n, f: journeys.reject(s, c, referral_id=n, reason=f.text("note")),
    "recall": lambda s, c, n, f: journeys.recall(s, c, referral_id=n, reason=f.text("note")),
    "redirect": lambda s, c, n, f: journeys.redirect(
        s, c, referral_id=n, receiver_id=f.needed("receiver_id"), reason=f.text("note")
    ),
    "book": lambda s, c, n, f: journeys.reserve(s, c, referral_id=n, slot_id=f.number("slot_id")),
    "arrive": lambda s, c, n, f: referrals.arrive(s, c, referral_id=n),
    "complete": _complete,
}
assert set(ACTS) <= set(ACTIONS)
