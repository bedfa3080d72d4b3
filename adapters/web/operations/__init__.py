"""Operations: messages heard and due with their fields named, lanes that stand, health at a glance."""

from fastapi import APIRouter

from adapters.web.operations import lanes, messages, overview, replays

router = APIRouter(include_in_schema=False)
for part in (overview, messages, replays, lanes):
    router.include_router(part.router)
