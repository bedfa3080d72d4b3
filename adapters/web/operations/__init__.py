"""Operations: messages heard and due with their fields named, lanes that stand, what platforms owe, health."""

from fastapi import APIRouter

from adapters.web.operations import lanes, messages, overview, platforms, replays

router = APIRouter(include_in_schema=False)
for part in (overview, messages, replays, lanes, platforms):
    router.include_router(part.router)
