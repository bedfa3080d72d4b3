"""The whole check: silent over right books, and naming the row of each wrong that is planted."""

import random
from contextlib import suppress
from decimal import Decimal

import pytest
from sqlalchemy import text

from hub import coverage
from hub.settlement import BuiltUpon, Settlement, refund, verify
from hub.units import Code
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, settle, undo
from tests.region import COMMUNITY, NOW, system


@pytest.fixture
def books(session):
    """A few people with settlements of every kind, some of them undone."""
    with_pack(session)
    rng = random.Random(7)
    rows = []
    for serial in range(1, 5):
        person = insured(session, serial, insutype=rng.choice(["310", "390"]), balance=40_000, aid=serial == 2)
        coverage.file_chronic(
            session,
            system(COMMUNITY),
            person_id=person.id,
            insutype="310",
            disease="diabetes",
            diagnosis=Code("opsp", "M01600"),
            diagnosis_name="糖尿病",
            since=NOW.date(),
            until=None,
            source=f"test/{serial}",
        )
        for n in range(5):
            care, disease = rng.choice([("inpatient", None), ("outpatient", None), ("outpatient", "diabetes")])
            batch = "" if care == "inpatient" else "B"
            price = f"{rng.randint(1, 9_000_000) / 100:.2f}"
            stay = charged(
                session,
                person.id,
                [("S-BED-01", "1", price)],
                number=f"{serial}-{n}",
                care=care,
                batch=batch,
                begun=NOW,
            )
            rows.append(settle(session, stay, key=f"{serial}-{n}", batch=batch, disease=disease))
    for row in rng.sample(rows, 8):
        with suppress(BuiltUpon):
            undo(session, row, key=f"u{row.id}")
    halved = next(row for row in reversed(rows) if session.get_one(Settlement, row.id).state == "active")
    refund(session, system(halved.organisation_id), settlement_id=halved.id, lines={"1": Decimal("0.5")},
           reason="test", key="r", content_hash=b"")  # fmt: skip
    session.flush()
    return rows


def test_right_books_have_no_breach(session, books):
    assert verify(session) == []


PLANTED = [
    ("INSERT INTO posting (settlement_id, account, amount) VALUES ({id}, 'fund.pool', 1)", "legs of a settlement"),
    ("UPDATE accumulator SET pool = pool + 1", "accumulators are"),
    ("UPDATE accumulator SET admissions = admissions + 1", "accumulators are"),
    ("UPDATE chronic_use SET paid = paid + 1", "chronic quotas"),
    ("UPDATE personal_account SET balance = balance + 1", "accounts are"),
    ("UPDATE settlement SET state = 'cancelled' WHERE state = 'active' AND undoes IS NULL", "an undone settlement"),
    ("UPDATE charge_key SET settlement_id = -1", "a charge batch"),
    ("DELETE FROM charge_key", "a standing settlement"),
    ("UPDATE settlement SET shares = '[]' WHERE undoes IS NULL", "a settlement's lines"),
    ("UPDATE fee_line SET refunded = quantity", "what is refunded"),
    (
        "INSERT INTO refund (settlement_id, replaces, counter_id, reason, lines) VALUES ({id}, {id}, {id}, '', '[]')",
        "a refund is",
    ),
]


@pytest.mark.parametrize(("wrong", "check"), PLANTED, ids=[check for _, check in PLANTED])
def test_a_planted_wrong_is_named(session, books, wrong, check):
    session.execute(text(wrong.format(id=books[0].id)))
    breaches = verify(session)
    assert any(breach.check.startswith(check) for breach in breaches)
    assert all(breach.found != breach.derived for breach in breaches)
