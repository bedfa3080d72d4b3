"""What every page of the bureau shows: how many differences are open, and how many sums that do not add up."""

from dataclasses import replace

from sqlalchemy.orm import Session
from starlette.requests import Request

from adapters.web import sessions
from adapters.web.sessions import Clerk
from hub import reconciliation


def clerk_of(session: Session, request: Request) -> Clerk:
    """The member of staff at the bureau's pages, with the number of open differences."""
    clerk = sessions.clerk(session, request, "bureau")
    own = None if clerk.organisation.tier == "bureau" else clerk.organisation_id
    open_breaks = reconciliation.breaks_of(session, clerk.caller, organisation_id=own)
    unbalanced = reconciliation.breaches(session, clerk.caller, organisation_id=own)
    counts = (("differences", len(open_breaks)), ("breaches", len(unbalanced)))
    return replace(clerk, frame=replace(clerk.frame, counts=counts))
