"""The bureau's pages: hospitals by days, the bridge of a day, differences and what is decided, rule packs."""

from fastapi import APIRouter

from adapters.web.bureau import board, packs, trial

router = APIRouter(include_in_schema=False)
for part in (board, trial, packs):
    router.include_router(part.router)
