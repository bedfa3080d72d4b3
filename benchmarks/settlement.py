"""settle-door and settle-verb: out-patient charges of four lines, through transaction 2207 and without a door.

Registering visits and uploading lines (2201, 2204) is done before the clock starts; what is measured is the
settlement: signed request in, adjudicated, accumulators moved, postings, outbox, signed-in answer out. The verb is
`settle_many` behind the gatherer in this process, without signature, field table, audit and HTTP.
"""

import hashlib
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import insert, select, text
from sqlalchemy.orm import Session

from adapters import door
from adapters.gather import Gatherer
from adapters.serve import leave_to_stay
from benchmarks.load import Result
from benchmarks.population import HOSPITAL, Somebody
from fixtures import region
from fixtures.simulators.nhsa_client import Hospital
from hub import directory
from hub.coverage import Account, AccountCredit, Enrolment
from hub.records import Visit
from hub.settlement import Charge, FeeLine, Order, Registration, Settlement, settle_many
from hub.trust import Caller
from hub.units import Money

LINES = (("主任医师门诊诊察费", "1", "32.50"), ("心电图（十二导联）", "1", "25.00"), ("血脂四项", "1", "35.00"),
         ("阿司匹林肠溶片 100mg×30", "2", "14.50"))  # fmt: skip
TOTAL = "121.50"
BALANCE = Money.yuan("1000.00")
EMPLOYEE, OUTPATIENT = "310", "11"


class Bill(NamedTuple):
    """An open charge of somebody's visit."""

    somebody: Somebody
    visit_id: int
    batch: str


def bills(session: Session, everybody: list[Somebody], batches: int, *, at: datetime) -> Iterator[Bill]:
    """Everybody insured, with a visit of `batches` open charges; the first of everybody first."""
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
    first = next(iter(visits.values()))
    _bulk(session, FeeLine, [{"visit_id": first, **line} for line in _lines(session, at)])
    session.flush()
    session.execute(_COPY_LINES, {"first": first, "others": list(visits.values())[1:], "batches": batches})
    return (Bill(s, visits[s.person_id], str(n)) for n in range(1, batches + 1) for s in everybody)


def requests(asked: list[Bill], *, secret: str, address: tuple[str, int]) -> Iterator[bytes]:
    """One signed request a bill, from a cashier who is signed in."""
    window = Hospital(f"http://{address[0]}:{address[1]}", HOSPITAL, "基准医院", HOSPITAL, secret)
    window.sign_in()
    made = [_request(window, bill, address) for bill in asked]
    window.close()
    return iter(made)


def settle_gathered(asked: list[Bill], *, clients: int, seconds: float) -> Result:
    """The verb with `clients` orders in the air, each followed by the next when its outcome is there."""
    gatherer = Gatherer("bench.settle", settle_many)
    orders, result = iter([_order(bill) for bill in asked]), Result()
    leave_to_stay()  # as a worker does
    over, waiting = threading.Event(), clients
    began = time.perf_counter()

    def ask() -> None:
        nonlocal waiting
        order = next(orders, None) if time.perf_counter() - began < seconds else None
        if order is not None:
            asked_at = time.perf_counter()
            gatherer.submit(order).add_done_callback(lambda future: answered(future, asked_at))
            return
        waiting -= 1
        if not waiting:
            over.set()

    def answered(future: "Future[Settlement]", asked_at: float) -> None:
        if future.exception() is None:
            result.latencies.append(time.perf_counter() - asked_at)
        else:
            result.refused += 1
            result.first_refusal = result.first_refusal or repr(future.exception()).encode()
        ask()

    for _ in range(clients):
        ask()
    over.wait()
    result.seconds = time.perf_counter() - began
    gatherer.close()
    return result


def _order(bill: Bill) -> Order:
    key = f"{bill.somebody.number}-{bill.batch}"
    charge = Charge(
        bill.visit_id, bill.batch, total=Money.yuan(TOTAL), insutype=EMPLOYEE, med_type=OUTPATIENT, emergency=None
    )
    caller = Caller(
        "system", HOSPITAL, door.now(), HOSPITAL, scopes=frozenset({"settlement.write"}), trace=key, door="bench"
    )
    return Order(caller, charge, key, hashlib.sha256(key.encode()).digest())


def _request(window: Hospital, bill: Bill, address: tuple[str, int]) -> bytes:
    somebody = bill.somebody
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
        "mdtrt_id": str(bill.visit_id),
        "insutype": EMPLOYEE,
        "acct_used_flag": "1",
        "invono": "",
        "fulamt_ownpay_amt": "0",
        "overlmt_selfpay": "0",
        "preselfpay_amt": "0",
        "inscp_scp_amt": "0",
        "exp_content": "",
        "chrg_bchno": bill.batch,
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
                "batch": "1",
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


_COPY_LINES = text("""
INSERT INTO fee_line (visit_id, number, batch, code, local_code, name, item_class, quantity, unit_price, ceiling,
       amount, restricted, approved, occurred_at)
SELECT v.visit_id, b.batch || '-' || l.number, b.batch::text, l.code, l.local_code, l.name, l.item_class, l.quantity,
       l.unit_price, l.ceiling, l.amount, l.restricted, l.approved, l.occurred_at
  FROM fee_line AS l, generate_series(1, :batches) AS b(batch),
       unnest(CAST(:first AS bigint) || CAST(:others AS bigint[])) AS v(visit_id)
 WHERE l.visit_id = :first AND l.number NOT LIKE '%-%' AND NOT (v.visit_id = :first AND b.batch = 1)""")
