"""The bureau's pages: hospitals by days, the bridge of a day, differences and decisions, hospitals' own sheets, broken
sums, rule packs, referrals in figures.
"""

from fastapi import APIRouter

from adapters.web import referring
from adapters.web.bureau import (
    board,
    breaches,
    differences,
    hospital_sheets,
    month,
    packs,
    queue,
    sheets,
    trial,
    workbooks,
)
from adapters.web.bureau.frame import clerk_of

router = APIRouter(include_in_schema=False)
for part in (board, sheets, workbooks, queue, differences, month, hospital_sheets, breaches, trial, packs):
    router.include_router(part.router)
router.include_router(hospital_sheets.uploads)
router.include_router(referring.routes("bureau", "/bureau/referrals", clerk_of))
