"""A person is shown to whoever has to do with them; batches see what single questions see."""

import pytest
from sqlalchemy.orm import Session

from hub import people
from hub.people import Identification
from hub.trust import RecordUnknown
from tests.region import COMMUNITY, COUNTY, TERTIARY, a_person, system


def test_a_person_is_shown_to_who_registered_or_numbered_them_and_to_nobody_else(session: Session) -> None:
    row = a_person(session)
    people.register(
        session,
        system(TERTIARY),
        demographics=people.Demographics(row.name, row.gender, row.birth_date),
        identifiers=[Identification("card", row.card_number), Identification(f"mrn/{TERTIARY}", "M-1")],
    )
    for caller in (system(COMMUNITY), system(TERTIARY)):
        assert people.look_up(session, caller, row.id).id == row.id
    with pytest.raises(RecordUnknown):
        people.look_up(session, system(COUNTY), row.id)
    with pytest.raises(people.PersonUnknown):
        people.look_up(session, system(COUNTY), 999_999)


def test_many_snapshots_say_what_each_alone_says(session: Session) -> None:
    first, second, same = (a_person(session, serial) for serial in (1, 2, 3))
    same.card_number = first.card_number
    for row, number in ((same, "M-3"), (second, "M-2")):
        people.register(
            session,
            system(TERTIARY),
            demographics=people.Demographics(row.name, row.gender, row.birth_date),
            identifiers=[Identification("certno/01", row.certno or ""), Identification(f"mrn/{TERTIARY}", number)],
        )
    session.flush()
    of_card = people.clusters(session, [first.id, second.id, 999_999])
    assert of_card == {first.id: (first.id, same.id), second.id: (second.id,)}
    wanted = [(first.id, TERTIARY), (second.id, TERTIARY), (second.id, COUNTY), (first.id, None)]
    found = people.snapshots(session, wanted)
    assert found == {pair: people.snapshot(session, *pair) for pair in wanted}
    assert [found[pair]["mrn"] for pair in wanted] == ["M-3", "M-2", None, None]
    assert found[second.id, COUNTY] == {
        "person_id": second.id,
        "card": second.card_number,
        "certno": second.certno,
        "name": second.name,
        "gender": second.gender,
        "birth_date": second.birth_date.isoformat(),
        "telephone": second.telephone,
        "mrn": None,
    }


def test_a_snapshot_of_nobody_is_refused(session: Session) -> None:
    with pytest.raises(people.PersonUnknown):
        people.snapshot(session, 999_999, TERTIARY)
