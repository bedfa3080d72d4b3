"""My referrals: how far each has come, where to go and when, and that it may be declined."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import letters, sessions
from adapters.web.effect import insurance_effect
from adapters.web.forms import form_of, query_of
from adapters.web.look import look_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import journeys, referrals, trust

router = APIRouter(route_class=PageRoute, include_in_schema=False)
OVER = ("completed", "returned-down", *letters.ENDED)


@router.get("/referrals")
def my_referrals(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        rows = referrals.referrals_of(session, visitor.caller, person_id=visitor.person_id)
        trust.audit(session, visitor.caller, verb="referrals.referrals_of", person_id=visitor.person_id)
        return {
            "frame": visitor.frame,
            "letters": [letters.letter(session, visitor.caller, row) for row in rows],
        }

    return page(request, "citizen/referrals.html", over=OVER, **door.transact(work))


@router.get("/referrals/{referral_id}")
def referral(request: Request, referral_id: int) -> Response:
    done = query_of(request).text("done")

    def work(session: Session) -> dict[str, Any]:
        visitor = sessions.citizen(session, request)
        row = referrals.referral(session, visitor.caller, referral_id)
        trust.audit(
            session,
            visitor.caller,
            verb="referrals.referral",
            person_id=row.person_id,
            subject=f"referral/{referral_id}",
        )
        return {
            "frame": visitor.frame,
            "letter": letters.letter(session, visitor.caller, row),
            "chain": letters.chain(session, visitor.caller, row),
            "effect": insurance_effect(
                session,
                visitor.caller,
                person_id=row.person_id,
                sender_id=row.sender_id,
                receiver_id=row.receiver_id,
                filed=row.insurance_leg == "filed",
                language=look_of(request).language,
            ),
            "actions": referrals.available_actions(visitor.caller, row),
        }

    return page(request, "citizen/referral.html", done=done, **door.transact(work))


@router.post("/referrals/{referral_id}/decline")
def decline(request: Request, referral_id: int) -> Response:
    """The patient does not want to go; the place and the filing are given back."""
    form = form_of(request)

    def work(session: Session) -> None:
        visitor = sessions.citizen(session, request)
        reason = form.needed("reason", limit=200)
        journeys.decline(session, visitor.caller, referral_id=referral_id, reason=reason)
        trust.audit(session, visitor.caller, verb="journeys.decline", subject=f"referral/{referral_id}")

    door.transact(work)
    return see_other(f"/referrals/{referral_id}?done=declined")
