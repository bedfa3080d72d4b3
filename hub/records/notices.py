"""What a person is told on the telephone, in the transaction of the verb that has something to tell."""

from sqlalchemy.orm import Session

from hub import exchange, people
from hub.trust import Caller

SIGNATURE = "【宜昌一卡通】"


def tell(session: Session, caller: Caller, *, person_id: int, template: str, text: str) -> None:
    """Put a text message in the outbox; who has no telephone on record is told nothing here."""
    telephone = people.person(session, person_id).telephone
    if telephone is None:
        return
    notice = {"telephone": telephone, "person_id": person_id, "template": template, "text": SIGNATURE + text}
    exchange.post(session, caller, destination="sms", subject=f"person/{person_id}", kind="notice", snapshot=notice)
