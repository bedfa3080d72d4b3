"""Every settlement adjudicated again: silent over right books, naming the first row of each wrong that is planted."""

from datetime import timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from hub.settlement import refund, rerun
from hub.units import day_of
from tests.hub.settlement.stays import charged, settle, undo
from tests.hub.settlement.test_shared_accounts import a_visit, shared_family
from tests.region import NOW, system


@pytest.fixture
def rows(session):
    """A stay refunded in part, an out-patient bill paid from a shared account and undone, another that stands."""
    owner, child, _ = shared_family(session)
    stay = settle(session, charged(session, owner.id, ended=NOW), key="m1", account_used=False)
    refund(session, system(stay.organisation_id), settlement_id=stay.id, lines={"3": Decimal(1)}, reason="x", key="r1",
           content_hash=b"")  # fmt: skip
    bill = settle(session, a_visit(session, child), key="m2", batch="B", shared_used=True)
    undo(session, bill)
    later = a_visit(session, child, "M2", "41.37")
    settle(session, later, key="m3", batch="B", shared_used=True, at=NOW + timedelta(days=1))
    session.flush()
    return session.execute(text("SELECT id FROM settlement ORDER BY id")).scalars().all()


def test_what_was_paid_is_reached_again_counter_entries_and_refunds_too(session, rows):
    told: list[tuple[int, int]] = []
    done = rerun(session, progress=lambda *both: told.append(both))
    assert (done.settlements, done.first) == (len(rows), None) == (6, None)
    assert told[-1] == (6, 6)


@pytest.mark.parametrize(
    ("wrong", "place", "subject"),
    [
        ("UPDATE settlement SET pool = pool + 1, fund = fund + 1, cash = cash - 1 WHERE id = :id", 0, "pool"),
        ("UPDATE settlement SET shared = shared - 1 WHERE id = :id", 3, "shared"),
        ("UPDATE settlement SET ratio = ratio - 1 WHERE id = :id", 2, "ratio"),
        ("UPDATE settlement SET deductible = deductible + 1 WHERE id = :id", 1, "deductible"),
        (
            "UPDATE settlement SET shares = jsonb_set(shares::jsonb, '{1,6}', '1')::json WHERE id = :id",
            0,
            "lines[2].pool",
        ),
        ("UPDATE settlement SET shares = '[]' WHERE id = :id", 3, "lines"),
        ("UPDATE settlement SET bill = (bill::jsonb - 'day')::json WHERE id = :id", 5, "The bill's day is wrong"),
        ("UPDATE settlement SET bill = jsonb_set(bill::jsonb, '{retired}', 'true')::json WHERE id = :id", 0, "pool"),
    ],
)
def test_the_first_row_that_does_not_fit_is_named(session, rows, wrong, place, subject):
    session.execute(text(wrong), {"id": rows[place]})
    done = rerun(session)
    assert done.settlements == place
    assert done.first is not None
    assert done.first.subject.startswith(f"settlement/{rows[place]} {subject}")
    assert done.first.found != done.first.derived or "wrong" in subject


def test_a_range_of_days_looks_at_those_only(session, rows):
    session.execute(text("UPDATE settlement SET ratio = 1 WHERE id = :id"), {"id": rows[0]})
    today = day_of(NOW)
    assert rerun(session, since=today + timedelta(days=1)).settlements == 1
    assert rerun(session, until=today).first is not None
    assert rerun(session, since=today + timedelta(days=2)).settlements == 0
