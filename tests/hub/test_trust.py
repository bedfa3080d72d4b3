"""Who gets in, who may look, and what the next try finds."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from hub import trust
from hub.trust import (
    CodeExpired,
    CodeWrong,
    CredentialRefused,
    Door,
    RecordUnknown,
    SignInRefused,
    Staff,
    TooManyCodes,
)
from tests.region import COMMUNITY, NOW, TERTIARY, a_person, citizen, system

DOOR = Door(at=NOW, name="test")
SCOPES = frozenset({"people.write"})


def test_a_token_is_known_until_it_is_revoked(session: Session) -> None:
    token = trust.issue_token(session, name="his", organisation_id=TERTIARY, scopes=SCOPES, at=NOW)
    caller = trust.bearer(session, token, DOOR)
    assert (caller.organisation_id, caller.scopes) == (TERTIARY, SCOPES)
    trust.revoke(session, kind="token", name="his", at=NOW)
    with pytest.raises(CredentialRefused):
        trust.bearer(session, token, DOOR)


def test_a_peer_is_known_by_address_and_names_together(session: Session) -> None:
    known = {"address": "127.0.1.1", "application": "HIS", "facility": TERTIARY}
    trust.issue_mllp_peer(session, organisation_id=TERTIARY, scopes=SCOPES, at=NOW, **known)
    assert trust.mllp_peer(session, door=DOOR, **known).organisation_id == TERTIARY
    for field, value in (("address", "127.0.1.2"), ("application", "LIS"), ("facility", COMMUNITY)):
        with pytest.raises(CredentialRefused):
            trust.mllp_peer(session, door=DOOR, **{**known, field: value})


def test_an_access_key_gives_back_its_secret(session: Session) -> None:
    secret = trust.issue_access_key(session, name="AK1", organisation_id=TERTIARY, scopes=SCOPES, at=NOW)
    assert trust.keyed(session, ["AK1"], DOOR)["AK1"][1] == secret


def test_a_code_works_once_and_for_five_minutes(session: Session) -> None:
    code = trust.send_code(session, person_id=1, at=NOW)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    assert isinstance(trust.verify_code(session, person_id=1, code=wrong, at=NOW), CodeWrong)
    assert trust.verify_code(session, person_id=1, code=code, at=NOW) is None
    assert isinstance(trust.verify_code(session, person_id=1, code=code, at=NOW), CodeExpired)
    later = NOW + timedelta(minutes=2)
    code = trust.send_code(session, person_id=1, at=later)
    assert isinstance(trust.verify_code(session, person_id=1, code=code, at=later + timedelta(minutes=5)), CodeExpired)


def test_five_wrong_tries_kill_a_code(session: Session) -> None:
    code = trust.send_code(session, person_id=1, at=NOW)
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for _ in range(5):
        trust.verify_code(session, person_id=1, code=wrong, at=NOW)
    assert isinstance(trust.verify_code(session, person_id=1, code=code, at=NOW), CodeExpired)


def test_codes_are_limited_a_minute_and_an_hour(session: Session) -> None:
    for minute in range(5):
        trust.send_code(session, person_id=1, at=NOW + timedelta(minutes=minute))
        with pytest.raises(TooManyCodes):
            trust.send_code(session, person_id=1, at=NOW + timedelta(minutes=minute, seconds=30))
    with pytest.raises(TooManyCodes, match="3300 seconds"):
        trust.send_code(session, person_id=1, at=NOW + timedelta(minutes=5))


def test_five_wrong_passwords_pause_an_account(session: Session) -> None:
    trust.add_staff(
        session, name="li", password="right horse", display_name="李", organisation_id=TERTIARY, scopes=SCOPES
    )
    assert isinstance(trust.staff_sign_in(session, name="li", password="right horse", at=NOW), Staff)
    for _ in range(5):
        assert isinstance(trust.staff_sign_in(session, name="li", password="wrong", at=NOW), SignInRefused)
    assert isinstance(trust.staff_sign_in(session, name="li", password="right horse", at=NOW), SignInRefused)
    later = NOW + timedelta(minutes=11)
    assert isinstance(trust.staff_sign_in(session, name="li", password="right horse", at=later), Staff)


def test_a_session_ends_by_idling_and_by_signing_out(session: Session) -> None:
    person = a_person(session)
    token, _ = trust.open_session(session, at=NOW, person_id=person.id)
    found = trust.session_caller(session, token, DOOR)
    assert found is not None
    assert found[0].person_id == person.id
    assert trust.session_caller(session, token, replace(DOOR, at=NOW + timedelta(days=3))) is None
    trust.close_session(session, token)
    session.flush()
    assert trust.session_caller(session, token, DOOR) is None


def test_a_stranger_gets_the_answer_of_a_record_that_is_not_there(session: Session) -> None:
    person = a_person(session)
    with pytest.raises(RecordUnknown):
        trust.admit(session, system(TERTIARY), [person.id], "result")
    trust.admit(session, citizen(person.id), [person.id], "result")
    trust.admit(session, system(COMMUNITY), [person.id], "result", owner=COMMUNITY)


def test_a_grant_opens_from_its_beginning_to_its_end_for_its_kinds(session: Session) -> None:
    person, caller = a_person(session), system(TERTIARY)
    trust.grant(
        session,
        caller,
        person_id=person.id,
        organisation_id=TERTIARY,
        basis="referral",
        source="referral/1",
        kinds=("result",),
        since=NOW,
    )
    trust.admit(session, caller, [person.id], "result")
    with pytest.raises(RecordUnknown):
        trust.admit(session, caller, [person.id], "bill")
    trust.end_grants(session, caller, source="referral/1", until=NOW + timedelta(days=1))
    with pytest.raises(RecordUnknown):
        trust.admit(session, replace(caller, at=NOW + timedelta(days=2)), [person.id], "result")


def test_break_glass_needs_a_reason_and_lasts_a_day(session: Session) -> None:
    person, caller = a_person(session), system(TERTIARY)
    with pytest.raises(trust.BreakGlassNeedsReason):
        trust.break_glass(session, caller, person_id=person.id, reason=" ")
    trust.break_glass(session, caller, person_id=person.id, reason="昏迷入院")
    trust.admit(session, caller, [person.id], "result")
    with pytest.raises(RecordUnknown):
        trust.admit(session, replace(caller, at=NOW + timedelta(hours=25)), [person.id], "result")
