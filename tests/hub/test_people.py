"""One card for life: what feeds, twins of a feed, and wrong numbers do."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import Engine, func, select
from sqlalchemy.orm import Session

from hub import people
from hub.faults import Invalid
from hub.people import Card, CitizenNumberWrong, Demographics, Identification, IdentifierTaken, Person, PersonUnknown
from hub.trust import NotAllowed
from hub.units import day_of
from tests.region import COMMUNITY, NOW, TERTIARY, a_person, citizen, numbered, system

NUMBER = numbered("42050019600101001")
ZHANG = Demographics(name="张示例", gender="M", birth_date=date(1960, 1, 1))


def feed(session: Session, organisation_id: str, mrn: str, number: str = NUMBER) -> Person:
    return people.register(
        session,
        system(organisation_id),
        demographics=ZHANG,
        identifiers=[Identification(f"mrn/{organisation_id}", mrn), Identification("certno/01", number, "PID-3")],
    )


def test_two_hospitals_with_their_own_numbers_lead_to_one_person_and_one_card(session: Session) -> None:
    first, second = feed(session, COMMUNITY, "C-1"), feed(session, TERTIARY, "T-9")
    assert first.id == second.id
    assert people.resolve(session, system=f"mrn/{TERTIARY}", value="T-9").card_number == first.card_number
    assert people.snapshot(session, first.id, TERTIARY)["mrn"] == "T-9"


def test_a_card_number_has_a_check_digit_and_finds_its_person(session: Session) -> None:
    row = feed(session, COMMUNITY, "C-1")
    assert len(row.card_number) == 18
    assert people.resolve(session, system="card", value=row.card_number).id == row.id


@pytest.mark.parametrize(
    ("number", "why"),
    [("420500196001010019", "check digit"), ("42050019601301001X", "birth date"), ("4205001960", "18 characters")],
)
def test_a_wrong_citizen_number_is_refused_by_element_and_nothing_is_written(
    session: Session, number: str, why: str
) -> None:
    with pytest.raises(CitizenNumberWrong, match=why) as refusal:
        feed(session, COMMUNITY, "C-1", number)
    assert refusal.value.element == "PID-3"
    assert session.scalar(select(func.count()).select_from(Person)) == 0


def test_a_record_number_of_another_person_is_refused(session: Session) -> None:
    feed(session, COMMUNITY, "C-1")
    with pytest.raises(IdentifierTaken):
        feed(session, COMMUNITY, "C-1", numbered("42050019600101003"))


def test_an_unknown_number_is_shown_masked(session: Session) -> None:
    with pytest.raises(PersonUnknown) as refusal:
        people.resolve(session, system="certno/01", value=NUMBER)
    assert NUMBER not in refusal.value.sentence()


def test_a_citizen_may_not_register_people(session: Session) -> None:
    with pytest.raises(NotAllowed):
        people.register(session, citizen(1), demographics=ZHANG, identifiers=[])


def test_a_telephone_once_set_is_not_changed_by_a_feed(session: Session) -> None:
    row = a_person(session)
    before = row.telephone
    again = Demographics(name="张示例", gender="M", birth_date=date(1960, 1, 1), telephone="19900009999")
    people.register(
        session, system(TERTIARY), demographics=again, identifiers=[Identification("certno/01", row.certno or "")]
    )
    assert people.person(session, row.id).telephone == before


def test_a_family_proxy_may_act_until_the_end(session: Session) -> None:
    mother, child = a_person(session, 2), a_person(session, 3, born=date(2020, 5, 5))
    people.link_family(session, system(COMMUNITY), proxy_id=mother.id, person_id=child.id, relation="child")
    assert people.may_act_for(session, citizen(mother.id), child.id)
    assert not people.may_act_for(session, citizen(child.id), mother.id)


def test_eight_feeds_of_one_citizen_at_once_make_one_person_and_one_card(engine: Engine) -> None:
    def one(n: int) -> int:
        with Session(engine) as session, session.begin():
            return feed(session, COMMUNITY if n % 2 else TERTIARY, f"R-{n}").id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(one, range(8)))
    with Session(engine) as session:
        assert len(ids) == 1
        assert session.scalar(select(func.count()).select_from(Person)) == 1
        assert session.scalar(select(func.count()).select_from(Card)) == 1


@pytest.mark.parametrize("telephone", ["none", "1234", "1" * 21, "-----", "<b>19900000001</b>", "19900000001\n"])
def test_what_nobody_can_call_is_no_telephone_in_a_feed_or_at_a_counter(session: Session, telephone: str) -> None:
    told = replace(ZHANG, telephone=telephone)
    with pytest.raises(Invalid) as refusal:
        people.register(session, system(COMMUNITY), demographics=told, identifiers=[Identification("psn_no", "S-1")])
    assert (refusal.value.element, refusal.value.code) == ("telephone", "telephone-wrong")
    assert session.scalar(select(func.count()).select_from(Person)) == 0
    row = a_person(session)
    before = row.telephone
    with pytest.raises(Invalid, match="telephone"):
        people.change_telephone(session, system(COMMUNITY), person_id=row.id, telephone=telephone)
    assert row.telephone == before


@pytest.mark.parametrize(
    "telephone", ["12345", "0717-000-0001", "+86 (717) 000 0001", "0717-0000001 ext. 12", "0717-0000001转8001"]
)
def test_a_telephone_is_kept_as_it_is_written(session: Session, telephone: str) -> None:
    row = a_person(session)
    people.change_telephone(session, system(COMMUNITY), person_id=row.id, telephone=telephone)
    assert row.telephone == telephone


def test_nobody_is_born_tomorrow(session: Session) -> None:
    today = day_of(NOW)
    numbers = [Identification(f"mrn/{COMMUNITY}", "N-1")]
    born = replace(ZHANG, birth_date=today + timedelta(days=1))
    with pytest.raises(Invalid) as refusal:
        people.register(session, system(COMMUNITY), demographics=born, identifiers=numbers)
    assert refusal.value.element == "birth_date"
    assert people.register(
        session, system(COMMUNITY), demographics=replace(ZHANG, birth_date=today), identifiers=numbers
    ).id
