"""Signing in with the card (or citizen number) and a one-time code sent to the telephone on record."""

from sqlalchemy.orm import Session

from hub import exchange
from hub.faults import Fault, Refused
from hub.people.persons import Person, PersonUnknown, resolve
from hub.trust import Caller, CodeExpired, send_code, verify_code


class NoTelephone(Refused):
    zh = "此卡没有登记手机号，请带身份证到任一医院窗口登记。"
    en = "No telephone is on record for this card. Have it recorded at any hospital's counter, with the identity card."


def send_sign_in_code(session: Session, caller: Caller, *, number: str) -> Person | None:
    """Send a code to the telephone on record of a card or citizen number.

    None when nobody is known by the number: the door gives the same answer then, so that numbers cannot
    be guessed. Refuses: TooManyCodes, NoTelephone.
    """
    row = _by_login(session, number)
    if row is None:
        return None
    if row.telephone is None:
        raise NoTelephone()
    code = send_code(session, person_id=row.id, at=caller.at)
    text = f"【宜昌一卡通】验证码 {code}，5 分钟内有效。请勿告诉他人。"
    notice = {"telephone": row.telephone, "person_id": row.id, "template": "sign-in-code", "text": text}
    exchange.post(session, caller, destination="sms", subject=f"code/{row.id}", kind="notice", snapshot=notice)
    return row


def sign_in(session: Session, caller: Caller, *, number: str, code: str) -> Person | Fault:
    """The person, when the code is right; else the Fault, answered so that the wrong try is counted."""
    row = _by_login(session, number)
    if row is None:
        return CodeExpired()
    return verify_code(session, person_id=row.id, code=code, at=caller.at) or row


def _by_login(session: Session, number: str) -> Person | None:
    number = number.strip().replace(" ", "").upper()
    for system in ("card", "certno/01"):
        try:
            return resolve(session, system=system, value=number)
        except PersonUnknown:
            continue
    return None
