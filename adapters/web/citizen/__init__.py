"""The citizen's pages, phone first: sign in, book, appointments, referrals, results, bills, the card, family."""

from fastapi import APIRouter

from adapters.web.citizen import (
    appointments,
    bills,
    book,
    estimate,
    home,
    me,
    referrals,
    results,
    sign_in,
    visits,
    waiting,
)

router = APIRouter(include_in_schema=False)
for part in (home, sign_in, book, appointments, referrals, results, bills, estimate, visits, waiting, me):
    router.include_router(part.router)
