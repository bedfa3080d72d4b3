"""The month in pictures: how much of each day agrees, what is open by kind and age, what each hospital is off by."""

import re
from datetime import date, timedelta
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.bureau.frame import clerk_of
from adapters.web.bureau.told import kinds_in_words
from adapters.web.forms import query_of
from adapters.web.pages import page
from adapters.web.refusals import PageRoute
from hub import reconciliation, trust
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN = 8
"""Hospitals in the picture; the table has all."""


@router.get("/bureau/month")
def month(request: Request) -> Response:
    """`month` as 2026-11; the running one for want of another."""
    asked = query_of(request).text("month", limit=20)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        today = day_of(clerk.at)
        first = _first(asked, today)
        found = reconciliation.month(session, clerk.caller, first=first)
        trust.audit(session, clerk.caller, verb="reconciliation.month", subject=f"month/{first:%Y-%m}")
        after = (first + timedelta(days=31)).replace(day=1)
        return {
            "frame": clerk.frame,
            "found": found,
            "lines": sum(each.lines for each in found.days),
            "matched": sum(each.matched for each in found.days),
            "kinds": kinds_in_words(),
            "shown": [each for each in found.hospitals if each.off.fund][:SHOWN],
            "before": (first - timedelta(days=1)).replace(day=1),
            "after": after if after <= today else None,
        }

    return page(request, "bureau/month.html", **door.transact(work))


def _first(asked: str, today: date) -> date:
    """The first day of the month asked for; what is no month that a page can be about is this one."""
    if not re.fullmatch(r"20[0-9]{2}-(0[1-9]|1[0-2])", asked):
        return today.replace(day=1)
    return min(date.fromisoformat(f"{asked}-01"), today.replace(day=1))
