"""9001 and 9002: an operator signs in for the day and out again.

The sign-in number is computed from institution, operator and day under the installation's key, so
that every worker knows it without a table; it ends with the day, as the interface wants.
"""

from datetime import datetime

from sqlalchemy.orm import Session

from adapters.nhsa.verbs import Asked, Done
from hub import trust
from hub.faults import Refused
from hub.units import day_of


class NotSignedIn(Refused):
    zh = "操作员 {operator} 今天没有有效的签到（签到编号 {sign_no}）。请先做 9001 签到。"
    en = "Operator {operator} is not signed in today (sign-in number {sign_no}). Send 9001 first."


def sign_in(session: Session, asked: Asked) -> Done:
    """9001."""
    operator = asked.nodes["signIn"]["opter_no"]
    number = sign_no(asked.institution, operator, asked.caller.at)
    return Done({"signinoutb": {"sign_time": asked.caller.at, "sign_no": number}})


def sign_out(session: Session, asked: Asked) -> Done:
    """9002. Refuses: NotSignedIn, unless the number is this operator's of today."""
    said = asked.nodes["signOut"]
    require_signed_in(asked, operator=said["opter_no"], number=said["sign_no"])
    return Done({"sign_time": {"sign_time": asked.caller.at}})


def require_signed_in(asked: Asked, *, operator: str, number: str | None) -> None:
    if number != sign_no(asked.institution, operator, asked.caller.at):
        raise NotSignedIn(operator=operator, sign_no=number or "空")


def sign_no(institution: str, operator: str, at: datetime) -> str:
    """Day (8) and proof (22): the 30 characters of one operator's day."""
    day = f"{day_of(at):%Y%m%d}"
    return day + trust.blind("nhsa sign-in", f"{institution}/{operator}/{day}").hex()[:22]
