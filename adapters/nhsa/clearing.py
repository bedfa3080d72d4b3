"""3203 and 3204: an institution asks for its month to be cleared, and takes that back."""

from datetime import date
from typing import Any

from sqlalchemy.orm import Session

from adapters.nhsa.identities import require_footing
from adapters.nhsa.verbs import Asked, Done
from hub import reconciliation
from hub.faults import Invalid
from hub.reconciliation import ClearingSums, ClearingUnknown

IN_OUR_WORDS = {"fee": "medfee_sumamt", "fund": "fund_appy_sum", "account": "acct_pay", "cash": "cash_payamt"}


def apply(session: Session, asked: Asked) -> Done:
    """3203. Refuses: Invalid, ClearingDiffers by the field that is not the ledger's, AlreadyApplied."""
    said = asked.nodes["data"]
    _within_month(said)
    require_footing(asked.region, asked.request.infno, asked.nodes)
    sums = ClearingSums(said["medfee_sumamt"], said["fund_appy_sum"], said["acct_pay"], said["cash_payamt"])
    try:
        made = reconciliation.apply_for_clearing(
            session,
            asked.caller,
            organisation_id=asked.institution,
            clr_type=said["clr_type"],
            clr_way=said["clr_way"],
            day_from=said["begndate"],
            day_to=said["enddate"],
            persons=said["psntime"],
            recognised=said["med_sumfee"],
            sums=sums,
        )
    except reconciliation.ClearingDiffers as wrong:
        raise type(wrong)(**wrong.facts | {"element": f"input.data.{IN_OUR_WORDS[wrong.element]}"}) from None
    return Done({"result": {"clr_appy_evt_id": made.id}}, subject=f"clearing/{made.id}")


def withdraw(session: Session, asked: Asked) -> Done:
    """3204. Refuses: ClearingUnknown, IllegalMove when it was withdrawn before."""
    text = asked.nodes["data"]["clr_appy_evt_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise ClearingUnknown(clearing_id=text)
    row = reconciliation.withdraw_clearing(session, asked.caller, clearing_id=int(text))
    return Done({}, subject=f"clearing/{row.id}")


def _within_month(said: dict[str, Any]) -> None:
    """Both days lie in the month that is to be cleared. Refuses: Invalid."""
    month = said["setlym"]
    try:
        date(int(month[:4]), int(month[4:]), 1)
    except ValueError:
        raise Invalid(element="input.data.setlym", found=month, allowed="yyyyMM") from None
    for element in ("begndate", "enddate"):
        if f"{said[element]:%Y%m}" != month:
            raise Invalid(element=f"input.data.{element}", found=said[element], allowed=f"{month} 月内的日期")
    if said["enddate"] < said["begndate"]:
        raise Invalid(element="input.data.enddate", found=said["enddate"], allowed=f"{said['begndate']} 或以后")
