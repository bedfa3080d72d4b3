"""Referrals of a month in figures and pictures, the same for the bureau and operations; its tables as CSV."""

import csv
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta
from io import StringIO
from typing import Any

from fastapi import APIRouter
from sqlalchemy.orm import Session
from starlette.requests import Request
from starlette.responses import Response

from adapters import door
from adapters.web.forms import query_of
from adapters.web.look import look_of
from adapters.web.pages import HEADERS, page
from adapters.web.refusals import PageRoute
from adapters.web.sessions import Clerk
from adapters.web.words import Words, words
from hub import directory, referrals, trust
from hub.faults import Invalid, Problem
from hub.referrals import Statistics
from hub.units import day_of

SHOWN = 12
"""Institutions in a picture; the table below has all of them."""

Row = Sequence[str | int]
Seen = Callable[[Session, Request], Clerk]
"""The member of staff who looks, with the frame of the face."""


def routes(face: str, address: str, seen: Seen) -> APIRouter:
    """The page at an address of a face, and its tables at `.csv`."""
    router = APIRouter(route_class=PageRoute, include_in_schema=False)

    @router.get(address)
    def referral_figures(request: Request) -> Response:
        return _page(request, face=face, address=address, seen=seen)

    @router.get(f"{address}.csv")
    def referral_table(request: Request) -> Response:
        return _file(request, seen=seen)

    return router


def _page(request: Request, *, face: str, address: str, seen: Seen) -> Response:
    def work(session: Session) -> dict[str, Any]:
        member = seen(session, request)
        found = _asked(session, request, member)
        named = {each.id: each for each in directory.organisations(session)}
        return {
            "frame": member.frame,
            "found": found,
            "named_by_id": named,
            "by_sender": _by_sender(found),
            "today": day_of(member.at),
        }

    view = door.transact(work)
    month: date = view["found"].month
    after = (month + timedelta(days=31)).replace(day=1)
    return page(
        request,
        "bureau/referrals.html",
        face_frame=f"{face}/frame.html",
        address=address,
        before=(month - timedelta(days=1)).replace(day=1),
        after=after if after <= view["today"] else None,
        shown=SHOWN,
        **view,
    )


def _file(request: Request, *, seen: Seen) -> Response:
    """`part` is pairs, answers or refusals. UTF-8 with a mark, so that a spreadsheet reads the names."""
    part = query_of(request).text("part", limit=20) or "pairs"
    if part not in TABLES:
        raise Invalid(element="part", found=part, allowed="、".join(TABLES), problem=Problem.CODE)
    language = look_of(request).language

    def work(session: Session) -> tuple[Statistics, dict[str, str]]:
        found = _asked(session, request, seen(session, request))
        rows = directory.organisations(session)
        return found, {each.id: each.name if language == "zh" else each.name_en or each.name for each in rows}

    found, names = door.transact(work)
    written = StringIO()
    rows = TABLES[part](found, names, words(language))
    csv.writer(written).writerows([_harmless(cell) for cell in row] for row in rows)
    called = {"Content-Disposition": f'attachment; filename="referrals-{part}-{found.month:%Y-%m}.csv"'}
    body = written.getvalue().encode("utf-8-sig")
    return Response(body, media_type="text/csv; charset=utf-8", headers=HEADERS | called)


def _asked(session: Session, request: Request, member: Clerk) -> Statistics:
    said = query_of(request).text("month", limit=7)
    try:
        month = date.fromisoformat(f"{said}-01") if said else day_of(member.at)
        if not 2000 <= month.year < 2200:
            raise ValueError
    except ValueError:
        raise Invalid(element="month", found=said, allowed="2026-11") from None
    found = referrals.statistics(session, member.caller, month=month)
    trust.audit(session, member.caller, verb="referrals.statistics", subject=f"month/{month:%Y-%m}")
    return found


def _by_sender(found: Statistics) -> list[tuple[str, int, int, int]]:
    """By institution, what it sent up, down and sideways, the busiest first."""
    sums: dict[str, list[int]] = {}
    for flow in found.flows:
        own = sums.setdefault(flow.sender_id, [0, 0, 0])
        for place, number in enumerate((flow.up, flow.down, flow.sideways)):
            own[place] += number
    ranked = sorted(sums.items(), key=lambda item: (-sum(item[1]), item[0]))
    return [(organisation_id, *numbers) for organisation_id, numbers in ranked]  # type: ignore[misc]


def _pairs(found: Statistics, names: dict[str, str], t: Words) -> Iterable[Row]:
    yield [t(f"stat.{name}") for name in ("sender", "receiver", "up", "down", "sideways", "arrived", "refused")]
    for f in found.flows:
        yield [names[f.sender_id], names[f.receiver_id], f.up, f.down, f.sideways, f.arrived, f.refused]


def _answers(found: Statistics, names: dict[str, str], t: Words) -> Iterable[Row]:
    yield [t(f"stat.{name}") for name in ("receiver", "asked", "answered", "in_time", "median_minutes", "letters")]
    for a in found.answering:
        median = "" if a.median is None else int(a.median.total_seconds() // 60)
        yield [names[a.receiver_id], a.asked, a.answered, a.in_time, median, found.letters.get(a.receiver_id, 0)]


def _refusals(found: Statistics, names: dict[str, str], t: Words) -> Iterable[Row]:
    yield [t(f"stat.{name}") for name in ("receiver", "how", "why", "count")]
    for r in found.refusals:
        yield [names[r.receiver_id], t(f"stat.how_{r.event}"), r.why, r.count]


TABLES: dict[str, Callable[[Statistics, dict[str, str], Words], Iterable[Row]]] = {
    "pairs": _pairs,
    "answers": _answers,
    "refusals": _refusals,
}


def _harmless(cell: str | int) -> str:
    """A spreadsheet runs what begins like a formula, and a reason is somebody's free text."""
    said = str(cell)
    return f"'{said}" if said.startswith(("=", "+", "-", "@", "\t", "\r")) else said
