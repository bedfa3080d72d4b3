"""The books prove themselves, and a leg too many is named."""

from datetime import timedelta

import pytest

from hub.settlement import Posting, Proof, prove
from tests.hub.coverage.insured import insured, with_pack
from tests.hub.settlement.stays import charged, settle, undo
from tests.region import NOW


@pytest.fixture(autouse=True)
def _pack(session):
    with_pack(session)


def test_settlements_and_their_undoing_foot(session):
    undo(session, settle(session, charged(session, insured(session).id, ended=NOW)))
    assert prove(session, since=NOW - timedelta(days=1)) == Proof(2, ())


def test_a_leg_too_many_names_its_settlement(session):
    row = settle(session, charged(session, insured(session).id, ended=NOW))
    session.add(Posting(settlement_id=row.id, account="person.cash", amount=1))
    session.flush()
    assert prove(session, since=NOW - timedelta(days=1)) == Proof(1, (row.id,))
    assert prove(session, since=NOW + timedelta(days=1)) == Proof(0, ())
