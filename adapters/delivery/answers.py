"""What a peer said to a row comes back as a verb of the room that posted it.

A room that wants to know names its verb here: (kind of the row, how the delivery ended) to a
function of session, caller, row and outcome.
"""

from collections.abc import Callable

from sqlalchemy.orm import Session

from adapters.delivery.outcome import Outcome
from hub.exchange import Due
from hub.trust import Caller

Told = Callable[[Session, Caller, Due, Outcome], None]

ANSWERS: dict[tuple[str, str], Told] = {}


def tell(session: Session, caller: Caller, due: Due, outcome: Outcome) -> None:
    told = ANSWERS.get((due.kind, outcome.kind))
    if told is not None:
        told(session, caller, due, outcome)
