"""A personal account shared in the family: who may share with whom, once, from when, until when."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from hub import coverage, people
from hub.coverage import AccountShare, NotInsured, NotShared, ShareOverlaps, ShareUnknown, Sharing
from hub.faults import Fault, Invalid
from hub.lifecycle import IllegalMove
from hub.people import PersonDied, PersonUnknown
from hub.trust import NotAllowed, RecordUnknown
from hub.units import day_of
from tests.hub.coverage.insured import insure, insured
from tests.region import BUREAU, NOW, TERTIARY, a_person, citizen, staff, system

CORE, TODAY = system(BUREAU), day_of(NOW)


def family(session):
    """An employee with 500 yuan and a child insured as a resident."""
    owner = insured(session, 1, balance=50_000)
    child = a_person(session, 2, name="张小例", born=date(2018, 6, 1))
    insure(session, child.id, serial=2, insutype="390")
    return owner, child


def sharing(owner, child, **differs) -> Sharing:
    said = Sharing(owner.id, child.id, "child", TODAY, "户口簿 420500-12", TODAY)
    return replace(said, **differs)


def share(session, said: Sharing, *, caller=CORE) -> AccountShare:
    return coverage.share_account(session, caller, said, source="test")


def count(session) -> int:
    return session.scalar(select(func.count()).select_from(AccountShare)) or 0


def owner_for(session, child, *, on: date = TODAY) -> int | None:
    (found,) = coverage.sharers(session, [((child.id,), on)], lock=True)
    return None if isinstance(found, NotShared) else found.owner_id


def test_a_relative_may_pay_from_the_day_on_and_not_before_or_after(session):
    owner, child = family(session)
    row = share(session, sharing(owner, child, since=TODAY + timedelta(days=1), until=TODAY + timedelta(days=2)))
    assert [owner_for(session, child, on=TODAY + timedelta(days=n)) for n in range(4)] == [
        None,
        owner.id,
        owner.id,
        None,
    ]
    assert (
        coverage.shares(session, CORE, person_id=child.id)
        == [row]
        == coverage.shares(session, CORE, person_id=owner.id)
    )


def test_the_same_again_is_the_sharing_that_stands(session):
    owner, child = family(session)
    first = share(session, sharing(owner, child))
    assert share(session, sharing(owner, child)).id == first.id
    assert count(session) == 1


def test_a_second_account_for_the_same_days_is_refused_naming_the_first(session):
    owner, child = family(session)
    other = insured(session, 3)
    first = share(session, sharing(owner, child))
    with pytest.raises(ShareOverlaps, match=f"sharing {first.id}"):
        share(session, sharing(other, child))
    coverage.end_share(session, CORE, share_id=first.id)
    assert share(session, sharing(other, child)).owner_id == other.id
    assert owner_for(session, child) == other.id


@pytest.mark.parametrize(
    ("differs", "element"),
    [
        ({"relation": "cousin"}, "relation"),
        ({"proof": " "}, "proof"),
        ({"proof": "x" * 201}, "proof"),
        ({"consented_on": TODAY + timedelta(days=1), "since": TODAY + timedelta(days=1)}, "consented_on"),
        ({"since": TODAY - timedelta(days=1)}, "since"),
        ({"until": TODAY - timedelta(days=1)}, "until"),
    ],
)
def test_what_contradicts_itself_is_refused_by_its_element(session, differs, element):
    owner, child = family(session)
    with pytest.raises(Invalid) as refused:
        share(session, sharing(owner, child, **differs))
    assert (refused.value.element, count(session)) == (element, 0)


def test_nobody_shares_with_oneself(session):
    owner, _ = family(session)
    with pytest.raises(Invalid, match="relative_id"):
        share(session, sharing(owner, owner))


def test_only_an_employee_shares_and_only_with_somebody_insured_in_the_region(session):
    owner, child = family(session)
    stranger = a_person(session, 7)
    elsewhere = insured(session, 8, insutype="390", area="429900")
    for said, refusal in (
        (sharing(child, owner), NotInsured),
        (sharing(owner, stranger), NotInsured),
        (sharing(owner, elsewhere), Invalid),
        (sharing(owner, replace_id(child, 999_999)), PersonUnknown),
    ):
        with pytest.raises(refusal):
            share(session, said)
    assert count(session) == 0


def replace_id(person, person_id):
    return type("Somebody", (), {"id": person_id})


def test_the_dead_neither_share_nor_pay(session):
    owner, child = family(session)
    share(session, sharing(owner, child))
    people.record_death(
        session, system(TERTIARY), person_id=owner.id, died_on=TODAY - timedelta(days=1), source="visit/1"
    )
    assert owner_for(session, child) is None
    with pytest.raises(PersonDied):
        share(session, sharing(owner, child, relation="spouse"))


def test_the_bureau_or_the_owner_ends_it_at_once_and_once(session):
    owner, child = family(session)
    row = share(session, sharing(owner, child))
    for stranger in (citizen(child.id), replace(staff(TERTIARY), scopes=frozenset({"settlement.write"}))):
        with pytest.raises(ShareUnknown):
            coverage.end_share(session, stranger, share_id=row.id)
    coverage.end_share(session, citizen(owner.id), share_id=row.id)
    assert (row.state, row.ended_by, owner_for(session, child)) == ("ended", f"citizen/person/{owner.id}", None)
    with pytest.raises(IllegalMove):
        coverage.end_share(session, CORE, share_id=row.id)


def test_who_may_not_open_or_see_is_told_so(session):
    owner, child = family(session)
    with pytest.raises(NotAllowed):
        share(session, sharing(owner, child), caller=replace(CORE, scopes=frozenset({"settlement.write"})))
    with pytest.raises(RecordUnknown):
        coverage.shares(session, citizen(a_person(session, 9).id), person_id=owner.id)


CSV = """certno,name,insutype,psn_no,psn_type,area,since,account_of,relation,proof,consented_on,shared_until
{child},张小例,390,42050000000000000002,1403,420500,2024-01-01,{owner},child,户口簿 12,2026-11-20,
{owner},张示例,310,42050000000000000001,11,420500,2024-01-01,,,,,
"""


def numbers(session) -> dict[str, str]:
    owner, child = a_person(session, 1), a_person(session, 2, name="张小例", born=date(2018, 6, 1))
    return {"owner": owner.certno, "child": child.certno}


def test_a_feed_says_who_shares_also_when_the_owner_comes_later(session):
    named = numbers(session)
    rows = coverage.read_enrolments(CSV.format(**named))
    fed = coverage.feed(session, CORE, rows=rows, source="core/1")
    later = replace(CORE, at=NOW + timedelta(days=1))
    again = coverage.feed(session, later, rows=rows, source="core/1")
    assert ((fed.new, fed.shared), (again.unchanged, again.shared)) == ((2, 1), (2, 0))
    (row,) = session.scalars(select(AccountShare))
    assert (row.relation, row.since, row.until, row.source) == ("child", date(2026, 11, 20), None, "core/1")


@pytest.mark.parametrize(
    ("wrong", "element"),
    [
        (("child,户口簿 12", "child,"), "proof"),
        (("child,户口簿 12", "aunt,户口簿 12"), "relation"),
        (("2026-11-20", "soon"), "consented_on"),
        (("{owner},child", "420500190001010011,child"), "account_of"),
    ],
)
def test_a_feed_with_a_wrong_sharing_names_its_row_and_writes_nothing(session, wrong, element):
    named = numbers(session)
    text = CSV.replace(*wrong).format(**named)
    with pytest.raises(Fault, match=element), session.begin_nested():
        coverage.feed(session, CORE, rows=coverage.read_enrolments(text), source="core/1")
    assert count(session) == 0
