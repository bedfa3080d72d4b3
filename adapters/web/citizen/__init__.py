"""The citizen's pages, phone first: sign in, book, appointments, referrals, results, bills, the card, family."""

from fastapi import APIRouter

from adapters.web.citizen import appointments, book, home, me, referrals, results, sign_in

router = APIRouter(include_in_schema=False)
for part in (home, sign_in, book, appointments, referrals, results, me):
    router.include_router(part.router)
