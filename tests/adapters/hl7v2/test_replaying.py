"""A refused message done once more: what it would do, what it does, and that it never does it twice."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from adapters import door
from adapters.hl7v2 import inbound, replaying
from hub import booking, exchange, people, trust
from hub.exchange import HeardMessage, MessageCut, MessageOpen, MessageTaken
from hub.faults import Fault, Invalid
from hub.trust import Audit, Caller, CredentialRefused
from hub.units import day_of, start_of
from tests.adapters.hl7v2.conftest import Door, document
from tests.adapters.hl7v2.test_families import HIS_BOOKS, slots
from tests.region import COMMUNITY, TERTIARY, system

A28, WRONG = document("adt-a28_new-citizen.request.hl7"), document("adt-a28_wrong-check-digit.request.hl7")
RIGHT = replaying.readable(WRONG).replace("420500199003070029", "420500199003070028")
OPERATOR = Caller(kind="staff", id="operator", at=datetime(2026, 11, 23, tzinfo=UTC), trace="replay-1", door="web")
NOTED = ("audit", "heard", "heard_key")


def refused(hl7: Door, raw: bytes = WRONG, sender: str = COMMUNITY) -> int:
    """The id of a message that was just refused."""
    assert hl7.answer(raw, sender=sender)["MSA"].text(1) != "AA"
    with hl7.session() as session:
        return exchange.search_heard(session)[0].id


def replay(hl7: Door, message_id: int, text: str | None = None, operator: Caller = OPERATOR) -> replaying.Replay:
    return door.transact(lambda session: replaying.replay(session, operator, message_id, text=text))


def test_a_corrected_message_is_a_new_one_that_names_the_old_and_both_stay(hl7: Door) -> None:
    old_id = refused(hl7)
    done = replay(hl7, old_id, RIGHT)
    assert (done.accepted, done.message_id) == (True, old_id)
    with hl7.session() as session:
        old, new = exchange.heard(session, old_id), exchange.heard(session, done.new_id or 0)
        assert (old.outcome, old.body, old.replay_of) == ("citizen-number-wrong", WRONG, None)
        assert (new.outcome, new.replay_of, new.sender, new.kind) == ("ok", old_id, old.sender, "ADT^A28")
        assert b"420500199003070028" in new.body
        assert b"MSA|AA|YQ20261122000002" in (new.answer or b"")
        assert people.resolve(session, system=f"mrn/{COMMUNITY}", value="YQ-000187")
        rows = session.scalars(select(Audit).where(Audit.trace == "replay-1").order_by(Audit.id)).all()
        assert [(row.caller_id, row.verb, row.outcome, row.subject) for row in rows] == [
            (old.sender, "adt.register", "ok", rows[0].subject),
            ("operator", "exchange.replay", "ok", f"heard/{old_id} as heard/{new.id}"),
        ]


def test_a_replay_as_it_came_is_accepted_once_the_world_has_changed_and_says_what_it_posts(hl7: Door) -> None:
    tomorrow = start_of(day_of(door.now()) + timedelta(days=1)).astimezone(UTC) + timedelta(hours=9)
    text = HIS_BOOKS.decode().replace("{start}", f"{tomorrow:%Y%m%d%H%M%S}+0000")
    old_id = refused(
        hl7, text.replace("{end}", f"{tomorrow + timedelta(minutes=30):%Y%m%d%H%M%S}+0000").encode(), TERTIARY
    )
    slots(hl7)
    before = hl7.counts()
    would = door.transact(lambda session: replaying.preview(session, OPERATOR, old_id))
    assert hl7.counts() == before, "a preview writes nothing"
    done = replay(hl7, old_id)
    assert done.accepted
    assert done.subject.startswith("appointment/")
    assert (would.posted, would.accepted) == (done.posted, True)
    assert ("notice", "sms") in done.posted


def test_a_message_that_was_accepted_is_not_replayed(hl7: Door) -> None:
    hl7.answer(A28)
    before = hl7.counts()
    with pytest.raises(MessageTaken):
        replay(hl7, 1)
    assert hl7.counts() == before


@pytest.mark.parametrize("again", ["the replay", "the first message", "as the sender sends it"])
def test_once_a_replay_has_succeeded_the_message_has_its_effect_and_no_other(hl7: Door, again: str) -> None:
    old_id = refused(hl7)
    done = replay(hl7, old_id, RIGHT)
    before = hl7.counts()
    if again == "as the sender sends it":
        answer = hl7.answer(WRONG)
        assert answer["MSA"].text(1) == "AA", "it gets the answer of its correction"
        assert hl7.counts() == {**before, "heard": before["heard"] + 1}
        return
    with pytest.raises(MessageTaken):
        replay(hl7, old_id if again == "the first message" else done.new_id or 0)
    assert hl7.counts() == before


def test_what_its_sender_has_mended_and_sent_again_is_not_replayed(hl7: Door) -> None:
    old_id = refused(hl7)
    hl7.answer(WRONG.replace(b"420500199003070029", b"420500199003070028"))
    before = hl7.counts()
    with pytest.raises(MessageTaken):
        replay(hl7, old_id, RIGHT)
    assert hl7.counts() == before


def test_a_replay_that_is_refused_again_is_kept_and_may_be_corrected_further(hl7: Door) -> None:
    old_id = refused(hl7)
    before = hl7.counts()
    first = replay(hl7, old_id)
    assert (first.outcome, "校验位" in first.sentence) == ("citizen-number-wrong", True)
    assert {name for name, count in hl7.counts().items() if before.get(name) != count} <= {"audit", "heard"}
    second = replay(hl7, first.new_id or 0, RIGHT)
    assert second.accepted
    with hl7.session() as session:
        line = exchange.replays_of(session, exchange.heard(session, old_id))
        assert [(row.id, row.replay_of) for row in line] == [(first.new_id, old_id), (second.new_id, old_id)]


@pytest.mark.parametrize("key", [b"YQ20261122000002", b""])
def test_two_people_and_the_sender_at_once_have_one_effect(hl7: Door, key: bytes) -> None:
    """Without MSH-10 the sender's message is refused anyhow, and the first message's lock decides between the people."""
    old_id = refused(hl7, WRONG.replace(b"YQ20261122000002", key))
    right = RIGHT if key else RIGHT.replace("YQ20261122000002", "M1")

    def one(number: int) -> bool:
        if key and number % 3 == 0:
            return hl7.answer(WRONG)["MSA"].text(1) == "AA"
        try:
            return replay(hl7, old_id, right, replace(OPERATOR, trace=f"replay-{number}")).accepted
        except Fault:
            return False

    with ThreadPoolExecutor(6) as pool:
        assert any(pool.map(one, range(6)))
    with hl7.session() as session:
        registered = select(Audit).where(Audit.verb == "adt.register", Audit.outcome == "ok")
        assert len(session.scalars(registered).all()) == 1
    assert hl7.counts()["person"] == 1


def test_a_stranger_who_has_been_given_a_credential_since_is_replayed_as_the_peer_it_is_now(hl7: Door) -> None:
    (answer,) = hl7.hear(A28, address="127.0.9.9")
    assert answer["MSA"].text(1) == "AE"
    with pytest.raises(CredentialRefused):
        replay(hl7, 1)
    with hl7.session() as session, session.begin():
        trust.issue_mllp_peer(
            session, organisation_id=COMMUNITY, address="127.0.9.9", application="HIS", facility=COMMUNITY,
            scopes=trust.SCOPES, at=door.now(),
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("adapters.hl7v2.peers.BELIEVED_SECONDS", 0.0)
        assert replay(hl7, 1).accepted


def test_what_came_in_part_or_is_still_open_or_came_through_another_door_is_not_replayed(hl7: Door) -> None:
    list(inbound.receive(b"MSH|^~\\&|X|" + b"y" * 100_000, address="127.0.9.9"))
    with hl7.session() as session, session.begin():
        caller = system(COMMUNITY, at=door.now())
        open_one = exchange.hear(
            session, caller, door="hl7v2", kind="ADT^A28", key="a", body=A28, content_hash=b"h" * 32
        )
        other = exchange.hear(session, caller, door="nhsa", kind="2201", key="b", body=b"{}", content_hash=b"h" * 32)
        exchange.answer(session, other, outcome="invalid", answer=b"{}")
    before = hl7.counts()
    for message_id, expected in ((1, MessageCut), (open_one.id, MessageOpen), (other.id, replaying.NotByReplay)):
        with pytest.raises(expected):
            replay(hl7, message_id)
    assert hl7.counts() == before


@pytest.mark.parametrize("text", ["", "no message", "MSH"])
def test_a_correction_that_is_no_message_is_refused_and_nothing_is_written(hl7: Door, text: str) -> None:
    old_id = refused(hl7)
    before = hl7.counts()
    with pytest.raises(Invalid, match="message"):
        replay(hl7, old_id, text)
    assert hl7.counts() == before


def test_a_correction_keeps_the_character_set_of_its_message(hl7: Door) -> None:
    text = WRONG.decode().replace("UNICODE UTF-8", "GB 18030-2000")
    done = replay(hl7, refused(hl7, text.encode("gb18030")), RIGHT.replace("UNICODE UTF-8", "GB 18030-2000"))
    with hl7.session() as session:
        assert "示例^小兰".encode("gb18030") in exchange.heard(session, done.new_id or 0).body


def test_of_many_each_is_done_on_its_own(hl7: Door) -> None:
    first = refused(hl7)
    hl7.answer(A28)
    with hl7.session() as session:
        taken = exchange.search_heard(session)[0].id
    done = replaying.replay_each(OPERATOR, [taken, first])
    assert [(one.message_id, one.outcome) for one in done] == [
        (first, "citizen-number-wrong"),
        (taken, "message-taken"),
    ]
    with hl7.session() as session:
        assert session.scalars(select(HeardMessage.id).where(HeardMessage.replay_of.is_not(None))).all() == [
            done[0].new_id
        ]
    assert booking.Appointment.__tablename__ not in hl7.counts()
