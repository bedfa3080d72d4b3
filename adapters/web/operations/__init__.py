"""Operations: messages heard and due with their fields named, lanes that stand, what platforms owe, health."""

from fastapi import APIRouter

from adapters.web import referring
from adapters.web.operations import lanes, messages, overview, platforms, replays
from adapters.web.operations.frame import operator_of

router = APIRouter(include_in_schema=False)
for part in (overview, messages, replays, lanes, platforms):
    router.include_router(part.router)
router.include_router(referring.routes("operations", "/ops/referrals", operator_of))
