"""2206, 2207, 2208, 2303, 2304, 2305, 5203: what is paid by whom, fixed, taken back, looked up.

Quote and settlement share everything up to the hub's verb: `naming` and `charge_of` say what is asked,
`setlinfo` and `setldetail` say what came of it.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

import msgspec
from sqlalchemy.orm import Session

from adapters.nhsa.extension import extension
from adapters.nhsa.funds import EMERGENCY, fund_name, fund_pay_type
from adapters.nhsa.identities import require_footing
from adapters.nhsa.identity import about, must_match, number_of
from adapters.nhsa.region import Region
from adapters.nhsa.tables import Node, transaction
from adapters.nhsa.verbs import Asked, Done
from hub import coverage, settlement
from hub.faults import Fault, Invalid, Missing, Refused
from hub.settlement import STAY, Charge, Naming, Override, Settlement, SettlementUnknown, TotalDiffers, Window
from hub.settlement.charges import clearing_type
from hub.units import Money, day_of

BY_ITEM = "1"
OWN_ACCOUNT, SHARED_ACCOUNT = "1", "2"
"""acct_used_flag: the person's own, or that of the relative who shares one."""
FINAL = "0"
HALF_WAY = "mid_setl_flag"
AT_AN_INSTITUTION = "2"
OTHER_PERSON = "99"
FOUR_PLACES = Decimal("0.0001")


class NotDischarged(Refused):
    zh = "住院 {visit} 还没有办理出院（2402），不能做出院结算；中途结算请把 mid_setl_flag 填“1”。"
    en = "Stay {visit} has not been discharged (2402); for a settlement half-way set mid_setl_flag to 1."


class Figures(Protocol):
    """The amounts of a bill in fen, as a quote's totals and a settlement's row both carry them."""

    total: int
    over: int
    own: int
    first: int
    scope: int
    deductible: int
    pool: int
    large: int
    serious: int
    civil: int
    aid: int
    fund: int
    account: int
    cash: int


def quote(session: Session, asked: Asked) -> Done:
    """2206 and 2303: what settling now would give; nothing is written."""
    window = window_of(session, asked)
    try:
        explained = settlement.quote(session, asked.caller, charge_of(asked, window))
    except TotalDiffers as wrong:
        raise in_our_words(wrong) from None
    standing = explained.standing
    info = _about(asked, window) | figures(explained.totals, explained.shared)
    info |= {
        "insutype": standing.insutype,
        "cvlserv_flag": standing.civil_servant,
        "setl_time": asked.caller.at,
        "balc": Money(standing.account_balance - explained.totals.account + explained.shared),
        "med_type": info["med_type"] or clearing_type(explained.bill),
        "pool_prop_selfpay": _ratio(explained.ratio),
        "medins_setl_id": asked.request.msgid,
        "clr_optins": asked.region.area,
        "clr_type": clearing_type(explained.bill),
        "exp_content": _doubts(session, asked, window),
    }
    detail = setldetail(asked.region, explained.totals, standing.insutype, window.care)
    return Done({"setlinfo": info, "setldetail": detail}, window.person_id, f"visit/{window.visit_id}")


def undo(session: Session, asked: Asked) -> Done:
    """2208 and 2305: a settlement is taken back whole; the answer carries its amounts with a minus."""
    window = window_of(session, asked)
    counter = settlement.undo(
        session,
        asked.caller,
        settlement_id=named(session, asked).id,
        key=asked.request.msgid,
        content_hash=asked.request.content_hash,
    )
    return told(asked, window, counter)


def look_up(session: Session, asked: Asked) -> Done:
    """5203: a settlement of this institution as it stands."""
    window = window_of(session, asked)
    row = named(session, asked)
    done = told(asked, window, row)
    info = done.output["setlinfo"] | {
        "pay_loc": AT_AN_INSTITUTION,
        "fixmedins_code": asked.institution,
        "fixmedins_name": asked.request.head["fixmedins_name"],
        "begndate": window.begun_at,
        "enddate": window.ended_at or window.begun_at,
        "psn_pay": Money(row.account + row.cash),
        "cash_payamt": row.cash,
        "refd_setl_flag": row.state == "cancelled",
        "year": str(row.year),
    }
    return Done(done.output | {"setlinfo": info}, done.person_id, done.subject)


def naming(asked: Asked) -> Naming:
    """Whom and what a transaction names. Refuses: VisitUnknown for what cannot be a visit."""
    said = asked.nodes["data"]
    return Naming(asked.caller, said["psn_no"], number_of(said["mdtrt_id"]), said.get("insutype"))


def charge_of(asked: Asked, window: Window) -> Charge:
    """What is to be settled. Refuses: Invalid, PersonMismatch, NotDischarged."""
    said = asked.nodes["data"]
    require_footing(asked.region, asked.request.infno, asked.nodes)
    must_match(window, said, "input.data")
    if (HALF_WAY in said) != (window.care == "inpatient"):
        allowed = "住院就诊用 2303、2304，门诊就诊用 2206、2207"
        raise Invalid(element="infno", found=asked.request.infno, allowed=allowed)
    if asked.request.infno == "2304" and said[HALF_WAY] == FINAL and window.state != "finished":
        raise NotDischarged(visit=window.number)
    more = extension(said["exp_content"], "input.data.exp_content")
    emergency = said.get("med_type") in EMERGENCY or more.get("OTP_ER_REFL_FLAG") in ("1", "3")
    return Charge(
        window.visit_id,
        said.get("chrg_bchno") or STAY,
        account_used=said["acct_used_flag"] == OWN_ACCOUNT,
        shared_used=said["acct_used_flag"] == SHARED_ACCOUNT,
        total=said["medfee_sumamt"],
        insutype=said["insutype"],
        med_type=said.get("med_type"),
        emergency=emergency or None,
        override=_override(more),
    )


def _doubts(session: Session, asked: Asked, window: Window) -> str | None:
    """What a doctor would have to answer for when this is settled, as the region's key DOUBTS."""
    batch = asked.nodes["data"].get("chrg_bchno") or STAY
    found = settlement.doubts_of(session, asked.caller, visit_id=window.visit_id, batch=batch)
    if not found:
        return None
    return msgspec.json.encode({"DOUBTS": [doubt.sentence("zh") for doubt in found]}).decode()


def _override(more: Mapping[str, str]) -> Override | None:
    """A doctor who answers for what is doubted. Refuses: Missing, when one of the two keys stands alone."""
    doctor, reason = more.get("OVRD_DR_CODG", ""), more.get("OVRD_REA", "")
    if not doctor and not reason:
        return None
    if not (doctor and reason):
        alone = "OVRD_REA" if doctor else "OVRD_DR_CODG"
        raise Missing(element=f"input.data.exp_content.{alone}", allowed="医师编码和理由要同时填写。")
    return Override(doctor, reason)


def told(asked: Asked, window: Window, row: Settlement) -> Done:
    """A settlement, or what undid one, in the words of the interface. An undo keeps the id of what it undid."""
    info = _about(asked, window) | figures(row, row.shared)
    info |= {
        "setl_id": row.undoes or row.id,
        "insutype": row.insutype,
        "cvlserv_flag": bool(row.bill.get("civil_servant")),
        "setl_time": row.settled_at,
        "med_type": row.med_type,
        "balc": row.balance,
        "pool_prop_selfpay": _ratio(row.ratio),
        "medins_setl_id": row.msgid,
        "clr_optins": row.clr_office,
        "clr_type": row.clr_type,
    }
    subject = f"settlement/{row.undoes or row.id}"
    if row.platform is not None:
        own = row.platform["words"] if row.undoes is None else {}
        return _as_the_platform_said(asked, window, own, info | _of_platforms_only(row.platform), subject)
    detail = setldetail(asked.region, row, row.insutype, window.care)
    return Done({"setlinfo": info, "setldetail": detail}, window.person_id, subject)


def told_upstream(asked: Asked, window: Window, words: Mapping[str, Any]) -> Done:
    """A platform's quote in its own words, with our numbers for person and visit."""
    info = _about(asked, window) | {"medins_setl_id": asked.request.msgid}
    return _as_the_platform_said(asked, window, words, info, f"visit/{window.visit_id}")


def _as_the_platform_said(
    asked: Asked, window: Window, words: Mapping[str, Any], info: Mapping[str, Any], subject: str
) -> Done:
    """The platform's words over ours, but for the numbers by which the hospital knows person, visit and settlement."""
    own = {name: info[name] for name in ("mdtrt_id", "setl_id", "medins_setl_id") if name in info}
    tables = transaction(asked.request.infno, asked.region).outgoing
    said = _values(tables["setlinfo"], words.get("setlinfo", {}))
    detail = [_values(tables["setldetail"], row) for row in words.get("setldetail", [])]
    return Done({"setlinfo": dict(info) | said | own, "setldetail": detail}, window.person_id, subject)


def _values(table: Node, words: Mapping[str, str]) -> dict[str, Any]:
    """What was kept as text, as values again; it was read by such a table when it came."""
    convert = {code: reading for code, _, _, reading in table.plan}
    return {code: convert[code](text) for code, text in words.items() if code in convert and text}


def _of_platforms_only(platform: Mapping[str, Any]) -> dict[str, Money]:
    return {"oth_pay": Money(platform["other"]), "hosp_part_amt": Money(platform["hospital"])}


def figures(bill: Figures, shared: Money | int | None) -> dict[str, Money]:
    """The amounts of a bill under the interface's names; the funds this region does not have are zero.

    `shared` is the part of the account's that a relative's account paid.
    """
    none = Money(0)
    return {
        "medfee_sumamt": Money(bill.total),
        "fulamt_ownpay_amt": Money(bill.own),
        "overlmt_selfpay": Money(bill.over),
        "preselfpay_amt": Money(bill.first),
        "inscp_scp_amt": Money(bill.scope),
        "act_pay_dedc": Money(bill.deductible),
        "hifp_pay": Money(bill.pool),
        "cvlserv_pay": Money(bill.civil),
        "hifes_pay": none,
        "hifmi_pay": Money(bill.serious),
        "hifob_pay": Money(bill.large),
        "maf_pay": Money(bill.aid),
        "hifdm_pay": none,
        "oth_pay": none,
        "fund_pay_sumamt": Money(bill.fund),
        "psn_part_amt": Money(bill.account + bill.cash),
        "acct_pay": Money(bill.account),
        "acct_mulaid_pay": Money(shared or 0),
        "psn_cash_pay": Money(bill.cash),
        "pdn_cash_pay": Money(bill.cash),
        "hosp_part_amt": none,
    }


def setldetail(spoken: Region, bill: Figures, insutype: str, care: str) -> list[dict[str, Any]]:
    """One row a fund that pays; their sum is fund_pay_sumamt."""
    paid = {"pool": bill.pool, "large": bill.large, "serious": bill.serious, "civil": bill.civil, "aid": bill.aid}
    codes = {fund: fund_pay_type(insutype, fund, care) for fund in paid}
    return [
        {
            "fund_pay_type": codes[fund],
            "inscp_scp_amt": Money(bill.scope),
            "crt_payb_lmt_amt": Money(amount),
            "fund_payamt": Money(amount),
            "fund_pay_type_name": fund_name(spoken, codes[fund]),
        }
        for fund, amount in paid.items()
        if amount
    ]


def in_our_words(wrong: TotalDiffers) -> TotalDiffers:
    """The hub speaks of a total; the hospital sent input.data.medfee_sumamt."""
    return TotalDiffers(**wrong.facts | {"element": "input.data.medfee_sumamt"})


def window_of(session: Session, asked: Asked) -> Window:
    """The person and the visit that a transaction names. Refuses: PersonUnknown, VisitUnknown."""
    (window,) = settlement.windows(session, [naming(asked)])
    if isinstance(window, Fault):
        raise window
    return window


def _about(asked: Asked, window: Window) -> dict[str, Any]:
    said = asked.nodes["data"]
    return about(window, psn_no=said["psn_no"], on=day_of(asked.caller.at)) | {
        "mdtrt_id": window.visit_id,
        "psn_type": window.psn_type or OTHER_PERSON,
        "mdtrt_cert_type": said.get("mdtrt_cert_type"),
        "med_type": said.get("med_type") or window.med_type,
        "clr_way": BY_ITEM,
    }


def named(session: Session, asked: Asked) -> Settlement:
    """The settlement that setl_id and mdtrt_id name together. Refuses: SettlementUnknown."""
    said = asked.nodes["data"]
    text = said["setl_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise SettlementUnknown(settlement_id=text)
    row = settlement.settlement(session, asked.caller, int(text))
    if str(row.visit_id) != said["mdtrt_id"] or row.organisation_id != asked.institution or row.undoes:
        raise SettlementUnknown(settlement_id=text)
    return row


def _ratio(hundred_millionths: int) -> Decimal:
    return (Decimal(hundred_millionths) / coverage.RATIO_ONE).quantize(FOUR_PLACES)
