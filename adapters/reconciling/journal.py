"""Every amount of a day's settlements against what was said of it over the wire, in the words of each door."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

import msgspec
from sqlalchemy.orm import Session

from adapters import door
from hub import reconciliation
from hub.reconciliation import Journal, Told
from hub.trust import Caller
from hub.units import Money

NATIONAL = {
    "medfee_sumamt": "total",
    "overlmt_selfpay": "over",
    "fulamt_ownpay_amt": "own",
    "preselfpay_amt": "first",
    "inscp_scp_amt": "scope",
    "act_pay_dedc": "deductible",
    "hifp_pay": "pool",
    "hifob_pay": "large",
    "hifmi_pay": "serious",
    "cvlserv_pay": "civil",
    "maf_pay": "aid",
    "fund_pay_sumamt": "fund",
    "acct_pay": "account",
    "psn_cash_pay": "cash",
}
"""The national interface's names of amounts, and ours."""
OURS = ("total", "over", "own", "first", "scope", "deductible", "fund", "account", "cash")
"""The amounts of a settlement as the JSON API says them."""

Amounts = dict[str, tuple[str, int]]


def compare(caller: Caller, day: date) -> Journal:
    """Page by page, each in a transaction of its own; what differs is kept as an item of reconciliation."""
    done, after = Journal(), 0
    while after is not None:
        after = door.transact(lambda session, after=after: _page(session, caller, day, after, done))  # type: ignore[misc]
    return done


def _page(session: Session, caller: Caller, day: date, after: int, done: Journal) -> int | None:
    """The last settlement looked at; None when there are no more."""
    rows = reconciliation.told(session, caller, day=day, after=after)
    found, answers = [], 0
    for row in rows:
        for direction, kind, said in _said(row):
            answers += 1
            differing = reconciliation.note_differing(
                session, caller, row=row, direction=direction, infno=kind, said=said
            )
            found += [(row.id, row.msgid, each) for each in differing]
    done.settlements, done.answers = done.settlements + len(rows), done.answers + answers
    done.differing += found
    return rows[-1].id if rows else None


def _said(row: Told) -> Iterator[tuple[str, str, Amounts]]:
    """Direction, kind of message and amounts of every answer that speaks of this row."""
    for name, kind, content in row.sent:
        said = _national(row, _document(content).get("output")) if name == "nhsa" else _plain(row, _document(content))
        if said:
            yield "sent", kind, said
    for infno, answer in row.received if row.undoes is None else ():  # nobody says with which sign an undo is answered
        said = _amounts(answer.get("setlinfo") or {})
        if said:
            yield "received", infno, said


def _document(content: bytes) -> dict[str, Any]:
    """An answer as JSON; another door's is none, and says nothing here."""
    try:
        found = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return found if isinstance(found, dict) else {}


def _national(row: Told, output: Any) -> Amounts:
    info = output.get("setlinfo") if isinstance(output, dict) else None
    if not isinstance(info, dict) or str(info.get("setl_id")) != str(row.undoes or row.id):
        return {}
    return _amounts(info)


def _amounts(info: Mapping[str, Any]) -> Amounts:
    return {
        ours: (f"setlinfo.{name}", _fen(info[name]))
        for name, ours in NATIONAL.items()
        if info.get(name) not in (None, "")
    }


def _plain(row: Told, said: Mapping[str, Any]) -> Amounts:
    """The part of an answer that is this settlement: alone, or beside others as a refund's."""
    parts = [said, *(part for part in said.values() if isinstance(part, dict))]
    own = next((part for part in parts if part.get("settlement_id") == row.id and "total" in part), {})
    return {name: (name, _fen(own[name])) for name in OURS if name in own}


def _fen(text: Any) -> int:
    return int(Money.yuan(str(text)))
