"""2206, 2207, 2208, 2303, 2304, 2305, 2601, 5203: what is paid by whom, fixed, taken back, looked up."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Protocol

from sqlalchemy.orm import Session

from adapters.nhsa.extension import extension
from adapters.nhsa.funds import EMERGENCY, fund_name, fund_pay_type
from adapters.nhsa.identity import about, by_psn_no, must_match, own_visit, today
from adapters.nhsa.region import Region
from adapters.nhsa.verbs import Asked, Done
from hub import coverage, settlement
from hub.faults import Invalid, Refused
from hub.people import Person
from hub.records import Visit
from hub.settlement import STAY, Charge, KeyReversed, Settlement, SettlementUnknown, TotalDiffers
from hub.settlement.charges import clearing_type
from hub.units import Money

BY_ITEM = "1"
ACCOUNT_NOT_USED = "0"
FINAL = "0"
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
    person, visit, charge = charged(session, asked)
    try:
        explained = settlement.quote(session, asked.caller, charge)
    except TotalDiffers as wrong:
        raise _in_our_words(wrong) from None
    insured = {
        "insutype": explained.standing.insutype,
        "cvlserv_flag": explained.standing.civil_servant,
        "balc": Money(explained.standing.account_balance - explained.totals.account),
        "pool_prop_selfpay": _ratio(explained.ratio),
        "clr_optins": asked.region.area,
        "clr_type": clearing_type(explained.bill),
        "setl_time": asked.caller.at,
        "medins_setl_id": asked.request.msgid,
    }
    info = _about(session, asked, person, visit) | insured | figures(explained.totals)
    detail = setldetail(asked.region, explained.totals, explained.standing.insutype, visit.care)
    return Done({"setlinfo": info, "setldetail": detail}, person.id, f"visit/{visit.id}")


def settle(session: Session, asked: Asked) -> Done:
    """2207 and 2304. A batch that is settled already is answered with the settlement that stands."""
    person, visit, charge = charged(session, asked)
    try:
        row = settlement.settle(
            session, asked.caller, charge, key=asked.request.msgid, content_hash=asked.request.content_hash
        )
    except TotalDiffers as wrong:
        raise _in_our_words(wrong) from None
    if row.state == "cancelled":
        raise KeyReversed(key=asked.request.msgid)
    return settled(session, asked, person, visit, row)


def undo(session: Session, asked: Asked) -> Done:
    """2208 and 2305: a settlement is taken back whole; the answer carries its amounts with a minus."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    visit = own_visit(session, asked, said["mdtrt_id"], person)
    row = _named(session, asked, said)
    counter = settlement.undo(
        session,
        asked.caller,
        settlement_id=row.id,
        key=asked.request.msgid,
        content_hash=asked.request.content_hash,
    )
    return settled(session, asked, person, visit, counter)


def look_up(session: Session, asked: Asked) -> Done:
    """5203: a settlement of this institution as it stands."""
    said = asked.nodes["data"]
    person = by_psn_no(session, said["psn_no"])
    visit = own_visit(session, asked, said["mdtrt_id"], person)
    row = _named(session, asked, said)
    done = settled(session, asked, person, visit, row)
    info = done.output["setlinfo"] | {
        "pay_loc": "2",
        "fixmedins_code": asked.institution,
        "fixmedins_name": asked.request.head["fixmedins_name"],
        "begndate": visit.begun_at,
        "enddate": visit.ended_at or visit.begun_at,
        "psn_pay": Money(row.account + row.cash),
        "cash_payamt": row.cash,
        "refd_setl_flag": row.state == "cancelled",
        "year": str(row.year),
    }
    return Done(done.output | {"setlinfo": info}, person.id, done.subject)


def charged(session: Session, asked: Asked) -> tuple[Person, Visit, Charge]:
    """Whose what is to be settled. Refuses: PersonUnknown, PersonMismatch, VisitUnknown, Invalid, NotDischarged."""
    said = asked.nodes["data"]
    _foots(said)
    person = by_psn_no(session, said["psn_no"])
    must_match(person, said, "input.data")
    visit = own_visit(session, asked, said["mdtrt_id"], person)
    inpatient = "mid_setl_flag" in said
    if inpatient != (visit.care == "inpatient"):
        raise Invalid(
            element="infno", found=asked.request.infno, allowed="住院就诊用 2303、2304，门诊就诊用 2206、2207"
        )
    if asked.request.infno == "2304" and said["mid_setl_flag"] == FINAL and visit.state != "finished":
        raise NotDischarged(visit=visit.number)
    more = extension(said["exp_content"], "input.data.exp_content")
    emergency = said.get("med_type") in EMERGENCY or more.get("OTP_ER_REFL_FLAG") in ("1", "3")
    charge = Charge(
        visit.id,
        said.get("chrg_bchno") or STAY,
        account_used=said["acct_used_flag"] != ACCOUNT_NOT_USED,
        total=said["medfee_sumamt"],
        insutype=said["insutype"],
        med_type=said.get("med_type"),
        emergency=emergency or None,
    )
    return person, visit, charge


def settled(session: Session, asked: Asked, person: Person, visit: Visit, row: Settlement) -> Done:
    """A settlement, or what undid one, in the words of the interface. An undo keeps the id of what it undid."""
    info = _about(session, asked, person, visit) | figures(row)
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
    detail = setldetail(asked.region, row, row.insutype, visit.care)
    return Done({"setlinfo": info, "setldetail": detail}, person.id, f"settlement/{row.undoes or row.id}")


def figures(bill: Figures) -> dict[str, Money]:
    """The amounts of a bill under the interface's names; the funds this region does not have are zero."""
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
        "acct_mulaid_pay": none,
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


def _about(session: Session, asked: Asked, person: Person, visit: Visit) -> dict[str, Any]:
    said = asked.nodes["data"]
    enrolled = coverage.enrolments(session, person.id, today(asked))
    psn_type = next((row.psn_type for row in enrolled if said.get("insutype") in (None, row.insutype)), "99")
    return about(person, psn_no=said["psn_no"], on=today(asked)) | {
        "mdtrt_id": visit.id,
        "psn_type": psn_type,
        "mdtrt_cert_type": said.get("mdtrt_cert_type"),
        "med_type": said.get("med_type"),
        "clr_way": BY_ITEM,
    }


def _named(session: Session, asked: Asked, said: Mapping[str, Any]) -> Settlement:
    """The settlement that setl_id and mdtrt_id name together. Refuses: SettlementUnknown."""
    text = said["setl_id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise SettlementUnknown(settlement_id=text)
    row = settlement.settlement(session, asked.caller, int(text))
    if str(row.visit_id) != said["mdtrt_id"] or row.organisation_id != asked.institution or row.undoes:
        raise SettlementUnknown(settlement_id=text)
    return row


def _foots(said: Mapping[str, Any]) -> None:
    """What is charged divides into four; a hospital that leaves all four empty lets us divide. Refuses: Invalid."""
    parts = [said[name] or 0 for name in ("fulamt_ownpay_amt", "overlmt_selfpay", "preselfpay_amt", "inscp_scp_amt")]
    if any(parts) and sum(parts) != said["medfee_sumamt"]:
        allowed = f"全自费、超限价、先行自付、符合范围四项之和 {Money(sum(parts))}"
        raise Invalid(element="input.data.medfee_sumamt", found=said["medfee_sumamt"], allowed=allowed)


def _in_our_words(wrong: TotalDiffers) -> TotalDiffers:
    return TotalDiffers(**wrong.facts | {"element": "input.data.medfee_sumamt"})


def _ratio(hundred_millionths: int) -> Decimal:
    return (Decimal(hundred_millionths) / coverage.RATIO_ONE).quantize(FOUR_PLACES)
