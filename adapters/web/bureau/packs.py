"""Benefit packs at the bureau: taken in, signed by two clerks or withdrawn, figure by figure, against another."""

from collections.abc import Sequence
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web import sessions
from adapters.web.bureau.frame import clerk_of
from adapters.web.forms import form_of, query_of
from adapters.web.pages import page, see_other
from adapters.web.refusals import PageRoute
from hub import coverage, directory, settlement, trust
from hub.coverage import PACK, Imported
from hub.faults import Invalid, Problem
from hub.units import day_of

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DECISIONS = ("sign", "withdraw", "replay")
REPLAY_AT_MOST = 5_000
"""More settlements than this take too long for a page; the command has no limit."""
MONTHS = 12
LONGEST_PACK = 100_000


@router.get("/bureau/rules")
def rules(request: Request) -> Response:
    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        trust.audit(session, clerk.caller, verb="coverage.packs")
        return {"frame": clerk.frame, "packs": coverage.packs(session), "may_import": _may_write(clerk)}

    return page(request, "bureau/rules.html", done=query_of(request).text("done", limit=20), **door.transact(work))


@router.post("/bureau/rules/import")
def take_in(request: Request) -> Response:
    """A pack's text, checked whole before anything is kept."""
    form = form_of(request)

    def work(session: Session) -> str:
        clerk = sessions.clerk(session, request, "bureau")
        pack = coverage.import_pack(session, clerk.caller, text=form.needed("text", limit=LONGEST_PACK))
        trust.audit(session, clerk.caller, verb="coverage.import_pack", subject=f"pack/{pack.id}")
        return pack.id

    return see_other(f"/bureau/rules/{door.transact(work)}?done=imported")


@router.get("/bureau/rules/{pack_id}")
def one(request: Request, pack_id: str) -> Response:
    """One pack: how far it is, what it changes, every figure."""
    query = query_of(request)
    against = query.text("against", limit=64)

    def work(session: Session) -> dict[str, Any]:
        clerk = clerk_of(session, request)
        packs = coverage.packs(session)
        shown = _chosen(packs, pack_id)
        pack = coverage.pack_named(session, pack_id)
        other = _chosen(packs, against) if against else _before(packs, shown)
        trust.audit(session, clerk.caller, verb="coverage.pack_named", subject=f"pack/{pack_id}")
        differences = coverage.compare_packs(coverage.pack_named(session, other.pack.id), pack) if other else []
        return {
            "frame": clerk.frame,
            "shown": shown,
            "pack": pack,
            "others": [each for each in packs if each.pack.id != pack_id],
            "against": other,
            "differences": differences,
            "schemes": _by_scheme(coverage.figures(pack)),
            "may": _may(clerk, shown),
            "may_replay": _may_write(clerk),
            "months": _months(day_of(clerk.at)),
            "replay": next(iter(settlement.replays(session, clerk.caller, pack_id=pack_id)), None),
            "hospitals": {row.id: row for row in directory.organisations(session)},
        }

    return page(request, "bureau/rule.html", done=query.text("done", limit=20), **door.transact(work))


@router.post("/bureau/rules/{pack_id}/{event}")
def decide(request: Request, pack_id: str, event: str) -> Response:
    """Sign a pack, withdraw one that is not live, or run a month's settlements again under it."""
    form = form_of(request)

    def work(session: Session) -> None:
        clerk = sessions.clerk(session, request, "bureau")
        if event not in DECISIONS:
            raise Invalid(element="event", found=event, allowed="、".join(DECISIONS), problem=Problem.CODE)
        if event == "sign":
            coverage.sign_pack(session, clerk.caller, pack_id=pack_id)
        elif event == "replay":
            month = settlement.month_of(form.needed("month", limit=20))
            settlement.replay(session, clerk.caller, pack_id=pack_id, month=month, at_most=REPLAY_AT_MOST)
        else:
            coverage.withdraw_pack(session, clerk.caller, pack_id=pack_id, reason=form.needed("reason", limit=500))
        trust.audit(session, clerk.caller, verb=f"coverage.{event}_pack", subject=f"pack/{pack_id}")

    door.transact(work)
    return see_other(f"/bureau/rules/{pack_id}?done={event}")


def _chosen(packs: Sequence[Imported], pack_id: str) -> Imported:
    found = next((each for each in packs if each.pack.id == pack_id), None)
    if found is None:
        raise coverage.PackUnknown(pack_id=pack_id)
    return found


def _before(packs: Sequence[Imported], shown: Imported) -> Imported | None:
    """The pack that this one follows: of its area, live, the last to begin before it."""
    return next(
        (
            each
            for each in packs
            if each.release.state == "live"
            and each.pack.area == shown.pack.area
            and each.pack.valid_from < shown.pack.valid_from
        ),
        None,
    )


def _months(today: date) -> list[date]:
    """This month and those before it, the last whole month first."""
    firsts = [settlement.bounds_of_month(today)[0]]
    while len(firsts) < MONTHS:
        firsts.append(settlement.bounds_of_month(firsts[-1] - timedelta(days=1))[0])
    return [*firsts[1:], firsts[0]]


def _by_scheme(figures: Sequence[coverage.Figure]) -> list[tuple[str, list[coverage.Figure]]]:
    return [(scheme, list(rows)) for scheme, rows in groupby(figures, key=lambda figure: figure.scheme) if scheme]


def _may_write(clerk: sessions.Clerk) -> bool:
    return "coverage.write" in clerk.caller.scopes


def _may(clerk: sessions.Clerk, shown: Imported) -> tuple[str, ...]:
    """What this clerk may do with a pack now: nobody signs twice."""
    if not _may_write(clerk):
        return ()
    signed = shown.release.first_by == f"{clerk.caller.kind}/{clerk.caller.id}"
    return tuple(event for event in PACK.allowed(shown.release.state) if event != "sign" or not signed)
