"""The bureau's pages: hospitals by days, the bridge of a day, differences and decisions, hospitals' own sheets, broken
sums, rule packs.
"""

from fastapi import APIRouter

from adapters.web.bureau import board, breaches, differences, hospital_sheets, packs, sheets, trial, workbooks

router = APIRouter(include_in_schema=False)
for part in (board, sheets, workbooks, differences, hospital_sheets, breaches, trial, packs):
    router.include_router(part.router)
router.include_router(hospital_sheets.uploads)
