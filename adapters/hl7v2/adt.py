"""ADT: persons and visits as the hospital's registration desk tells them."""

from sqlalchemy.orm import Session

from adapters.hl7v2 import pid
from adapters.hl7v2.done import Done
from adapters.hl7v2.er7 import Message
from hub.trust import Caller


def register(session: Session, caller: Caller, message: Message) -> Done:
    """A28, A31: a person is added or changed, without a visit."""
    person = pid.register(session, caller, message["PID"])
    return Done(person_id=person.id)
