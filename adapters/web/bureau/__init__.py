"""The bureau's pages: hospitals by days, the bridge of a day, differences and decisions, broken sums, rule packs."""

from fastapi import APIRouter

from adapters.web.bureau import board, breaches, differences, packs, sheets, trial, workbooks

router = APIRouter(include_in_schema=False)
for part in (board, sheets, workbooks, differences, breaches, trial, packs):
    router.include_router(part.router)
