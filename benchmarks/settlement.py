"""settle-door: transaction 2207 through the national interface, one out-patient charge of four lines a person.

Registering visits and uploading lines (2201, 2204) is done before the clock starts; what is measured is the
settlement: signed request in, adjudicated, accumulators moved, postings, outbox, signed-in answer out.
"""

from collections.abc import Iterator
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from benchmarks.population import HOSPITAL, Somebody
from fixtures import region
from fixtures.simulators.nhsa_client import Hospital
from hub import directory
from hub.coverage import Account, AccountCredit, Enrolment
from hub.records import Visit
from hub.settlement import FeeLine, Registration
from hub.units import Money

LINES = (("主任医师门诊诊察费", "1", "32.50"), ("心电图（十二导联）", "1", "25.00"), ("血脂四项", "1", "35.00"),
         ("阿司匹林肠溶片 100mg×30", "2", "14.50"))  # fmt: skip
TOTAL = "121.50"
BALANCE = Money.yuan("1000.00")
BATCH, EMPLOYEE, OUTPATIENT = "1", "310", "11"


def charges(session: Session, everybody: list[Somebody], *, at: datetime) -> dict[int, int]:
    """Everybody insured, with a visit and its open lines; the visit of each person."""
    ids = [somebody.person_id for somebody in everybody]
    standing = {
        "insutype": EMPLOYEE,
        "psn_type": "11",
        "area": "420500",
        "retired": False,
        "civil_servant": False,
        "aid": False,
        "employer": "",
        "state": "active",
        "since": date(2024, 1, 1),
        "source": "bench",
    }
    _bulk(session, Enrolment, [{"person_id": s.person_id, "psn_no": s.psn_no, **standing} for s in everybody])
    _bulk(session, Account, [{"person_id": person_id, "balance": BALANCE} for person_id in ids])
    credit = {"amount": BALANCE, "at": at, "source": "bench"}
    _bulk(session, AccountCredit, [{"person_id": person_id, **credit} for person_id in ids])
    visit = {"organisation_id": HOSPITAL, "care": "outpatient", "department_id": f"{HOSPITAL}-0304",
             "diagnoses": [], "begun_at": at, "state": "in-progress"}  # fmt: skip
    _bulk(session, Visit, [{"person_id": s.person_id, "number": f"BENCH{s.number}", **visit} for s in everybody])
    own = select(Visit.person_id, Visit.id).where(Visit.number.startswith("BENCH"))
    visits = dict(session.execute(own).all())
    said = {"insutype": EMPLOYEE, "med_type": OUTPATIENT, "emergency": False}
    _bulk(session, Registration, [{"visit_id": visit_id, **said} for visit_id in visits.values()])
    lines = _lines(session, at)
    _bulk(session, FeeLine, [{"visit_id": visit_id, **line} for visit_id in visits.values() for line in lines])
    return visits


def requests(
    everybody: list[Somebody], visits: dict[int, int], *, secret: str, address: tuple[str, int]
) -> Iterator[bytes]:
    """One signed request a person, from a cashier who is signed in."""
    window = Hospital(f"http://{address[0]}:{address[1]}", HOSPITAL, "基准医院", HOSPITAL, secret)
    window.sign_in()
    made = [_request(window, somebody, visits[somebody.person_id], address) for somebody in everybody]
    window.close()
    return iter(made)


def _request(window: Hospital, somebody: Somebody, visit_id: int, address: tuple[str, int]) -> bytes:
    asked = {
        "psn_no": somebody.psn_no,
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": somebody.certno,
        "card_sn": "",
        "psn_cert_type": "01",
        "certno": somebody.certno,
        "psn_type": "11",
        "psn_name": f"基准{somebody.number[1:]}",
        "medfee_sumamt": TOTAL,
        "psn_setlway": "01",
        "mdtrt_id": str(visit_id),
        "insutype": EMPLOYEE,
        "acct_used_flag": "1",
        "invono": "",
        "fulamt_ownpay_amt": "0",
        "overlmt_selfpay": "0",
        "preselfpay_amt": "0",
        "inscp_scp_amt": "0",
        "exp_content": "",
        "chrg_bchno": BATCH,
        "med_type": OUTPATIENT,
        "pub_hosp_rfom_flag": "",
    }
    body = window.envelope("2207", {"data": asked}, msgid=window.next_msgid())
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **window.signed("2207")}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"POST /nhsa/2207 HTTP/1.1\r\nHost: {address[0]}:{address[1]}\r\n{head}\r\n".encode() + body


def _lines(session: Session, at: datetime) -> list[dict[str, Any]]:
    codes = {row["name"]: row["code"] for row in region.rows("catalogue")}
    items = directory.catalogue(session, [codes[name] for name, _, _ in LINES])
    level = str(directory.organisation(session, HOSPITAL).level)
    rows = []
    for number, (name, quantity, price) in enumerate(LINES, start=1):
        item = items[codes[name]]
        ceiling = item.ceilings.get(level)
        rows.append(
            {
                "number": str(number),
                "batch": BATCH,
                "code": item.code,
                "local_code": item.code,
                "name": name,
                "item_class": item.item_class,
                "quantity": Decimal(quantity),
                "unit_price": Decimal(price),
                "ceiling": None if ceiling is None else Decimal(ceiling),
                "amount": Money.yuan(str(Decimal(quantity) * Decimal(price))),
                "restricted": item.restricted,
                "approved": True,
                "occurred_at": at,
            }
        )
    return rows


def _bulk(session: Session, table: type[Any], rows: list[dict[str, Any]]) -> None:
    for begin in range(0, len(rows), 5000):
        session.execute(insert(table), rows[begin : begin + 5000])
