"""A platform's setlinfo and setldetail as the hub's Answer: its amounts in fen, its words without the person."""

from datetime import datetime
from typing import Any

from adapters.nhsa.upward import Accepted
from hub.coverage import RATIO_ONE
from hub.settlement.upstream import Answer

PERSONAL = frozenset({"psn_no", "psn_name", "psn_cert_type", "certno", "gend", "naty", "brdy", "age", "emp_name"})
"""What says who somebody is; a settlement's row is not sealed, so it does not hold it."""


def answer_of(outcome: Accepted, *, area: str, at: datetime) -> Answer:
    """From 2206, 2207, 2303, 2304 or 5203. An amount the platform leaves out is nothing."""
    said = outcome.nodes["setlinfo"]

    def fen(name: str) -> int:
        return int(said.get(name) or 0)

    account = fen("acct_pay")
    cash = fen("psn_cash_pay") if "psn_cash_pay" in said else fen("cash_payamt")
    person = fen("psn_part_amt") or fen("psn_pay") or account + cash
    return Answer(
        setl_id=said.get("setl_id") or "",
        mdtrt_id=said["mdtrt_id"],
        settled_at=said.get("setl_time") or at,
        clr_type=said["clr_type"],
        clr_office=said.get("clr_optins") or area,
        total=fen("medfee_sumamt"),
        over=fen("overlmt_selfpay"),
        own=fen("fulamt_ownpay_amt"),
        first=fen("preselfpay_amt"),
        scope=fen("inscp_scp_amt"),
        deductible=fen("act_pay_dedc"),
        pool=fen("hifp_pay"),
        large=fen("hifob_pay"),
        serious=fen("hifmi_pay"),
        civil=fen("cvlserv_pay"),
        aid=fen("maf_pay"),
        other=fen("hifes_pay") + fen("oth_pay"),
        fund=fen("fund_pay_sumamt"),
        account=account,
        cash=cash,
        person=person,
        hospital=fen("hosp_part_amt"),
        balance=fen("balc"),
        ratio=int((said.get("pool_prop_selfpay") or 0) * RATIO_ONE),
        words={"setlinfo": _words(outcome.written.get("setlinfo")), "setldetail": _rows(outcome)},
    )


def _rows(outcome: Accepted) -> list[dict[str, str]]:
    found = outcome.written.get("setldetail")
    return [_words(row) for row in found] if isinstance(found, list) else []


def _words(said: Any) -> dict[str, str]:
    return {name: str(value) for name, value in said.items() if name not in PERSONAL and value is not None}
